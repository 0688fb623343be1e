/**
 * Processors of logits: what makes a token more likely, less likely, or impossible, between the model and the draw.
 *
 * Each is a function that changes the logits [V] of the next id in place, or gives others; -Infinity forbids an id. They
 * are applied in the order of a list. `SampleOptions` are spellings of these, in the order of transformers:
 * logitBias, repetitionPenalty, presencePenalty, frequencyPenalty, noRepeatNgram, badWords, minNewTokens, suppress, your
 * own, temperature, topK, topP, minP, typicalP.
 * Reference: https://github.com/huggingface/transformers/blob/main/src/transformers/generation/logits_process.py
 */
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { checked } from "../schema.ts";
import { first, largest, reaching, weigh } from "./select.ts";
import { ranges } from "./settings.ts";

/** What there is before the id that is to be chosen. */
export interface LogitsContext {
  /** The prompt, and what was generated after it. */
  readonly ids: ArrayLike<number>;
  /** How many of the ids are the prompt. */
  readonly promptLength: number;
  /** How many were generated so far. */
  readonly step: number;
}

/** Changes logits [V] in place, or returns others of the same length. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing is one of the two kinds
export type LogitsProcessor = (logits: Float64Array, context: LogitsContext) => void | Float64Array;

type Ranges = typeof ranges;

/** The value of an argument. Throws ConfigError where it is not what `ranges` say. */
function argument<K extends keyof Ranges>(key: K, value: z.output<Ranges[K]>, name: string = key): z.output<Ranges[K]> {
  const schema = z.object({ [name]: ranges[key] });
  return checked(schema, { [name]: value }, "processors")[name] as z.output<Ranges[K]>;
}

function forbid(logits: Float64Array, ids: ArrayLike<number>): void {
  for (let i = 0; i < ids.length; i++) logits[ids[i] as number] = Number.NEGATIVE_INFINITY;
}

/** Forbids all ids but these. */
function leave(logits: Float64Array, ids: Int32Array): void {
  const kept = Array.from(ids, (id) => logits[id] as number);
  logits.fill(Number.NEGATIVE_INFINITY);
  for (const [i, logit] of kept.entries()) logits[ids[i] as number] = logit;
}

/** Forbids ids whose key is below `least`, and those above `last` whose key is no more. */
function forbidBelow(logits: Float64Array, keys: Float64Array, least: number, last = logits.length): void {
  for (let id = 0; id < logits.length; id++) {
    const key = keys[id] as number;
    if (key < least || (key === least && id > last)) logits[id] = Number.NEGATIVE_INFINITY;
  }
}

/** Throws ConfigError where an id is none of the vocabulary. */
function requireIds(name: string, ids: readonly number[], { length }: Float64Array): void {
  const odd = ids.find((id) => id >= length);
  if (odd !== undefined)
    throw new ConfigError(`${name}: expected ids below the vocabulary's ${length}, got ${odd}; leave it out`);
}

/** logit -> (logit - largest) / t: the softmax of logit / t. 0 leaves the likeliest alone, the first of equals. */
export function temperature(t: number): LogitsProcessor {
  if (argument("temperature", t) === 0) return topK(1);
  return (logits) => {
    const top = largest(logits);
    if (top === Number.NEGATIVE_INFINITY) return;
    for (let id = 0; id < logits.length; id++) logits[id] = ((logits[id] as number) - top) / t;
  };
}

/** Leaves the k largest logits; of equal ones the lower ids (Fan et al. 2018). */
export function topK(k: number): LogitsProcessor {
  argument("topK", k);
  return (logits) => leave(logits, first(logits, k));
}

/** Leaves the fewest likeliest ids whose probabilities reach p together, at least one (Holtzman et al. 2020). */
export function topP(p: number): LogitsProcessor {
  if (argument("topP", p) === 1) return () => {};
  return (logits) => {
    const { weights, total } = weigh(logits);
    const last = reaching(logits, weights, p * total);
    forbidBelow(logits, logits, logits[last] as number, last);
  };
}

/** Leaves ids with a probability of at least p times the largest (Nguyen et al. 2024). */
export function minP(p: number): LogitsProcessor {
  argument("minP", p);
  return (logits) => {
    forbidBelow(logits, logits, largest(logits) + Math.log(p));
  };
}

/**
 * Leaves the ids whose surprise -log p(id) is nearest to the entropy H = -Σ p log p, the fewest that reach p together, and
 * those that are as near as the last of them (Meister et al. 2023).
 */
export function typicalP(p: number): LogitsProcessor {
  if (argument("typicalP", p) === 1) return () => {};
  return (logits) => {
    const { weights, total } = weigh(logits);
    const normalizer = largest(logits) + Math.log(total);
    const surprise = logits.map((logit) => normalizer - logit);
    const entropy = surprise.reduce((sum, value, id) => (weights[id] ? sum + (weights[id] * value) / total : sum), 0);
    const keys = surprise.map((value) => -Math.abs(value - entropy));
    forbidBelow(logits, keys, keys[reaching(keys, weights, p * total)] as number);
  };
}

/** logit -> logit / r where it is positive, logit · r where it is negative, of all ids in the text (Keskar et al. 2019). */
export function repetitionPenalty(r: number): LogitsProcessor {
  argument("repetitionPenalty", r);
  return (logits, { ids }) => {
    for (const id of new Set(Array.from(ids))) {
      const logit = logits[id];
      if (logit !== undefined) logits[id] = logit < 0 ? logit * r : logit / r;
    }
  };
}

/** How often each id was generated. */
function countsOf({ ids, promptLength }: LogitsContext): Map<number, number> {
  const counts = new Map<number, number>();
  for (let i = promptLength; i < ids.length; i++) counts.set(ids[i] as number, (counts.get(ids[i] as number) ?? 0) + 1);
  return counts;
}

/** logit -> logit - a, of all ids that were generated; the prompt does not count (OpenAI's presence_penalty). */
export function presencePenalty(a: number): LogitsProcessor {
  argument("presencePenalty", a);
  return (logits, context) => {
    for (const id of countsOf(context).keys()) logits[id] = (logits[id] as number) - a;
  };
}

/** logit -> logit - a · (how often the id was generated); the prompt does not count (OpenAI's frequency_penalty). */
export function frequencyPenalty(a: number): LogitsProcessor {
  argument("frequencyPenalty", a);
  return (logits, context) => {
    for (const [id, count] of countsOf(context)) logits[id] = (logits[id] as number) - a * count;
  };
}

/** Whether `ids` has `run` at place `at`. */
function standsAt(ids: ArrayLike<number>, at: number, run: ArrayLike<number>): boolean {
  for (let i = 0; i < run.length; i++) if (ids[at + i] !== run[i]) return false;
  return true;
}

/** Forbids the ids that would complete a run of n ids that stands in the text already (Paulus et al. 2017). */
export function noRepeatNgram(n: number): LogitsProcessor {
  argument("noRepeatNgram", n);
  return (logits, { ids }) => {
    const last = Array.from({ length: n - 1 }, (_, i) => ids[ids.length - n + 1 + i] as number);
    for (let at = 0; at + n <= ids.length; at++)
      if (standsAt(ids, at, last)) forbid(logits, [ids[at + n - 1] as number]);
  };
}

/** Forbids the last id of each run of ids where those before it have just come. */
export function badWords(words: readonly (readonly number[])[]): LogitsProcessor {
  const runs = argument("badWords", words).map((word) => [...word]);
  return (logits, { ids }) => {
    for (const run of runs) {
      requireIds("badWords", run, logits);
      const before = run.slice(0, -1);
      if (standsAt(ids, ids.length - before.length, before)) forbid(logits, run.slice(-1));
    }
  };
}

/** Forbids the ids `end` until n ids were generated. */
export function minNewTokens(n: number, end: readonly number[]): LogitsProcessor {
  argument("minNewTokens", n);
  const ids = [...argument("ids", end, "end")];
  return (logits, { step }) => {
    if (step < n)
      forbid(
        logits,
        ids.filter((id) => id < logits.length),
      );
  };
}

/** Forbids ids. */
export function suppress(ids: readonly number[]): LogitsProcessor {
  const never = [...argument("ids", ids, "suppress")];
  return (logits) => {
    requireIds("suppress", never, logits);
    forbid(logits, never);
  };
}

/** logit -> logit + bias, by id; a bias of -Infinity forbids it (OpenAI's logit_bias). */
export function logitBias(biases: Readonly<Record<number, number>>): LogitsProcessor {
  const entries = Object.entries(argument("logitBias", biases)).map(([id, bias]) => [Number(id), bias] as const);
  return (logits) => {
    requireIds(
      "logitBias",
      entries.map(([id]) => id),
      logits,
    );
    for (const [id, bias] of entries) logits[id] = (logits[id] as number) + bias;
  };
}
