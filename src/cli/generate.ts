/** `descent generate`: text from a trained model, as it is generated. */
import { folder } from "../checkpoint/node-run.ts";
import { ConfigError } from "../errors.ts";
import { generationFlags, isSearched } from "../generate/index.ts";
import { checked } from "../schema.ts";
import { type Continuation, seedsFrom, TextGenerator } from "../tasks/language.ts";
import { open } from "../tasks/open.ts";
import { type DeviceFlags, place } from "./device.ts";
import { flagsOf } from "./flags.ts";
import type { Interruption } from "./interruption.ts";
import { emit, type IO } from "./io.ts";
import { openingPrompt, stream } from "./sample.ts";

export interface GenerateFlags extends DeviceFlags {
  readonly prompt?: string | undefined;
  readonly json?: true | undefined;
  readonly [option: string]: unknown;
}

export async function generate(run: string, flags: GenerateFlags, io: IO, stop: Interruption): Promise<void> {
  const { prompt: given, json } = flags;
  const chosen = flagsOf(generationFlags, flags);
  const { samples, ...options } = checked(generationFlags, chosen, "option");
  isSearched(options, samples);
  const seeds = seedsFrom(options.seed, samples);
  if (given === "") throw new ConfigError("--prompt: expected some text to start from, got none; leave it out for any");
  await using generator = await open(folder(run), await place(flags, io));
  if (!(generator instanceof TextGenerator))
    throw new ConfigError(`generate ${run}: the run was not trained to continue text; use ${io.command} predict`);
  const prompt = given ?? (generator.begin === undefined ? openingPrompt(generator.tokenizer) : "");
  const signal = AbortSignal.any([stop.signal, io.closed]);
  for (const [i, seed] of seeds.entries()) {
    if (signal.aborted && i > 0) break;
    const source = generator.generate(prompt, { ...options, seed, signal });
    if (i > 0 && !json) io.out("\n");
    if (json) await report(run, source, chosen, io, seed);
    else await stream(prompt, source, io);
  }
}

/** One event per piece of text, then one with all of it. */
async function report(
  run: string,
  source: AsyncGenerator<string, Continuation>,
  options: object,
  io: IO,
  seed: number,
) {
  const start = performance.now();
  for (;;) {
    const { done, value } = await source.next();
    const seconds = (performance.now() - start) / 1000;
    if (done) return emit(io, { event: "done", run, ...options, ...value, seconds });
    emit(io, { event: "text", seed, text: value });
  }
}
