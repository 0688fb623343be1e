/** From logits to the next id: processors in their order, then a draw. */
import { CheckpointError, ConfigError, shown } from "../errors.ts";
import { stream } from "../runtime/index.ts";
import type { LogitsContext, LogitsProcessor } from "./processors.ts";
import * as processors from "./processors.ts";
import { largest, reaching, weigh } from "./select.ts";
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
  ...(chosen.processors ?? []).map(guarded),
  processors.temperature(chosen.temperature),
  ...spelled(chosen.topK, processors.topK),
  ...spelled(chosen.topP, processors.topP),
  ...spelled(chosen.minP, processors.minP),
  ...spelled(chosen.typicalP, processors.typicalP),
];

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

/**
 * Chooses ids: a pure function of logits [V], options and what there is before. The number that is drawn depends on seed
 * and position alone; it falls on ids in the order of falling probability.
 */
export function sampler(chosen: Sampling): (logits: ArrayLike<number>, context: LogitsContext) => number {
  const list = processorsOf(chosen);
  const draw = new Float64Array(1);
  return (given, context) => {
    const logits = list.reduce((changed, process) => process(changed, context) ?? changed, copied(given));
    const { weights, total } = weigh(logits);
    if (total === 0) throw new ConfigError(nothingLeft(context));
    stream(chosen.seed, context.promptLength + context.step, "sample").fillUniform(draw);
    return reaching(logits, weights, (draw[0] as number) * total);
  };
}
