/** From logits to the next id. */
import { CheckpointError, ConfigError } from "../errors.ts";
import { stream } from "../runtime/index.ts";

/** How the next token is chosen. */
export interface SampleOptions {
  /** Divides the logits: 0 always takes the likeliest, 1 samples as the model says. Default 0.8. */
  readonly temperature?: number | undefined;
  /** Only the k likeliest stay. Default: all. */
  readonly topK?: number | undefined;
  /** Only the likeliest stay whose probabilities reach p together (Holtzman et al. 2020). Default 1: all. */
  readonly topP?: number | undefined;
  /** The same seed chooses the same text. Default 0. */
  readonly seed?: number | undefined;
}

function inRange(name: string, value: number, low: number, high: number, whole = false): void {
  if (value >= low && value <= high && (!whole || Number.isInteger(value))) return;
  throw new ConfigError(
    `${name}: expected ${whole ? "a whole number" : "a number"} from ${low} to ${high}, got ${value}`,
  );
}

/** Throws ConfigError on values out of range. */
export function checkSampling({ temperature = 0.8, topK = 1, topP = 1, seed = 0 }: SampleOptions): void {
  inRange("temperature", temperature, 0, 100);
  inRange("top-k", topK, 1, 1e9, true);
  inRange("top-p", topP, 0, 1);
  inRange("seed", seed, 0, Number.MAX_SAFE_INTEGER, true);
  if (topP === 0)
    throw new ConfigError("top-p: expected a number above 0, got 0; temperature 0 takes the likeliest token");
}

const likeliest = (logits: ArrayLike<number>): number => {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if ((logits[i] ?? 0) > (logits[best] ?? 0)) best = i;
  return best;
};

/** Probabilities of the candidates that stay, likeliest first. */
function candidates(
  logits: ArrayLike<number>,
  { temperature = 0.8, topK, topP = 1 }: SampleOptions,
): [id: number, probability: number][] {
  const order = Array.from({ length: logits.length }, (_, id) => id).sort(
    (a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b,
  );
  const top = logits[order[0] ?? 0] ?? 0;
  const kept = order
    .slice(0, topK ?? order.length)
    .map((id): [number, number] => [id, Math.exp(((logits[id] ?? 0) - top) / temperature)]);
  const total = kept.reduce((sum, [, weight]) => sum + weight, 0);
  let reached = 0;
  return kept.filter(([, weight]) => {
    const stays = reached < topP * total;
    reached += weight;
    return stays;
  });
}

/** The id after `position` tokens: a pure function of logits, options and position. */
export function sample(logits: ArrayLike<number>, options: SampleOptions, position: number): number {
  if (Number.isNaN(logits[0]) || logits[likeliest(logits)] === Number.POSITIVE_INFINITY)
    throw new CheckpointError(
      "sample: the model gives logits that are not finite; its weights are not finite, take another checkpoint",
    );
  if (options.temperature === 0) return likeliest(logits);
  const kept = candidates(logits, options);
  const draw = new Float64Array(1);
  stream(options.seed ?? 0, position, "sample").fillUniform(draw);
  let left = (draw[0] ?? 0) * kept.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [id, weight] of kept) {
    left -= weight;
    if (left < 0) return id;
  }
  return kept.at(-1)?.[0] ?? 0;
}
