/** `descent train`: a model from text, or on with a run that was stopped. */
import { platform } from "#runtime";
import type { Store } from "../checkpoint/index.ts";
import { folder, requireFree } from "../checkpoint/node-run.ts";
import { prepareText, type TextData } from "../data/index.ts";
import { loadText } from "../data/node-data.ts";
import { ConfigError, DescentError } from "../errors.ts";
import { modelNames } from "../models/index.ts";
import type { Device } from "../runtime/index.ts";
import { type LanguageHistory, resumeLanguageModel, trainLanguageModel } from "../tasks/language.ts";
import type { Tokenizer } from "../tokenizers/index.ts";
import type { Run, TrainingEvent } from "../train/index.ts";
import { createDisplay, type Display } from "./display.ts";
import { RunFailure } from "./failure.ts";
import { clock, grouped, table } from "./format.ts";
import type { Interruption } from "./interruption.ts";
import { type IO, quote } from "./io.ts";
import { openRun, requireSame } from "./resume.ts";
import { freshFolder } from "./run-folder.ts";
import { openingPrompt, pieces, stream } from "./sample.ts";
import { chooseSettings, type Sources } from "./settings.ts";

export interface TrainFlags {
  readonly data?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly tokenizer?: string | undefined;
  readonly vocab?: number | undefined;
  readonly config?: string | undefined;
  readonly set?: readonly string[] | undefined;
  readonly steps?: number | undefined;
  readonly batch?: number | undefined;
  readonly context?: number | undefined;
  readonly accumulate?: number | undefined;
  readonly lr?: number | undefined;
  readonly seed?: number | undefined;
  readonly threads?: number | undefined;
  readonly device?: string | undefined;
  readonly out?: string | undefined;
  readonly resume?: string | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

/** Characters of the sample at the end. */
const SAMPLE = 300;

/** A training that is ready to start, and what to say of it. */
interface Prepared {
  readonly model: string;
  readonly data: string;
  readonly store: Store;
  readonly run: Run<TrainingEvent, LanguageHistory>;
  readonly device: string;
  readonly threads: number;
  readonly seed: number;
}

interface Finished extends LanguageHistory {
  readonly parameters: number;
}

interface Context {
  readonly flags: TrainFlags;
  readonly io: IO;
  readonly stop: Interruption;
  readonly display: Display;
}

export async function train(model: string | undefined, flags: TrainFlags, io: IO, stop: Interruption): Promise<void> {
  const display = createDisplay(io, flags.quiet === true);
  const context = { flags, io, stop, display };
  try {
    const prepared = await (flags.resume === undefined ? prepareNew(model, context) : resume(model, context));
    const history = await watch(prepared, context);
    display.close();
    await (history.interrupted ? sayHowToGoOn(prepared, history, context) : conclude(prepared, history, context));
  } finally {
    display.close();
  }
}

/** The options in the order of their strength, the weakest first. */
const sources = ({ config, set = [], steps, batch, context, accumulate, lr, seed }: TrainFlags): Sources => ({
  file: config,
  set,
  flags: { steps, batch, context, accumulate, lr, seed },
});

function requireTokenizer({ tokenizer = "char", vocab }: TrainFlags): void {
  if (vocab !== undefined && tokenizer !== "bpe")
    throw new ConfigError("option --vocab: goes with --tokenizer bpe only; the characters of a text are all taken");
}

async function prepareNew(model: string | undefined, context: Context): Promise<Prepared> {
  const { flags, stop } = context;
  if (model === undefined) throw new ConfigError(`model: expected one of ${modelNames.join(", ")}, got none`);
  requireTokenizer(flags);
  const { training, config } = await chooseSettings(model, sources(flags));
  if (flags.out !== undefined) await requireFree(flags.out);
  const { tokenizer = "char", vocab: vocabSize = 1024, data: source = "builtin", threads } = flags;
  const data = await readText(source, source, { tokenizer: tokenizer as "char", vocabSize }, context);
  const store = flags.out === undefined ? await freshFolder(model) : folder(flags.out);
  const device = flags.device as Device | undefined;
  const run = trainLanguageModel(model, { ...training, data, config, store, signal: stop.signal, device, threads });
  return { model, data: data.name, store, run, ...where(device, threads), seed: Number(training.seed ?? 0) };
}

const where = (device: string | null = null, threads: number | null = null) => ({
  device: device ?? platform.defaultDevice,
  threads: threads ?? platform.processors,
});

async function resume(model: string | undefined, context: Context): Promise<Prepared> {
  const { flags, stop } = context;
  const path = flags.resume ?? "";
  const record = await openRun(path, model);
  await requireSame(record, path, flags, await chooseSettings(record.model, sources(flags)));
  const store = folder(path);
  const read = (tokenizer: Tokenizer, name: string) => readText(flags.data ?? name, name, { tokenizer }, context);
  const run = resumeLanguageModel({ store, data: read, model, steps: flags.steps, signal: stop.signal });
  const { device, threads, settings, data } = record;
  return { model: model ?? record.model, data: data.name, store, run, ...where(device, threads), seed: settings.seed };
}

/** A text as ids, under the name `name`. */
async function readText(
  source: string,
  name: string,
  options: { tokenizer: Tokenizer | "char" | "bpe"; vocabSize?: number },
  { flags: { dataDir }, stop: { signal }, display }: Context,
): Promise<TextData> {
  const { text } = await loadText(source, {
    signal,
    ...(dataDir === undefined ? {} : { dataDir }),
    onProgress: (received, total) =>
      display.note(`receiving ${source}: ${grouped(received)} of ${grouped(total)} bytes`),
  });
  const onProgress = (done: number, total: number) => display.note(`learning tokens: ${done} of ${total}`);
  return prepareText(text, { name, signal, onProgress, ...options });
}

/** Passes every event on, to the display and to programs. */
async function watch(prepared: Prepared, { flags, io, display }: Context): Promise<Finished> {
  const { run, store, model, data, device, threads, seed } = prepared;
  let parameters: number | undefined;
  try {
    for await (const event of run) {
      const first = event.event === "start";
      if (first) display.header(headerRows(prepared, event));
      if (first) parameters = event.parameters;
      display.show(event);
      if (flags.json) emit(io, first ? { ...event, model, data, device, threads, seed, run: store.where } : event);
    }
    return { ...(await run), parameters: parameters ?? 0 };
  } catch (error) {
    throw parameters !== undefined && error instanceof DescentError ? duringRun(error, prepared, io) : error;
  }
}

function duringRun(cause: DescentError, { model, store }: Prepared, io: IO): RunFailure {
  return new RunFailure(`${cause.message}; then go on with: ${resumeCommand(model, store, io)}`, { cause });
}

const resumeCommand = (model: string, store: Store, io: IO): string =>
  `${io.command} train ${model} --resume ${quote(store.where)}`;

type Start = Extract<TrainingEvent, { event: "start" }>;

const headerRows = (prepared: Prepared, { step, steps, parameters }: Start): [string, string][] => [
  ["model", `${prepared.model}, ${grouped(parameters)} parameters`],
  ["data", prepared.data],
  ["device", `${prepared.device}, ${prepared.threads} ${prepared.threads === 1 ? "thread" : "threads"}`],
  ["seed", String(prepared.seed)],
  ["steps", step ? `${step} to ${steps}` : String(steps)],
  ["folder", prepared.store.where],
];

const emit = (io: IO, event: object): void => io.out(`${JSON.stringify(event)}\n`);

function sayHowToGoOn({ model, store }: Prepared, { step }: LanguageHistory, { flags, io }: Context): void {
  if (flags.quiet) return;
  io.err(`stopped after step ${step}, which is saved; go on with:\n  ${resumeCommand(model, store, io)}\n`);
}

/** The opening that the model's own text suggests. */
const promptFor = ({ data }: Prepared, { model: { tokenizer } }: LanguageHistory): string =>
  openingPrompt(tokenizer, data === "builtin" ? "The " : "\n");

/** A sample, the figures, and what can be done next. */
async function conclude(prepared: Prepared, history: Finished, context: Context): Promise<void> {
  const { io, flags, stop } = context;
  const prompt = promptFor(prepared, history);
  if (!flags.quiet) io.err(`${summary(prepared, history)}\n\n`);
  const source = pieces(history.model, prompt, { tokens: SAMPLE, temperature: 0.5, signal: stop.signal }, SAMPLE);
  if (flags.json) await emitSample(prompt, source, history, io);
  else await stream(prompt, source, io);
  if (!flags.quiet) io.err(`\n${nextCommands(prepared, history, prompt, io)}`);
  if (flags.json) emit(io, doneEvent(prepared, history));
}

async function emitSample(prompt: string, source: AsyncIterable<string>, { step }: LanguageHistory, io: IO) {
  let text = "";
  for await (const piece of source) text += piece;
  emit(io, { event: "sample", step, prompt, text });
}

const doneEvent = ({ store }: Prepared, history: Finished) => ({
  event: "done",
  step: history.step,
  trainLoss: history.losses.length ? history.trainLoss : null,
  valLoss: history.valLoss ?? null,
  parameters: history.parameters,
  seconds: history.seconds,
  run: store.where,
});

function summary(
  { store }: Prepared,
  { step, losses, trainLoss, valLoss, bestValLoss, seconds }: LanguageHistory,
): string {
  const nats = (name: string, value: number | undefined) =>
    value === undefined ? [] : [`${name} ${value.toFixed(4)}`];
  const figures = [
    ...nats("loss", losses.length ? trainLoss : undefined),
    ...nats("val", valLoss),
    ...nats("best val", bestValLoss),
  ];
  return `${step} steps in ${clock(seconds)}: ${figures.join(", ")}; saved in ${store.where}`;
}

function nextCommands({ model, store }: Prepared, { step }: LanguageHistory, prompt: string, io: IO): string {
  const { command } = io;
  const run = quote(store.where);
  const opening = prompt.trim() ? ` --prompt ${quote(prompt)}` : "";
  return table([
    ["go on", `${resumeCommand(model, store, io)} --steps ${step * 2}`],
    ["write", `${command} generate ${run}${opening} --tokens 500`],
    ["export", `${command} export ${run} --to onnx`],
  ]);
}
