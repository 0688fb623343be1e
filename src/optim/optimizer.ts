/** What an optimizer is to the training step: tensors in, tensors out, traced into the same graph. */
import { z } from "zod";
import { checked, requireRecord, whole } from "../schema.ts";
import { requireTensor, type Tensor } from "../tensor/index.ts";

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

/** Throws DTypeError unless `tensors` has a tensor for each of `names`. */
function requireSlots(what: string, names: readonly string[], tensors: Slots): void {
  requireRecord(tensors, what);
  for (const name of names) requireTensor(`${what} ${name}`, tensors[name]);
}

const place = z.object({ step: whole(1, Number.MAX_SAFE_INTEGER), lr: z.number().min(0) });
const decaying = z.object({ decay: z.boolean() });

/** `own`, whose functions are refused what they do not take. */
export const optimizer = (name: string, own: Optimizer): Optimizer => ({
  slots: own.slots,
  scalars(step, lr) {
    checked(place, { step, lr }, name); // a schema made here would be compiled at every step
    return own.scalars(step, lr);
  },
  update(parameter, gradient, slots, scalars, decay) {
    for (const tensor of [parameter, gradient]) requireTensor(`${name}: update`, tensor);
    requireSlots(`${name}: slot`, own.slots, slots);
    requireSlots(`${name}: scalar`, Object.keys(own.scalars(1, 1)), scalars);
    checked(decaying, { decay }, name);
    return own.update(parameter, gradient, slots, scalars, decay);
  },
});
