/** `descent generate`: text from a trained model, as it is written. */
import { folder } from "../checkpoint/node-run.ts";
import { ConfigError } from "../errors.ts";
import { checkSampling, type WriteOptions } from "../generate/index.ts";
import { loadLanguageModel } from "../tasks/language.ts";
import type { Interruption } from "./interruption.ts";
import type { IO } from "./io.ts";
import { openingPrompt, stream } from "./sample.ts";

export interface GenerateFlags {
  readonly prompt?: string | undefined;
  readonly tokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly topP?: number | undefined;
  readonly seed?: number | undefined;
  readonly json?: true | undefined;
}

export async function generate(run: string, flags: GenerateFlags, io: IO, stop: Interruption): Promise<void> {
  const { prompt: given, json, ...options } = flags;
  checkSampling(options);
  if (given === "") throw new ConfigError("--prompt: expected some text to go on from, got none; leave it out for any");
  const model = await loadLanguageModel(folder(run));
  const prompt = given ?? openingPrompt(model.tokenizer);
  const source = model.generate(prompt, { ...options, signal: AbortSignal.any([stop.signal, io.closed]) });
  if (json) await emit(run, prompt, source, options, io);
  else await stream(prompt, source, io);
}

/** One event per piece of text, then one with all of it. */
async function emit(run: string, prompt: string, source: AsyncIterable<string>, options: WriteOptions, io: IO) {
  const start = performance.now();
  const line = (event: object) => io.out(`${JSON.stringify(event)}\n`);
  let text = "";
  for await (const piece of source) {
    line({ event: "text", text: piece });
    text += piece;
  }
  const seconds = (performance.now() - start) / 1000;
  line({ event: "done", run, prompt, text, ...options, seconds });
}
