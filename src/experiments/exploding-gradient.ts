/**
 * Exploding gradients (Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013): with recurrent matrices of a spectral
 * radius above 1 the gradient grows on its way back, and a training without a limit to its norm jumps.
 */
import { z } from "zod";
import { meanSquaredError, namedParameters } from "../nn/index.ts";
import { sgd } from "../optim/index.ts";
import { digits } from "../pictures/index.ts";
import { initialValues } from "../runtime/index.ts";
import { real, whole } from "../schema.ts";
import { createStep } from "../train/index.ts";
import { addingBatch } from "./adding-problem.ts";
import { CELLS } from "./cells.ts";
import type { Experiment, ExperimentWatch } from "./experiment.ts";
import { lastStep, reader } from "./fitting.ts";
import { factorPerStep, flowPicture, gradientFlows } from "./gradient-flow.ts";
import { forgetBias, nonlinearity, seeds } from "./options.ts";
import { scaleToRadius } from "./radius.ts";

const options = z.strictObject({
  length: whole(2, 5000).default(100).describe("steps between the first state and the loss"),
  hidden: whole(2, 2048).default(64).describe("width of the state"),
  batch: whole(1, 1024).default(16).describe("sequences that are averaged over"),
  scale: real(0, 100)
    .default(0.01)
    .describe("deviation of the inputs; large ones bound the state, and with it the gradient"),
  radius: real(0, 10).default(3).describe("spectral radius of the recurrent matrices"),
  clip: real(0, 1e6).default(1).describe("limit of the gradient's norm in the training with one"),
  lr: real(1e-6, 10).default(0.05).describe("learning rate of the training, which is plain gradient descent"),
  steps: whole(1, 1e6).default(200).describe("training steps"),
  nonlinearity: nonlinearity(),
  forgetBias: forgetBias(),
  seeds: seeds(5),
});
type Options = z.output<typeof options>;

/** Losses and gradient norms of an RNN with that radius on the adding problem, until they are no longer finite. */
async function descent(chosen: Options, clip: number | undefined, seed: number, { threads, signal }: ExperimentWatch) {
  const { hidden: H, length: T, batch: B, radius, lr } = chosen;
  const model = reader("rnn", [2, H, 1], chosen);
  const parameters = namedParameters(model);
  const weights = initialValues(parameters, seed);
  scaleToRadius(weights["layer.weight_hh_l0"]?.data as Float32Array, H, radius);
  const batch = addingBatch(B, T, seed, 0);
  await using step = await createStep(
    {
      ...{ parameters, clip, batch, optimizer: sgd() },
      loss: ({ x, sums }) => meanSquaredError(lastStep(model(x)), sums),
    },
    { weights },
    threads ? { threads } : {},
  );
  const [losses, norms]: [number[], number[]] = [[], []];
  for (let at = 1; at <= chosen.steps; at++) {
    signal?.throwIfAborted();
    const { loss, gradNorm } = await step.run([addingBatch(B, T, seed, at)], { step: at, lr, seed });
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) break;
    losses.push(loss);
    norms.push(gradNorm);
  }
  return { losses, norms };
}

/** The largest value, or where there were fewer than `steps` of them, when they were no longer finite. */
const largest = (values: readonly number[], steps: number): number | string =>
  values.length < steps ? `not finite at step ${values.length + 1}` : values.reduce((a, b) => Math.max(a, b));

const shown = (value: number | string): string => (typeof value === "number" ? digits(value) : value);

export const explodingGradient: Experiment<typeof options> = {
  name: "exploding-gradient",
  about: "how a gradient grows on its way back, and what a limit to its norm does for a training",
  source: "Pascanu, Mikolov & Bengio 2013",
  options,
  async run(chosen, watch) {
    const norms = await gradientFlows(chosen, ` with radius ${chosen.radius}`, watch);
    watch.onNote?.("training an RNN without a limit, and with one");
    const [free, clipped] = [await descent(chosen, undefined, 0, watch), await descent(chosen, chosen.clip, 0, watch)];
    const table = [
      ...CELLS.map((cell) => ({
        what: `gradient through ${cell}, factor per step`,
        value: factorPerStep(norms[cell]),
      })),
      { what: "largest gradient norm in training", value: largest(free.norms, chosen.steps) },
      { what: "largest loss without a limit", value: largest(free.losses, chosen.steps) },
      { what: `largest loss with a limit of ${chosen.clip}`, value: largest(clipped.losses, chosen.steps) },
    ];
    const [factor, without, limited] = [0, 4, 5].map((i) => shown(table[i]?.value ?? 0));
    return {
      summary: `each step back multiplies an RNN's gradient by ${factor}; largest loss in training without a limit to the gradient's norm: ${without}, with one: ${limited}`,
      table,
      values: { norms, free, clipped },
      picture: flowPicture(`‖∂L/∂h‖ by the steps between, spectral radius ${chosen.radius}`, norms),
    };
  },
};
