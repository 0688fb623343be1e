/** Fills and feeds what changes from run to run: batch, noise, scalars. */
import type { Named } from "../onnx/index.ts";
import {
  checkFeed,
  type Feeds,
  fillNoise,
  type HostTensor,
  type OrtTensor,
  type Program,
  toOrt,
} from "../runtime/index.ts";
import { zerosOf } from "./state.ts";
import type { StepAt } from "./step.ts";
import { scalarName } from "./trace.ts";

export class Feeder {
  readonly #program: Program;
  readonly #batch: Program["model"]["inputs"];
  readonly #noise: readonly [name: string, buffer: HostTensor, distribution: "uniform" | "normal"][];
  constructor(program: Program, batch: readonly string[], noise: Named) {
    this.#program = program;
    this.#batch = program.model.inputs.filter(({ name }) => batch.includes(name));
    this.#noise = Object.entries(noise).map(([name, tensor]) => {
      const { distribution } = tensor.node.attrs as { distribution: "uniform" | "normal" };
      return [name, zerosOf(tensor), distribution];
    });
  }

  feeds(batch: Feeds, scalars: Readonly<Record<string, number>>, at: StepAt, part = 0): Record<string, OrtTensor> {
    const { engine } = this.#program;
    const feeds: Record<string, OrtTensor> = {};
    for (const { name, spec } of this.#batch) feeds[name] = toOrt(engine, checkFeed(name, spec, batch[name]));
    for (const [name, value] of Object.entries(scalars))
      feeds[scalarName(name)] = new engine.Tensor("float32", Float32Array.of(value), []);
    for (const [i, [name, buffer, distribution]] of this.#noise.entries()) {
      const site = part * this.#noise.length + i;
      fillNoise(buffer.data as Float32Array, distribution, { seed: at.seed, step: at.step, site });
      feeds[name] = toOrt(engine, buffer);
    }
    return feeds;
  }
}
