/** Fills and feeds what changes from run to run: batch, noise, scalars. */
import { ConfigError, shown } from "../errors.ts";
import type { Spec } from "../graph/index.ts";
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
import { dimAt, hostArray, sameShape } from "../tensor/index.ts";
import { scalarName, scheduledName } from "./names.ts";
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

/** The scalars of a step that the loss reads. Throws ConfigError for one that is not finite. */
export function scheduledFeeds(engine: Engine, { options: { scheduled = {} } }: Plan, { step }: StepAt): OrtTensors {
  const feeds: OrtTensors = {};
  for (const [name, at] of Object.entries(scheduled)) {
    const value = at(step);
    if (!Number.isFinite(value))
      throw new ConfigError(
        `step: expected scheduled ${name} to be a finite number at step ${step}, got ${shown(value)}; return a number`,
      );
    feeds[scheduledName(name)] = toOrt(engine, { data: hostArray([value], "f32"), shape: [], dtype: "f32" });
  }
  return feeds;
}

/** Feeds batches, and the noise that goes with them. */
export class Feeder {
  readonly #engine: Engine;
  readonly #batch: BatchSpecs;
  readonly #noise: Named;
  readonly #buffers = new Map<string, HostTensor>();
  constructor(engine: Engine, batch: BatchSpecs, noise: Named) {
    this.#engine = engine;
    this.#batch = batch;
    this.#noise = noise;
  }

  /** Memory for the numbers of a noise, used again while its sizes stay the same. */
  #buffer(name: string, { shape, dtype }: Spec, sizes: ReadonlyMap<string, number>): HostTensor {
    const fixed = shape.map((dim) => dimAt(dim, sizes));
    const before = this.#buffers.get(name);
    if (before && sameShape(before.shape, fixed)) return before;
    const made = zerosOf({ shape: fixed, dtype });
    this.#buffers.set(name, made);
    return made;
  }

  /** `part` numbers the micro-batch. */
  feeds(batch: Feeds, at: StepAt, part = 0): OrtTensors {
    const feeds: OrtTensors = {};
    const sizes = new Map<string, number>();
    for (const [name, spec] of Object.entries(this.#batch)) {
      const feed = checkFeed(name, spec, batch[name]);
      for (const [axis, dim] of spec.shape.entries()) sizes.set(String(dim), feed.shape[axis] ?? 0);
      feeds[name] = toOrt(this.#engine, feed);
    }
    const noise = Object.entries(this.#noise);
    for (const [i, [name, tensor]] of noise.entries()) {
      const { distribution } = tensor.node.attrs as { distribution: "uniform" | "normal" };
      const buffer = this.#buffer(name, tensor, sizes);
      const site = part * noise.length + i;
      fillNoise(buffer.data as Float32Array, distribution, { seed: at.seed, step: at.step, site });
      feeds[name] = toOrt(this.#engine, buffer);
    }
    return feeds;
  }
}
