/** Fills and feeds what changes from run to run: batch, noise, scalars. */
import type { Named } from "../onnx/index.ts";
import {
  checkFeed,
  type Engine,
  type Feeds,
  fillNoise,
  type HostTensor,
  type OrtTensor,
  toOrt,
  zerosOf,
} from "../runtime/index.ts";
import { hostArray } from "../tensor/index.ts";
import { scalarName } from "./names.ts";
import type { BatchSpecs, Plan } from "./plan.ts";
import type { StepAt } from "./step.ts";

type OrtTensors = Record<string, OrtTensor>;

/** The optimizer's scalars of a step, for every learning rate there is. */
export function scalarFeeds(engine: Engine, { options, rates, scalarType }: Plan, { step, lr }: StepAt): OrtTensors {
  const feeds: OrtTensors = {};
  for (const rate of rates)
    for (const [name, value] of Object.entries(options.optimizer.scalars(step, lr * rate)))
      feeds[scalarName(name, rate)] = toOrt(engine, {
        data: hostArray([value], scalarType),
        shape: [],
        dtype: scalarType,
      });
  return feeds;
}

/** Feeds batches of fixed sizes, and the noise that goes with them. */
export class Feeder {
  readonly #engine: Engine;
  readonly #batch: BatchSpecs;
  readonly #noise: readonly [name: string, buffer: HostTensor, distribution: "uniform" | "normal"][];
  constructor(engine: Engine, batch: BatchSpecs, noise: Named) {
    this.#engine = engine;
    this.#batch = batch;
    this.#noise = Object.entries(noise).map(([name, tensor]) => {
      const { distribution } = tensor.node.attrs as { distribution: "uniform" | "normal" };
      return [name, zerosOf(tensor), distribution];
    });
  }

  /** `part` numbers the micro-batch. */
  feeds(batch: Feeds, at: StepAt, part = 0): OrtTensors {
    const feeds: OrtTensors = {};
    for (const [name, spec] of Object.entries(this.#batch))
      feeds[name] = toOrt(this.#engine, checkFeed(name, spec, batch[name]));
    for (const [i, [name, buffer, distribution]] of this.#noise.entries()) {
      const site = part * this.#noise.length + i;
      fillNoise(buffer.data as Float32Array, distribution, { seed: at.seed, step: at.step, site });
      feeds[name] = toOrt(this.#engine, buffer);
    }
    return feeds;
  }
}
