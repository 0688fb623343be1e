/**
 * Rate against distortion (Alemi et al. 2018, "Fixing a broken ELBO"; Higgins et al. 2017): a VAE makes D + β·R small, the distortion
 * D = -E log p(x | z) and the rate R = KL(q(z | x) ‖ p(z)), both in nats. With β it moves along a curve that falls by β nats of
 * distortion for each nat of rate, if it is as good as can be; between neighbouring β the slope lies between them.
 */
import { z } from "zod";
import { curves } from "../pictures/index.ts";
import { whole } from "../schema.ts";
import { autoencoding, type Divided, divided, trained } from "./autoencoding.ts";
import type { Experiment, ExperimentWatch } from "./experiment.ts";
import { mean, numberList, realsIn, seeds, upTo } from "./options.ts";

const options = z.strictObject({
  betas: numberList("0.1,0.5,1,2,4,8").describe("weights of the KL"),
  latent: whole(1, 1000).default(10).describe("dimensions of a code"),
  ...autoencoding(),
  seeds: seeds(3),
});
type Options = z.output<typeof options>;

/** What one training reaches on held-out digits. */
interface Outcome {
  readonly beta: number;
  readonly seed: number;
  /** Rate, in nats. */
  readonly kl: number;
  /** Distortion, in nats. */
  readonly reconstruction: number;
  readonly elbo: number;
  readonly active: number;
}

async function outcome(
  beta: number,
  seed: number,
  digits: Divided,
  chosen: Options,
  watch: ExperimentWatch,
): Promise<Outcome> {
  const training = {
    name: `β ${beta}`,
    model: "vae",
    latent: chosen.latent,
    objective: { beta, anneal: "linear" },
    seed,
  } as const;
  const { scores = {} } = await trained(training, digits, chosen, watch);
  const { kl = Number.NaN, reconstruction = Number.NaN, elbo = Number.NaN, active = Number.NaN } = scores;
  return { beta, seed, kl, reconstruction, elbo, active };
}

/** Means over seeds. */
function rowOf(beta: number, outcomes: readonly Outcome[]) {
  const own = outcomes.filter((one) => one.beta === beta);
  const over = (score: "kl" | "reconstruction" | "elbo" | "active") => mean(own.map((one) => one[score]));
  return { beta, KL: over("kl"), reconstruction: over("reconstruction"), ELBO: over("elbo"), active: over("active") };
}

/** How much distortion a nat of rate is worth, from each row to the next. */
const slopes = (table: readonly ReturnType<typeof rowOf>[]) =>
  table.slice(1).map((row, i) => {
    const { beta, KL, reconstruction } = table[i] ?? row;
    return { from: beta, to: row.beta, slope: (row.reconstruction - reconstruction) / (KL - row.KL) };
  });

export const beta: Experiment<typeof options> = {
  name: "beta",
  about: "rate against distortion: what the weight of the KL does to a VAE of drawn digits",
  source: "Higgins et al. 2017; Alemi et al. 2018",
  options,
  async run(chosen, watch) {
    const betas = realsIn("betas", chosen.betas, 0, 1e6).sort((a, b) => a - b);
    const digits = await divided(chosen);
    const outcomes: Outcome[] = [];
    for (const beta of betas)
      for (const seed of upTo(chosen.seeds)) outcomes.push(await outcome(beta, seed, digits, chosen, watch));
    const table = betas.map((beta) => rowOf(beta, outcomes));
    const drawn = curves(
      "rate against distortion",
      upTo(chosen.seeds).map((seed) => ({
        name: `seed ${seed}`,
        points: outcomes
          .filter((one) => one.seed === seed)
          .map(({ kl, reconstruction }) => [kl, reconstruction] as const)
          .sort(([a], [b]) => a - b),
      })),
      {
        x: `rate, KL in nats: β from ${betas.at(-1)} on the left to ${betas[0]} on the right`,
        y: "distortion, nats of the reconstruction",
      },
    );
    const said = table.map(
      ({ beta, KL, reconstruction }) => `${KL.toFixed(1)} and ${reconstruction.toFixed(1)} at ${beta}`,
    );
    return {
      summary: `nats of rate and of distortion by β: ${said.join(", ")}`,
      table,
      values: { outcomes, slopes: slopes(table) },
      picture: drawn ?? "",
    };
  },
};
