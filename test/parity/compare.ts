/**
 * A checkpoint that `checkpoints.py` made, opened here: how far its numbers are from those of transformers, and the same
 * checkpoint written back. What is compared depends on the kind of the checkpoint, which is the name of a head.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  fromFile,
  fromStored,
  type Json,
  readSafetensors,
  toFile,
  weightsFromFile,
} from "../../src/checkpoint/index.ts";
import { folder } from "../../src/checkpoint/node-run.ts";
import type { BeamSettings, Chosen, GenerateOptions } from "../../src/generate/index.ts";
import { generateSettings, IdGenerator, SequenceWriter, sampler, writing } from "../../src/generate/index.ts";
import { gradient } from "../../src/graph/index.ts";
import { type Architecture, build, type FileNames, type Heads, loadArchitecture } from "../../src/models/index.ts";
import { crossEntropy, namedParameters, namedState, traceTraining } from "../../src/nn/index.ts";
import { compile, type Feeds, type HostTensor, type Weights } from "../../src/runtime/index.ts";
import { arange, input, inputsOf, type Tensor } from "../../src/tensor/index.ts";
import { host, numbersOf } from "../support/numbers.ts";

/** One row of rows.json. */
export interface Row {
  readonly name: string;
  readonly kind: "causal" | "classes" | "tags" | "masked" | "spans" | "sentence" | "encoderDecoder";
  readonly modelType: string;
  readonly parameters: number;
  /** How the file holds numbers and configuration. */
  readonly form: string;
}

/** What was measured, and what it may be at most. */
export interface Measured {
  readonly what: string;
  readonly value: number;
  readonly limit: number;
}

export const LIMITS = { logits: 1e-4, gradient: 1e-3, greedy: 0 } as const;

interface Checkpoint {
  readonly place: string;
  readonly architecture: Architecture;
  readonly published: Json;
  readonly config: Json;
  readonly kind: Row["kind"];
  readonly model: Heads[Row["kind"]];
  readonly parameters: Readonly<Record<string, Tensor>>;
  readonly values: Readonly<Record<string, HostTensor>>;
  /** The same, left in the file where the engine can read them there. */
  readonly weights: Weights;
  readonly expected: (name: string) => HostTensor;
}

/** What is expected of it stands in `numbers`, beside it unless said otherwise. */
export async function openCheckpoint(place: string, kind: Row["kind"], numbers = place): Promise<Checkpoint> {
  const store = folder(place);
  const published = (await store.loadFile("config.json")) ?? {};
  const architecture = await loadArchitecture(String(published.model_type));
  const config = architecture.read(published);
  const model = build(architecture, kind, config);
  const parameters = namedState(model.parts);
  const { tensors } = readSafetensors(readFileSync(join(numbers, "expected.safetensors")));
  const given = await store.loadWeights();
  const mapped = (await store.mapWeights?.()) ?? given;
  return {
    place,
    kind,
    architecture,
    published,
    config,
    model,
    parameters,
    values: fromFile(given, parameters, architecture.files, architecture.modelType),
    weights: weightsFromFile(mapped, parameters, architecture.files, architecture.modelType),
    expected(name) {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`${place}: nothing is expected of ${name}`);
      return fromStored(name, tensor);
    },
  };
}

/** Largest difference. */
function apart(got: HostTensor | undefined, expected: HostTensor): number {
  const [found, wanted] = [got ? numbersOf(got.data) : [], numbersOf(expected.data)];
  if (found.length !== wanted.length) return Number.POSITIVE_INFINITY;
  return Math.max(0, ...wanted.map((value, i) => Math.abs((found[i] ?? Number.NaN) - value)));
}

const largest = ({ data }: HostTensor): number => Math.max(...numbersOf(data).map(Math.abs));

/**
 * The largest difference of a tensor of gradients, relative to its largest element. Where that is below 1e-4 of the largest
 * of all it is rounding, such as that of a router with one expert to choose, whose weight is always 1.
 */
function relativeErrors(got: readonly HostTensor[], expected: readonly HostTensor[]): number[] {
  const floor = 1e-4 * Math.max(...expected.map(largest));
  return expected.map((wanted, i) => apart(got[i], wanted) / Math.max(largest(wanted), floor));
}

type Named = Readonly<Record<string, Tensor>>;
interface Compared {
  readonly logits: Tensor;
  readonly loss: Tensor;
}

/** Two outputs side by side along a new axis. */
const beside = (a: Tensor | undefined, b: Tensor | undefined, axis: number): Tensor =>
  (a as Tensor).unsqueeze(axis).concat([(b as Tensor).unsqueeze(axis)], axis);

/** True where a token is meant: [B, T, 1]. */
const meant = ({ ids, lengths }: Named): Tensor =>
  arange((ids as Tensor).dim(1))
    .less((lengths as Tensor).unsqueeze(1))
    .unsqueeze(-1);

const ofClasses = ({ logits }: Named, targets: Tensor): Compared => ({
  logits: logits as Tensor,
  loss: crossEntropy(logits as Tensor, targets),
});

const ofTokens = ({ logits }: Named, targets: Tensor, inputs: Named): Compared => ({
  logits: meant(inputs).where(logits as Tensor, 0),
  loss: crossEntropy(logits as Tensor, targets, { ignoreIndex: -100 }),
});

/** What of a head's outputs is compared, and the loss whose gradients are. */
const comparisons: Readonly<Record<Row["kind"], (given: Named, targets: Tensor, inputs: Named) => Compared>> = {
  causal: ofClasses,
  encoderDecoder: ofClasses,
  classes: ofClasses,
  tags: ofTokens,
  masked: ofTokens,
  spans({ start, end }, targets, inputs) {
    const both = beside(start, end, -1); // [B, T, 2]
    const inside = meant(inputs).where(both, -1e9).transpose([0, 2, 1]);
    const logits = meant(inputs).where(both, 0);
    return { logits, loss: crossEntropy(inside, targets).add(logits.mul(logits).mean()) };
  },
  sentence({ mean, first }, targets) {
    const logits = beside(mean, first, 1); // [B, 2, C]
    return { logits, loss: logits.mul(targets).mean() };
  },
};

/** A body without a head is stored without the prefix. */
const namesIn = (kind: Row["kind"], files: FileNames): FileNames =>
  kind === "sentence" ? { ...files, prefix: "" } : files;

/** Logits, loss and gradients of one batch; gradients by the names and in the shapes of the file. */
async function oneBatch(checkpoint: Checkpoint): Promise<Measured[]> {
  const { model, parameters, values, architecture, expected } = checkpoint;
  const feeds: Feeds = Object.fromEntries(Object.keys(model.inputs).map((name) => [name, expected(name)]));
  const specs = Object.entries(feeds).map(([name, { shape, dtype }]) => [name, { shape, dtype }]);
  const inputs = inputsOf(Object.fromEntries(specs));
  const { shape, dtype } = expected("targets");
  const targets = input("targets", shape, dtype);
  const forward = model.forward as (inputs: Named) => Named;
  const given = traceTraining(() => forward(inputs)).result as Named & { balance?: Tensor };
  const { logits, loss: mean } = comparisons[checkpoint.kind](given, targets, inputs);
  const loss = given.balance ? mean.add(given.balance) : mean;
  const learned = namedParameters(model.parts);
  const grads = gradient(loss, Object.values(learned));
  const outputs = Object.fromEntries(Object.keys(learned).map((path, i) => [`grad.${path}`, grads[i] as Tensor]));
  const named: Record<string, Tensor> = { logits, loss, ...outputs };
  const program = await compile({ ...inputs, targets, ...parameters }, named);
  const results = await program.run({ ...feeds, targets: expected("targets"), ...values });
  await program.release();
  const byPath = Object.keys(learned).map((path) => [path, results[`grad.${path}`] as HostTensor]);
  const stored = toFile(Object.fromEntries(byPath), namesIn(checkpoint.kind, architecture.files));
  const errors = relativeErrors(
    stored.map(([name, tensor]) => fromStored(name, tensor)),
    stored.map(([name]) => expected(`grad.${name}`)),
  );
  return [
    { what: "logits", value: apart(results.logits, expected("logits")), limit: LIMITS.logits },
    { what: "loss", value: apart(results.loss, expected("loss")), limit: LIMITS.logits },
    { what: "gradients", value: Math.max(...errors), limit: LIMITS.gradient },
  ];
}

/** A batch of prompts of different lengths in one step, and the most likely tokens after each, one after another. */
async function generated(checkpoint: Checkpoint): Promise<Measured[]> {
  const { weights, expected } = checkpoint;
  const model = checkpoint.model as Heads["causal"];
  const prompts = [0, 1, 2].map((i) => Int32Array.from(numbersOf(expected(`prompt.${i}`).data)));
  const generator = await IdGenerator.create(model, weights);
  const side = generator.open(prompts.length);
  const logits = await Promise.all(prompts.map((prompt, i) => side.text(i).read(prompt)));
  await side.release();
  const after = logits.flatMap((row) => Array.from(row));
  const wanted = expected("after.right");
  let wrong = 0;
  for (const [i, prompt] of prompts.entries()) {
    const ids = Array.from(prompt);
    const greedy = numbersOf(expected(`greedy.${i}`).data);
    for await (const id of generator.ids(prompt, { temperature: 0, tokens: greedy.length - ids.length })) ids.push(id);
    const first = greedy.findIndex((id, at) => ids[at] !== id);
    if (first >= 0) wrong += greedy.length - first;
  }
  await generator.release();
  return [
    { what: "padded right", value: apart(host(after, wanted.shape), wanted), limit: LIMITS.logits },
    { what: "padded left", value: apart(host(after, wanted.shape), expected("after.left")), limit: LIMITS.logits },
    { what: "greedy, of 192 wrong", value: wrong, limit: LIMITS.greedy },
  ];
}

/** What transformers' `generate` gives with some options, after one of the prompts (decoding.py). */
interface Decoding {
  readonly options: Readonly<Record<string, unknown>>;
  readonly ids: readonly number[];
  /** log p of each. */
  readonly logprobs: readonly number[];
  /** The number that was drawn for each, where ids are drawn. */
  readonly uniform?: readonly number[];
}

const NEW = 24;

/** transformers' name of an option -> ours. */
const OPTIONS: Readonly<Record<string, keyof GenerateOptions>> = {
  temperature: "temperature",
  top_k: "topK",
  top_p: "topP",
  min_p: "minP",
  typical_p: "typicalP",
  repetition_penalty: "repetitionPenalty",
  no_repeat_ngram_size: "noRepeatNgram",
  min_new_tokens: "minNewTokens",
  eos_token_id: "end",
  num_beams: "beams",
  length_penalty: "lengthPenalty",
  early_stopping: "earlyStopping",
};

function optionsOf({ options: { do_sample: draws, ...given } }: Decoding): GenerateOptions {
  const known = Object.entries(given).filter(([key, value]) => !(key === "top_k" && value === 0));
  return {
    ...(!draws && { temperature: 0 }),
    ...{ tokens: NEW, logprobs: 0, end: [] },
    ...Object.fromEntries(known.map(([key, value]) => [OPTIONS[key] ?? key, value])),
  };
}

/** The ids of one decoding, found here. */
async function decoded(generator: IdGenerator, prompt: Int32Array, one: Decoding): Promise<Chosen[]> {
  const options = optionsOf(one);
  const settings = generateSettings(options);
  const choose = one.uniform && sampler(settings, ({ step }) => one.uniform?.[step] ?? Number.NaN);
  const side = generator.open();
  const source = choose ? writing(side.text(0).read, prompt, settings, choose) : generator.choices(prompt, options);
  const found: Chosen[] = [];
  for await (const chosen of source) found.push(chosen);
  await side.release();
  return found;
}

/** Beams, draws of given numbers and penalties: how many texts have other ids, and how far log p of their ids is off. */
async function decodings({ place, model, weights, expected }: Checkpoint): Promise<Measured[]> {
  const all = JSON.parse(readFileSync(join(place, "decoding.json"), "utf8")) as Decoding[];
  const prompt = Int32Array.from(numbersOf(expected("prompt.1").data));
  const generator = await IdGenerator.create(model as Heads["causal"], weights);
  let [wrong, off] = [0, 0];
  for (const one of all) {
    const found = await decoded(generator, prompt, one);
    const same = found.length === one.ids.length && one.ids.every((id, i) => found[i]?.id === id);
    if (!same) wrong++;
    else off = Math.max(off, ...one.logprobs.map((wanted, i) => Math.abs((found[i]?.logprob ?? Number.NaN) - wanted)));
  }
  await generator.release();
  return [
    { what: "beams and draws, of 12 wrong", value: wrong, limit: LIMITS.greedy },
    { what: "log p", value: off, limit: LIMITS.logits },
  ];
}

/** How many of the expected ids are not those that were written. */
function wrongIds(ids: readonly number[], { data }: HostTensor): number {
  const wanted = numbersOf(data);
  const first = wanted.findIndex((id, at) => ids[at] !== id);
  return first < 0 ? Math.abs(ids.length - wanted.length) : wanted.length - first;
}

/** Sources of different lengths side by side: what is said of each alone, and what is written, greedily and by beam search. */
async function written(checkpoint: Checkpoint): Promise<Measured[]> {
  const { model, parameters, values, weights, expected } = checkpoint;
  const feeds: Feeds = Object.fromEntries(Object.keys(model.inputs).map((name) => [name, expected(name)]));
  const inputs = inputsOf(model.inputs);
  const { logits } = (model.forward as (inputs: Named) => Named)(inputs);
  const program = await compile({ ...inputs, ...parameters }, { logits: logits as Tensor });
  const together = await program.run({ ...feeds, ...values });
  await program.release();
  const lengths = numbersOf(expected("sourceLengths").data);
  const [padded, S] = [expected("source"), expected("source").shape[1] ?? 0];
  const sources = lengths.map((length, i) => Int32Array.from(numbersOf(padded.data).slice(i * S, i * S + length)));
  const [start = 0, end = 0, penalty = 0] = ["start", "end", "penalty"].flatMap((name) =>
    numbersOf(expected(name).data),
  );
  const suppress = numbersOf(expected("never").data);
  const writer = await SequenceWriter.create(model as Heads["encoderDecoder"], weights);
  const wrong = async (what: string, longest: number, settings: Pick<BeamSettings, "beam" | "end">) => {
    const normalize = (length: number) => length ** penalty;
    const longests = sources.map(() => longest);
    const texts = await writer.write(sources, start, { ...settings, suppress, longest: longests, normalize });
    const counts = texts.map(([best], i) => {
      const ids = [start, ...(best?.ids ?? []), ...(best?.ended ? [end] : [])];
      return wrongIds(ids, expected(`${what}.${i}`));
    });
    return counts.reduce((a, b) => a + b, 0);
  };
  const [greedy, beams] = [
    await wrong("greedy", 64, { beam: 1, end: [] }),
    await wrong("beam", 24, { beam: 4, end: [end] }),
  ];
  await writer.release();
  return [
    { what: "padded right", value: apart(together.logits, expected("alone")), limit: LIMITS.logits },
    { what: "greedy, of 192 wrong", value: greedy, limit: LIMITS.greedy },
    { what: "beam, of 72 wrong", value: beams, limit: LIMITS.greedy },
  ];
}

export const measurements: {
  readonly [K in Row["kind"]]: readonly ((checkpoint: Checkpoint) => Promise<Measured[]>)[];
} = {
  causal: [oneBatch, generated, decodings],
  encoderDecoder: [oneBatch, written],
  classes: [oneBatch],
  tags: [oneBatch],
  masked: [oneBatch],
  spans: [oneBatch],
  sentence: [oneBatch],
};

/** All that is compared of a checkpoint. */
export async function measure(checkpoint: Checkpoint, kind: Row["kind"]): Promise<Measured[]> {
  const found: Measured[] = [];
  for (const compare of measurements[kind]) found.push(...(await compare(checkpoint)));
  return found;
}

/** Keys that are the tokenizer's, not the model's. */
const IDS = ["bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "bad_words_ids"];

/** Writes it as a run is written, to <place>/saved. */
export async function saveBack({ place, architecture, published, config, values }: Checkpoint): Promise<void> {
  const saved = folder(join(place, "saved"));
  const ids = Object.fromEntries(IDS.map((key) => [key, published[key]]));
  await saved.create({ "config.json": { model_type: architecture.modelType, ...ids, ...config } });
  await saved.saveWeights("last", toFile(values, architecture.files));
}
