/**
 * Sequence models that are trained on made-up batches.
 *
 * B rows · T steps · I input width · H hidden width · O output width
 */
import { Linear, module } from "../nn/index.ts";
import type { Feeds } from "../runtime/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { type Fitted, fit, type History } from "../train/index.ts";
import { type CellName, type CellOptions, layerOf } from "./cells.ts";
import type { ExperimentWatch } from "./experiment.ts";

/** A recurrent layer and a linear one: xs [B, T, I] -> [B, T, O]. */
export const reader = (name: CellName, [I, H, O]: readonly [number, number, number], options: CellOptions) => {
  const layer = layerOf(name, I, H, options);
  return module("Reader", { layer, out: Linear(H, O) }, ({ out }, xs: Tensor) => out(layer(xs)));
};

/** The last step of ys [B, T, O]: [B, O]. */
export const lastStep = (ys: Tensor): Tensor => ys.slice(1, -1).squeeze(1);

/** How something is trained. */
export interface Training {
  readonly steps: number;
  readonly lr: number;
  /** Limit of the gradient's norm; 0 leaves it as it is. */
  readonly clip: number;
  readonly seed: number;
}

/** What is trained: batches by step, the loss, and what else is measured. */
export interface Exercise<B extends Feeds> {
  readonly name: string;
  batch(step: number): B;
  loss(batch: { readonly [K in keyof B & string]: Tensor }): Tensor;
  metrics?(batch: { readonly [K in keyof B & string]: Tensor }): Readonly<Record<string, Tensor>>;
}

function* made<B>(batch: (step: number) => B, steps: number): Generator<B> {
  for (let step = 1; step <= steps; step++) yield batch(step);
}

/** Notes come about so often during a training. */
const NOTES = 20;

/** Trains `model` with Adam on batches that are made step by step. Throws the signal's reason when it is stopped. */
export async function trained<B extends Feeds>(
  model: object,
  { name, batch, loss, metrics }: Exercise<B>,
  { steps, lr, clip, seed }: Training,
  { signal, onNote, threads }: ExperimentWatch,
): Promise<Fitted & History> {
  const run = fit(model, made(batch, steps), {
    ...{ loss, steps, lr, seed, signal, threads },
    ...(metrics && { metrics }),
    ...(clip > 0 && { clip }),
  });
  const every = Math.ceil(steps / NOTES);
  for await (const event of run)
    if (event.event === "step" && event.step % every === 0)
      onNote?.(`${name}: step ${event.step} of ${steps}, loss ${event.loss.toFixed(4)}`);
  signal?.throwIfAborted();
  return run;
}
