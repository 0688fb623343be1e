/** What an optimizer is to the training step: tensors in, tensors out, traced into the same graph. */
import type { Tensor } from "../tensor/index.ts";

/** Tensors by name. */
export type Slots = Readonly<Record<string, Tensor>>;

/** State per parameter, scalars per step, and one update written with tensors. */
export interface Optimizer {
  /** What it remembers of each parameter, each shaped like it and zero at first. */
  readonly slots: readonly string[];
  /** The numbers of step `step` (from 1 on) at learning rate `lr`, computed in double precision on the host. */
  scalars(step: number, lr: number): Readonly<Record<string, number>>;
  /** One update. `decay` tells whether weight decay belongs to this parameter. */
  update(
    parameter: Tensor,
    gradient: Tensor,
    slots: Slots,
    scalars: Slots,
    decay: boolean,
  ): { parameter: Tensor; slots: Slots };
}

/** Learning rate of step `step`, from 1 on. */
export type Schedule = (step: number) => number;
