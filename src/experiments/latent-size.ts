/**
 * How many dimensions a code needs: a VAE is trained with more and more of them. A dimension that says nothing costs nothing, so the rate
 * and the active dimensions (Burda, Grosse & Salakhutdinov 2016) stop growing where there is no more to say, and the ELBO does not fall. What
 * codes hold of the class is measured by a linear classifier (Alain & Bengio 2016).
 *
 * L latents
 */
import { z } from "zod";
import { imagesOf, type Picture } from "../data/index.ts";
import { linearClassifier, type Points } from "../metrics/points/index.ts";
import { curves } from "../pictures/index.ts";
import { autoencoding, type Divided, divided, trained } from "./autoencoding.ts";
import type { Experiment, ExperimentWatch } from "./experiment.ts";
import { mean, numberList, numbersIn, seeds, upTo } from "./options.ts";

const options = z.strictObject({
  latents: numberList("1,2,4,8,16,32").describe("dimensions of a code"),
  ...autoencoding(),
  seeds: seeds(3),
});
type Options = z.output<typeof options>;

/** Digits that the linear classifier learns from. */
const PROBED = 2000;

/** What one training reaches on held-out digits. */
interface Outcome {
  readonly latent: number;
  readonly seed: number;
  readonly elbo: number;
  /** Nats. */
  readonly reconstruction: number;
  readonly kl: number;
  readonly active: number;
  /** Share of digits that a linear classifier tells from their codes. */
  readonly linear: number;
}

const classesOf = (pictures: readonly Picture[]) => Int32Array.from(pictures, ({ label }) => Number(label));

/** Share of held-out digits that a linear classifier tells from `points` of digits. */
async function probed(
  { train, held }: Divided,
  points: (pictures: readonly Picture[]) => Points | Promise<Points>,
  { signal }: ExperimentWatch,
): Promise<number> {
  const learned = train.pictures.slice(0, PROBED);
  const watch = signal ? { signal } : {};
  const classifier = await linearClassifier(await points(learned), classesOf(learned), watch);
  return classifier.accuracy(await points(held.pictures), classesOf(held.pictures));
}

async function outcome(
  latent: number,
  seed: number,
  digits: Divided,
  chosen: Options,
  watch: ExperimentWatch,
): Promise<Outcome> {
  const training = { name: `${latent} latents`, model: "vae", latent, objective: { anneal: "linear" }, seed } as const;
  const history = await trained(training, digits, chosen, watch);
  await using imager = await history.open();
  const linear = await probed(digits, (pictures) => imager.codes(pictures, { signal: watch.signal }), watch);
  const { elbo = Number.NaN, reconstruction = Number.NaN, kl = Number.NaN, active = Number.NaN } = history.scores ?? {};
  return { latent, seed, elbo, reconstruction, kl, active, linear };
}

/** Means over seeds. */
function rowOf(latent: number, outcomes: readonly Outcome[]) {
  const own = outcomes.filter((one) => one.latent === latent);
  const over = (score: "elbo" | "reconstruction" | "kl" | "active" | "linear") => mean(own.map((one) => one[score]));
  const parts = { ELBO: over("elbo"), reconstruction: over("reconstruction"), KL: over("kl") };
  return { latent, ...parts, active: over("active"), "linear probe": over("linear") };
}

export const latentSize: Experiment<typeof options> = {
  name: "latent-size",
  about: "how many dimensions the code of a VAE of drawn digits needs, and what a linear classifier reads from it",
  source: "Burda, Grosse & Salakhutdinov 2016; Alain & Bengio 2016",
  options,
  async run(chosen, watch) {
    const latents = numbersIn("latents", chosen.latents, 1, 1000).sort((a, b) => a - b);
    const digits = await divided(chosen);
    const outcomes: Outcome[] = [];
    for (const latent of latents)
      for (const seed of upTo(chosen.seeds)) outcomes.push(await outcome(latent, seed, digits, chosen, watch));
    const table = latents.map((latent) => rowOf(latent, outcomes));
    const pixels = await probed(digits, imagesOf, watch);
    const drawn = curves(
      "nats by the size of the code",
      (["ELBO", "reconstruction", "KL"] as const).map((name) => ({
        name: name === "ELBO" ? "-ELBO" : name,
        points: table.map((row) => [row.latent, name === "ELBO" ? -row.ELBO : row[name]] as const),
      })),
      { x: "dimensions of a code", y: "nats per digit" },
    );
    const said = table.map((row) => `${row.active.toFixed(1)} of ${row.latent}`);
    return {
      summary: `dimensions that are active: ${said.join(", ")}; pixels hold ${(100 * pixels).toFixed(1)} % of classes for a linear classifier, codes up to ${(100 * Math.max(...table.map((row) => row["linear probe"]))).toFixed(1)} %`,
      table,
      values: { outcomes, pixels },
      picture: drawn ?? "",
    };
  },
};
