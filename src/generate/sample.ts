/** From logits to the next id: processors in their order, then a draw. */
import { CheckpointError, ConfigError, shown } from "../errors.ts";
import { stream } from "../runtime/index.ts";
import type { LogitsContext, LogitsProcessor } from "./processors.ts";
import * as processors from "./processors.ts";
import { first, largest, reaching, weigh } from "./select.ts";
import type { Settings } from "./settings.ts";

/** The settings that choose an id. */
export type Sampling = Omit<Settings, "tokens" | "stop" | "vocabulary" | "signal">;

/** The processor of a setting, where it is given. */
const spelled = <T>(value: T | undefined, make: (value: T) => LogitsProcessor): LogitsProcessor[] =>
  value === undefined ? [] : [make(value)];

/** A processor of somebody's own. Throws ConfigError where it gives what are no logits, or one that is NaN or Infinity. */
const guarded =
  (process: LogitsProcessor): LogitsProcessor =>
  (logits, context) => {
    const changed = process(logits, context) ?? logits;
    if (!(changed instanceof Float64Array && changed.length === logits.length))
      throw new ConfigError(
        `processors: expected nothing or a Float64Array of ${logits.length} logits, got ${shown(changed)}; change them in place`,
      );
    const top = largest(changed);
    if (top < Number.POSITIVE_INFINITY) return changed;
    throw new ConfigError(`processors: expected logits below Infinity, got ${top}; check those of your own`);
  };

/** The processors that favour and forbid ids, in the order in which they are applied. */
export const penaltiesOf = (chosen: Sampling): LogitsProcessor[] => [
  ...spelled(chosen.logitBias, processors.logitBias),
  ...spelled(chosen.repetitionPenalty, processors.repetitionPenalty),
  ...spelled(chosen.presencePenalty, processors.presencePenalty),
  ...spelled(chosen.frequencyPenalty, processors.frequencyPenalty),
  ...spelled(chosen.noRepeatNgram, processors.noRepeatNgram),
  ...spelled(chosen.badWords, processors.badWords),
  ...spelled(chosen.minNewTokens, (n) => processors.minNewTokens(n, chosen.end ?? [])),
  ...spelled(chosen.suppress, processors.suppress),
  ...(chosen.processors ?? []).map(guarded),
];

/** Those that say how an id is drawn. */
const drawsOf = (chosen: Sampling): LogitsProcessor[] => [
  processors.temperature(chosen.temperature),
  ...spelled(chosen.topK, processors.topK),
  ...spelled(chosen.topP, processors.topP),
  ...spelled(chosen.minP, processors.minP),
  ...spelled(chosen.typicalP, processors.typicalP),
];

/** All processors that settings ask for, in the order in which they are applied. */
export const processorsOf = (chosen: Sampling): LogitsProcessor[] => [...penaltiesOf(chosen), ...drawsOf(chosen)];

/** The model's logits in double precision. Throws CheckpointError where one is NaN or Infinity. */
function copied(logits: ArrayLike<number>): Float64Array {
  const copy = new Float64Array(logits);
  if (largest(copy) < Number.POSITIVE_INFINITY) return copy;
  throw new CheckpointError(
    "sample: the model gives logits that are not finite; its weights are not finite, take another checkpoint",
  );
}

const nothingLeft = ({ step }: LogitsContext): string =>
  `sample: every id is forbidden at token ${step + 1}; expected one that is not, allow some`;

/** Logits after the processors of a list. */
const processed = (list: readonly LogitsProcessor[], logits: Float64Array, context: LogitsContext): Float64Array =>
  list.reduce((changed, process) => process(changed, context) ?? changed, logits);

/** log p of some ids. */
function likelihoods(logits: Float64Array, ids: Iterable<number>): TokenLogprob[] {
  const total = largest(logits) + Math.log(weigh(logits).total);
  return Array.from(ids, (id) => ({ id, logprob: (logits[id] as number) - total }));
}

/** An id, and log p of it where it was drawn, or could have been. */
export interface TokenLogprob {
  readonly id: number;
  readonly logprob: number;
}

/**
 * log p of an id and of the `count` likeliest ones, best first, as they are drawn: after all processors. Where nothing is
 * drawn, at a temperature of 0, after those that come before it. Reference: `compute_transition_scores` of transformers.
 */
export function judge(chosen: Sampling, count: number) {
  const list = chosen.temperature === 0 ? penaltiesOf(chosen) : processorsOf(chosen);
  return (given: ArrayLike<number>, context: LogitsContext, id: number): { logprob: number; top: TokenLogprob[] } => {
    const logits = processed(list, copied(given), context);
    const top = likelihoods(logits, first(logits, count)).sort((a, b) => b.logprob - a.logprob || a.id - b.id);
    return { logprob: likelihoods(logits, [id])[0]?.logprob ?? Number.NaN, top };
  };
}

/** A number of 0..1 for the next id. */
type Uniform = (context: LogitsContext) => number;

function seeded(seed: number): Uniform {
  const draw = new Float64Array(1);
  return ({ promptLength, step }) => {
    stream(seed, promptLength + step, "sample").fillUniform(draw);
    return draw[0] as number;
  };
}

/**
 * Chooses ids: a pure function of logits [V], options and what there is before. The number of 0..1 that is drawn depends on
 * seed and position alone, unless `uniform` is another source; it falls on ids in the order of falling probability.
 */
export function sampler(
  chosen: Sampling,
  uniform: Uniform = seeded(chosen.seed),
): (logits: ArrayLike<number>, context: LogitsContext) => number {
  const list = processorsOf(chosen);
  return (given, context) => {
    const logits = processed(list, copied(given), context);
    const { weights, total } = weigh(logits);
    if (total === 0) throw new ConfigError(nothingLeft(context));
    return reaching(logits, weights, uniform(context) * total);
  };
}
