/** What a training reports while it runs, and in the end. */
import type { Device } from "../runtime/index.ts";

/** Measurements by name, such as `loss` and `accuracy`. */
export type Scores = Readonly<Record<string, number>>;

/** The best score so far and where it was met. */
export interface Best {
  readonly score: number;
  readonly step: number;
  /** How many validation examples were measured, where it was a part of them. */
  readonly examples?: number | undefined;
}

/** What happened; `event` says which kind. */
export type TrainingEvent =
  | {
      readonly event: "start";
      readonly step: number;
      readonly steps: number;
      /** Numbers that are trained. */
      readonly parameters: number;
      readonly compileSeconds: number;
      /** What speed is counted in, such as tokens. */
      readonly unit: string;
      /** The best score before a resumption. */
      readonly best: Best | undefined;
      readonly device: Device;
      /** Why that device, where it was left open with `auto`. */
      readonly chosen: string | undefined;
    }
  | {
      readonly event: "step";
      readonly step: number;
      /** Of this step's batch. */
      readonly loss: number;
      /** The named parts of the loss, and what else the task measures beside it. */
      readonly terms: Scores;
      /** The norm of all gradients before clipping. */
      readonly gradNorm: number;
      /** The same of groups of parameters that ask for theirs. */
      readonly norms: Scores;
      readonly lr: number;
      /** Passes over the training examples so far; undefined where examples are drawn. */
      readonly epoch: number | undefined;
      /** Units in a second, in steps alone, without evaluations and checkpoints. */
      readonly perSecond: number;
      /** Until the last step, at the speed of the steps so far. */
      readonly secondsLeft: number;
    }
  | { readonly event: "evaluate"; readonly step: number; readonly scores: Scores; readonly best: boolean }
  | { readonly event: "checkpoint"; readonly step: number; readonly kind: "last" | "best" }
  | { readonly event: "stop"; readonly step: number; readonly reason: string }
  | { readonly event: "interrupted"; readonly step: number };

/** What a training leaves behind. */
export interface History {
  /** Steps done in all, those before a resumption included. */
  readonly step: number;
  /** Loss of every step of this session, from `firstStep` on. */
  readonly losses: readonly number[];
  readonly firstStep: number;
  /** Mean loss of the last steps, at most 100. */
  readonly trainLoss: number;
  /** The last evaluation, undefined where there was none. */
  readonly scores: Scores | undefined;
  readonly best: Best | undefined;
  readonly seconds: number;
  readonly interrupted: boolean;
}
