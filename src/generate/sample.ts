/** From logits to the next id: processors in their order, then a draw. */
import { CheckpointError, ConfigError, shown } from "../errors.ts";
import { stream } from "../runtime/index.ts";
import type { LogitsContext, LogitsProcessor } from "./processors.ts";
import * as processors from "./processors.ts";
import { allowed, reach, weigh } from "./select.ts";
import type { Settings } from "./settings.ts";

/** The settings that choose an id. */
export type Sampling = Omit<Settings, "tokens" | "stop" | "vocabulary" | "signal">;

/** The processor of a setting, where it is given. */
const spelled = <T>(value: T | undefined, make: (value: T) => LogitsProcessor): LogitsProcessor[] =>
  value === undefined ? [] : [make(value)];

/** The processors that settings ask for, in the order in which they are applied. */
export const processorsOf = (chosen: Sampling): LogitsProcessor[] => [
  ...spelled(chosen.logitBias, processors.logitBias),
  ...spelled(chosen.repetitionPenalty, processors.repetitionPenalty),
  ...spelled(chosen.presencePenalty, processors.presencePenalty),
  ...spelled(chosen.frequencyPenalty, processors.frequencyPenalty),
  ...spelled(chosen.noRepeatNgram, processors.noRepeatNgram),
  ...spelled(chosen.badWords, processors.badWords),
  ...spelled(chosen.minNewTokens, (n) => processors.minNewTokens(n, chosen.end ?? [])),
  ...spelled(chosen.suppress, processors.suppress),
  ...(chosen.processors ?? []),
  processors.temperature(chosen.temperature),
  ...spelled(chosen.topK, processors.topK),
  ...spelled(chosen.topP, processors.topP),
  ...spelled(chosen.minP, processors.minP),
  ...spelled(chosen.typicalP, processors.typicalP),
];

/** The model's logits in double precision. Throws CheckpointError where they are not finite; -Infinity is. */
function copied(logits: ArrayLike<number>): Float64Array {
  const copy = Float64Array.from(logits);
  for (let id = 0; id < copy.length; id++)
    if (!((copy[id] as number) < Number.POSITIVE_INFINITY))
      throw new CheckpointError(
        "sample: the model gives logits that are not finite; its weights are not finite, take another checkpoint",
      );
  return copy;
}

/** Logits after one processor. Throws ConfigError on what is no such logits. */
function applied(process: LogitsProcessor, logits: Float64Array, context: LogitsContext): Float64Array {
  const changed = process(logits, context) ?? logits;
  if (changed instanceof Float64Array && changed.length === logits.length) return changed;
  throw new ConfigError(
    `processors: expected nothing or a Float64Array of ${logits.length} logits, got ${shown(changed)}; change them in place`,
  );
}

/** Throws ConfigError where no id is left, or one is NaN or infinitely likely. */
function requireChoice(logits: Float64Array, left: Int32Array, { step }: LogitsContext): void {
  const odd = logits.find((logit) => !(logit < Number.POSITIVE_INFINITY));
  if (odd !== undefined) throw new ConfigError(`processors: expected logits below Infinity, got ${odd}; check yours`);
  if (left.length === 0)
    throw new ConfigError(`sample: every id is forbidden at token ${step + 1}; expected one that is not, allow some`);
}

/**
 * Chooses ids: a pure function of logits [V], options and what there is before. The number that is drawn depends on seed
 * and position alone; it falls on ids in the order of falling probability.
 */
export function sampler(chosen: Sampling): (logits: ArrayLike<number>, context: LogitsContext) => number {
  const list = processorsOf(chosen);
  const draw = new Float64Array(1);
  return (given, context) => {
    const logits = list.reduce((changed, process) => applied(process, changed, context), copied(given));
    const ids = allowed(logits);
    requireChoice(logits, ids, context);
    const { weights, total } = weigh(logits, ids);
    stream(chosen.seed, context.promptLength + context.step, "sample").fillUniform(draw);
    return ids[reach(ids, logits, (draw[0] as number) * total, weights) - 1] as number;
  };
}
