/**
 * Disentangling: whether single latents stand for single true factors. Digits are drawn from known factors, so that the mutual information
 * of each latent's posterior mean with each factor can be measured, of a VAE, a β-VAE (Higgins et al. 2017) and a β-TCVAE (Chen
 * et al. 2018), which weighs the total correlation of the latents alone.
 *
 * L latents
 */
import { z } from "zod";
import { type DataGiven, type Picture, readPictures } from "../data/index.ts";
import { type DigitFactors, digitImages, digitLabels, drawnDigits } from "../digits/index.ts";
import { openSource } from "../files/index.ts";
import { activeUnits, type InformationGap, mutualInformationGap } from "../metrics/points/index.ts";
import { heatmap } from "../pictures/index.ts";
import { real, whole } from "../schema.ts";
import { train } from "../tasks/train.ts";
import type { Experiment, ExperimentWatch } from "./experiment.ts";
import { mean, seeds, upTo } from "./options.ts";

const options = z.strictObject({
  pictures: whole(100, 1e6).default(10_000).describe("drawn digits that are learned from"),
  digit: whole(-1, 9).default(3).describe("the one that is drawn, by one way of writing; -1 for all ten and every way"),
  size: whole(8, 64).default(20).describe("pixels of a side"),
  latent: whole(1, 100).default(10).describe("latents"),
  hidden: whole(1, 4096).default(200).describe("width of the two dense layers on either side"),
  beta: real(0, 1000).default(4).describe("weight of the KL in the β-VAE, and of the total correlation in the β-TCVAE"),
  steps: whole(1, 1e6).default(1500).describe("training steps"),
  batch: whole(2, 4096).default(100).describe("digits in a batch"),
  lr: real(1e-6, 1).default(0.002).describe("learning rate of Adam"),
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

/** Drawn digits as a folder in memory, with their factors. */
function digits(
  count: number,
  seed: number,
  size: number,
  digit: number,
): { data: DataGiven; factors: readonly DigitFactors[] } {
  const drawn = drawnDigits({ count, seed, size, ...(digit >= 0 && { class: digit, hand: 0 }) });
  const files = [
    { name: "digits-images-idx3-ubyte", bytes: digitImages(drawn) },
    { name: "digits-labels-idx1-ubyte", bytes: digitLabels(drawn) },
  ];
  return { data: { name: `digits:${count}:${seed}`, files }, factors: drawn.factors };
}

/** Pictures whose factors are known. */
interface Known {
  readonly pictures: readonly Picture[];
  readonly factors: Readonly<Record<string, readonly number[]>>;
}

/** One model after its training. */
interface Found {
  readonly information: InformationGap;
  /** Nats. */
  readonly reconstruction: number;
  readonly kl: number;
  readonly active: number;
}

async function trained(
  model: Model,
  [data, val, known]: readonly [DataGiven, DataGiven, Known],
  seed: number,
  { latent, hidden, beta, bins, steps, batch, lr }: Options,
  { signal, onNote, threads }: ExperimentWatch,
): Promise<Found> {
  const run = train("vae", {
    task: "reconstruct",
    ...{ data, val, steps, batch, lr, seed, signal, threads, evalEvery: steps },
    ...objectiveOf(model, beta),
    config: { latent, hidden_size: hidden, encoder: "dense" },
  });
  for await (const event of run)
    if (event.event === "step" && event.step % 100 === 0)
      onNote?.(`${model}, seed ${seed}: step ${event.step} of ${steps}, loss ${event.loss.toFixed(2)} nats`);
  signal?.throwIfAborted();
  const history = await run;
  const imager = await history.open();
  try {
    const codes = await imager.codes(known.pictures, { signal });
    const { reconstruction = Number.NaN, kl = Number.NaN } = history.scores ?? {};
    const information = mutualInformationGap(codes, known.factors, { bins });
    return { information, reconstruction, kl, active: activeUnits(codes).active };
  } finally {
    await imager.release();
  }
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
    const { data } = digits(chosen.pictures, 0, chosen.size, chosen.digit);
    const { data: val, factors } = digits(MEASURED, 1, chosen.size, chosen.digit);
    const { pictures } = await readPictures(openSource(val, {}));
    const names = chosen.digit < 0 ? (["class", ...FACTORS] as const) : FACTORS;
    const columns = Object.fromEntries(names.map((name) => [name, factors.map((of) => of[name])]));
    const found: [Model, Found[]][] = [];
    for (const model of MODELS) {
      const each: Found[] = [];
      for (const seed of upTo(chosen.seeds))
        each.push(await trained(model, [data, val, { pictures, factors: columns }], seed, chosen, watch));
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
