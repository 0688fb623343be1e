/**
 * Vanishing gradients (Hochreiter 1991; Bengio, Simard & Frasconi 1994): the norm of a loss's gradient with respect to the
 * hidden state, against how many steps lie between the two.
 */
import { z } from "zod";
import { real, whole } from "../schema.ts";
import { CELLS } from "./cells.ts";
import type { Experiment } from "./experiment.ts";
import { factorPerStep, flowPicture, gradientFlows } from "./gradient-flow.ts";
import { forgetBias, nonlinearity, seeds } from "./options.ts";

const options = z.strictObject({
  length: whole(2, 5000).default(100).describe("steps between the first state and the loss"),
  hidden: whole(2, 2048).default(64).describe("width of the state"),
  batch: whole(1, 1024).default(16).describe("sequences that are averaged over"),
  scale: real(0, 100).default(1).describe("deviation of the inputs"),
  radius: real(0, 10)
    .optional()
    .describe("spectral radius that recurrent matrices are scaled to (default: torch.nn's initial values)"),
  nonlinearity: nonlinearity(),
  forgetBias: forgetBias(),
  seeds: seeds(5),
});

export const vanishingGradient: Experiment<typeof options> = {
  name: "vanishing-gradient",
  about: "how fast a gradient fades on its way back through an RNN, an LSTM and a GRU",
  source: "Bengio, Simard & Frasconi 1994; Hochreiter & Schmidhuber 1997",
  options,
  async run(chosen, watch) {
    const norms = await gradientFlows(chosen, "", watch);
    const table = CELLS.map((cell) => {
      const found = norms[cell];
      const lag = found.findIndex((norm) => norm < (found[0] ?? 0) / 1000);
      return {
        cell,
        "factor per step": factorPerStep(found),
        "lag to 1/1000": lag < 0 ? `over ${chosen.length}` : lag,
      };
    });
    const factors = table.map((row) => `${row.cell} ${row["factor per step"].toFixed(3)}`);
    return {
      summary: `each step back multiplies the gradient's norm by: ${factors.join(", ")}`,
      table,
      values: { norms },
      picture: flowPicture("‖∂L/∂h‖ by the steps between", norms),
    };
  },
};
