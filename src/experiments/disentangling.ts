/**
 * Disentangling: whether single latents stand for single true factors. Digits are drawn from known factors, so that the mutual information
 * of each latent's posterior mean with each factor can be measured, of a VAE, a β-VAE (Higgins et al. 2017) and a β-TCVAE (Chen
 * et al. 2018), which weighs the total correlation of the latents alone.
 *
 * L latents
 */
import { z } from "zod";
import { activeUnits, type InformationGap, mutualInformationGap } from "../metrics/points/index.ts";
import { heatmap } from "../pictures/index.ts";
import { real, whole } from "../schema.ts";
import { autoencoding, type Divided, digitSet, trained } from "./autoencoding.ts";
import type { Experiment, ExperimentWatch } from "./experiment.ts";
import { mean, seeds, upTo } from "./options.ts";

const options = z.strictObject({
  ...autoencoding({ steps: 1500, batch: 100, lr: 0.002 }),
  digit: whole(-1, 9).default(3).describe("the one that is drawn, by one way of writing; -1 for all ten and every way"),
  latent: whole(1, 100).default(10).describe("latents"),
  beta: real(0, 1000).default(4).describe("weight of the KL in the β-VAE, and of the total correlation in the β-TCVAE"),
  bins: whole(2, 1000).default(20).describe("boxes of the histograms"),
  seeds: seeds(3),
});
type Options = z.output<typeof options>;

/** The true factors. Which digit it is is one of them where all ten are drawn. */
const FACTORS = ["slant", "thickness", "x", "y", "scale"] as const;
/** Digits on which information is measured, none of them learned from. */
const MEASURED = 4000;

const MODELS = ["VAE", "β-VAE", "β-TCVAE"] as const;
type Model = (typeof MODELS)[number];

/** What a model is trained for. */
const objectiveOf = (model: Model, beta: number) =>
  model === "VAE" ? {} : model === "β-VAE" ? { beta } : { objective: "tc" as const, beta };

/** One model after its training. */
interface Found {
  readonly information: InformationGap;
  /** Nats. */
  readonly reconstruction: number;
  readonly kl: number;
  readonly active: number;
}

/** The true factors of digits by name. */
type Factors = Readonly<Record<string, readonly number[]>>;

async function measured(
  model: Model,
  [digits, factors]: readonly [Divided, Factors],
  seed: number,
  chosen: Options,
  watch: ExperimentWatch,
): Promise<Found> {
  const { latent, beta, bins } = chosen;
  const training = { name: model, model: "vae", latent, objective: objectiveOf(model, beta), seed } as const;
  const history = await trained(training, digits, chosen, watch);
  await using imager = await history.open();
  const codes = await imager.codes(digits.held.pictures, { signal: watch.signal });
  const { reconstruction = Number.NaN, kl = Number.NaN } = history.scores ?? {};
  const information = mutualInformationGap(codes, factors, { bins });
  return { information, reconstruction, kl, active: activeUnits(codes).active };
}

/** Information of each latent with each factor as a share of what there is to know: [factor][latent]. */
const shares = ({ factors }: InformationGap): number[][] =>
  Object.values(factors).map(({ latents, entropy }) => latents.map((nats) => nats / entropy));

const gapOf = (found: readonly Found[], name: string): number =>
  mean(found.map(({ information }) => information.factors[name]?.gap ?? Number.NaN));

/** A row of the table: means over seeds. */
const rowOf = (model: Model, found: readonly Found[]) => ({
  model,
  MIG: mean(found.map(({ information }) => information.mig)),
  ...Object.fromEntries(Object.keys(found[0]?.information.factors ?? {}).map((name) => [name, gapOf(found, name)])),
  reconstruction: mean(found.map(({ reconstruction }) => reconstruction)),
  KL: mean(found.map(({ kl }) => kl)),
  active: mean(found.map(({ active }) => active)),
});

export const disentangling: Experiment<typeof options> = {
  name: "disentangling",
  about: "whether single latents of a VAE, a β-VAE and a β-TCVAE stand for single factors of drawn digits",
  source: "Higgins et al. 2017; Chen, Li, Grosse & Duvenaud 2018",
  options,
  async run(chosen, watch) {
    const all = chosen.digit < 0;
    const kind = { size: chosen.size, ...(!all && { class: chosen.digit, hand: 0 }) };
    const digits = {
      train: await digitSet({ count: chosen.pictures, seed: 0, ...kind }),
      held: await digitSet({ count: MEASURED, seed: 1, ...kind }),
    };
    const names = all ? (["class", ...FACTORS] as const) : FACTORS;
    const factors = Object.fromEntries(names.map((name) => [name, digits.held.factors.map((of) => of[name])]));
    const found: [Model, Found[]][] = [];
    for (const model of MODELS) {
      const each: Found[] = [];
      for (const seed of upTo(chosen.seeds)) each.push(await measured(model, [digits, factors], seed, chosen, watch));
      found.push([model, each]);
    }
    const table = found.map(([model, each]) => rowOf(model, each));
    const said = table.map(({ model, MIG }) => `${model} ${MIG.toFixed(3)}`);
    return {
      summary: `mutual information gap, 1 where every factor stands in a latent of its own: ${said.join(", ")}`,
      table,
      values: {
        factors: [...names],
        models: Object.fromEntries(
          found.map(([model, each]) => [
            model,
            each.map(({ information, ...scores }) => ({
              mig: information.mig,
              shares: shares(information),
              ...scores,
            })),
          ]),
        ),
      },
      picture: heatmap(
        "information of each latent with each factor, as a share of the factor's entropy",
        found.map(([model, [first]]) => ({
          name: `${model}, MIG ${first?.information.mig.toFixed(2)}`,
          rows: names,
          values: first ? shares(first.information) : [],
        })),
      ),
    };
  },
};
