/** `descent generate`: text from a trained model, as it is generated. */
import { folder } from "../checkpoint/node-run.ts";
import { ConfigError } from "../errors.ts";
import { checked } from "../schema.ts";
import { language, TextGenerator } from "../tasks/language.ts";
import { open } from "../tasks/open.ts";
import { flagsOf } from "./flags.ts";
import type { Interruption } from "./interruption.ts";
import { emit, type IO } from "./io.ts";
import { openingPrompt, stream } from "./sample.ts";

export interface GenerateFlags {
  readonly prompt?: string | undefined;
  readonly json?: true | undefined;
  readonly [option: string]: unknown;
}

export async function generate(run: string, flags: GenerateFlags, io: IO, stop: Interruption): Promise<void> {
  const { prompt: given, json } = flags;
  const chosen = flagsOf(language.prediction, flags);
  const options = checked(language.prediction, chosen, "option");
  if (given === "") throw new ConfigError("--prompt: expected some text to start from, got none; leave it out for any");
  const generator = await open(folder(run));
  if (!(generator instanceof TextGenerator))
    throw new ConfigError(`generate ${run}: the run was not trained to continue text; use ${io.command} predict`);
  const prompt = given ?? openingPrompt(generator.tokenizer);
  const source = generator.generate(prompt, { ...options, signal: AbortSignal.any([stop.signal, io.closed]) });
  if (json) await report(run, prompt, source, chosen, io);
  else await stream(prompt, source, io);
  await generator.release();
}

/** One event per piece of text, then one with all of it. */
async function report(run: string, prompt: string, source: AsyncIterable<string>, options: object, io: IO) {
  const start = performance.now();
  let text = "";
  for await (const piece of source) {
    emit(io, { event: "text", text: piece });
    text += piece;
  }
  const seconds = (performance.now() - start) / 1000;
  emit(io, { event: "done", run, prompt, text, ...options, seconds });
}
