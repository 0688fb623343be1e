/** What a training loop remembers from step to step. */
import { ConfigError, quoted, shown } from "../errors.ts";
import { isRecord } from "../schema.ts";
import type { Best, Scores } from "./events.ts";

/** The score that decides, and whether the best is the highest or the lowest. */
export interface Deciding {
  readonly best: string;
  readonly better: "higher" | "lower";
}

/** Losses looked back over for `trainLoss`. */
const WINDOW = 100;
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(values.length, 1);

/** How long signals and timers may wait: an engine may compute without ever giving them a turn. */
const TURN_MS = 50;
const eventLoopTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Throws ConfigError where the score that decides was not measured. */
function requireScore(scores: unknown, best: string): void {
  if (isRecord(scores) && Object.hasOwn(scores, best)) return;
  const got = isRecord(scores) ? Object.keys(scores).map(quoted).join(", ") || "none" : shown(scores);
  throw new ConfigError(
    `training: expected the score ${quoted(best)}, which decides about the best weights, got ${got}; measure it or name another`,
  );
}

export class Progress {
  readonly started = performance.now();
  readonly losses: number[] = [];
  step: number;
  /** The step of the last checkpoint. */
  saved: number;
  best: Best | undefined;
  scores: Scores | undefined;
  /** The step of the last measurement. */
  measuredAt: number | undefined;
  /** Measurements since the best one. */
  waited: number;
  units = 0;
  /** Seconds spent in steps alone. */
  stepping = 0;
  #turned = this.started;
  /** `from` steps were done before, and measured `every` so many. */
  constructor(from: number, best: Best | undefined, every = Number.POSITIVE_INFINITY) {
    [this.step, this.saved, this.best] = [from, from, best];
    this.waited = Math.floor(from / every) - Math.floor((best?.step ?? 0) / every);
  }

  get seconds(): number {
    return (performance.now() - this.started) / 1000;
  }
  /** The mean loss of the last steps. */
  get trainLoss(): number {
    return mean(this.losses.slice(-WINDOW));
  }
  /** Lets signals and timers through, now and then. */
  async turn(): Promise<void> {
    if (performance.now() - this.#turned <= TURN_MS) return;
    await eventLoopTurn();
    this.#turned = performance.now();
  }
  /** Takes a measurement, of `examples` where they are a part of all; whether it is the best so far. */
  measure(scores: Scores, { best, better }: Deciding, examples?: number): boolean {
    requireScore(scores, best);
    this.scores = scores;
    this.measuredAt = this.step;
    const score = scores[best] ?? Number.NaN;
    const before = this.best?.score;
    const isBest =
      Number.isFinite(score) && (before === undefined || (better === "lower" ? score < before : score > before));
    this.waited = isBest ? 0 : this.waited + 1;
    if (isBest) this.best = { score, step: this.step, ...(examples !== undefined && { examples }) };
    return isBest;
  }
}
