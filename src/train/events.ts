/** What a training reports while it goes on, and in the end. */

/** What happened, told apart by `event`. Losses are in nats per token. */
export type TrainingEvent =
  | {
      readonly event: "start";
      readonly step: number;
      readonly steps: number;
      readonly parameters: number;
      readonly compileSeconds: number;
    }
  | {
      readonly event: "step";
      readonly step: number;
      /** Nats per token of this step's batch. */
      readonly loss: number;
      /** The norm of all gradients before clipping. */
      readonly gradNorm: number;
      readonly lr: number;
      /** In steps alone, without evaluations and checkpoints. */
      readonly tokensPerSecond: number;
      /** Until the last step, at the speed of the steps so far. */
      readonly secondsLeft: number;
    }
  | { readonly event: "evaluate"; readonly step: number; readonly valLoss: number; readonly best: boolean }
  | { readonly event: "checkpoint"; readonly step: number; readonly kind: "last" | "best" }
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
  /** The last validation loss, undefined where none was measured. */
  readonly valLoss: number | undefined;
  readonly bestValLoss: number | undefined;
  readonly seconds: number;
  readonly interrupted: boolean;
}
