/**
 * A plain autoencoder beside a VAE of equal size. Nothing tells the autoencoder where its codes shall lie: it reconstructs better, and what
 * it makes of codes that no digit has, drawn from the prior N(0, 1) or from a normal distribution that is fitted to the codes of digits, looks
 * less like digits. Codes half way between two digits are measured as well. Pictures are judged by a small classifier.
 *
 * N pictures · L latents · K classes
 */
import { z } from "zod";
import { encodePng, grid, imagesOf, type Picture } from "../data/index.ts";
import { type Pixels, photos } from "../pictures/index.ts";
import type { HostTensor } from "../runtime/index.ts";
import { whole } from "../schema.ts";
import { rowOf } from "../tasks/batched.ts";
import { between, normalCode } from "../tasks/reconstruct/codes.ts";
import type { Imager } from "../tasks/reconstruct/imager.ts";
import { judgeSamples, type SmallClassifier, smallClassifier } from "../tasks/reconstruct/small-classifier.ts";
import { autoencoding, type Divided, divided, trained } from "./autoencoding.ts";
import { parameterCount } from "./cells.ts";
import type { Experiment, ExperimentWatch } from "./experiment.ts";
import { mean, seeds, upTo } from "./options.ts";

const options = z.strictObject({
  latent: whole(1, 1000).default(16).describe("dimensions of a code"),
  samples: whole(100, 100_000).default(2000).describe("samples that are judged"),
  ...autoencoding(),
  seeds: seeds(3),
});
type Options = z.output<typeof options>;

const MODELS = ["ae", "vae"] as const;
type Model = (typeof MODELS)[number];

/** What the classifier says of pictures. */
interface Look {
  /** Fréchet distance of their features from those of held-out digits. */
  readonly frechet: number;
  /** Mean probability of the likeliest class. */
  readonly confidence: number;
  /** e^entropy of the mean probabilities: as many classes are among them, up to K. */
  readonly classes: number;
}

/** What the classifier says of pictures half way between two. */
interface Midpoints {
  /** Fréchet distance of their features from those of digits, between digits of different classes. */
  readonly between: number;
  /** Share that is taken for the class of both, between digits of the same one. */
  readonly kept: number;
}

/** What one training reaches on held-out digits. */
interface Outcome extends Look, Midpoints {
  readonly model: Model;
  readonly seed: number;
  readonly parameters: number;
  /** Nats of a digit, given the mean of its code. */
  readonly reconstruction: number;
  /** Fréchet distance of samples of a normal distribution with the mean and deviation of each dimension of the codes. */
  readonly fitted: number;
}

const confidenceOf = ({ data, shape }: HostTensor): number =>
  mean(Array.from({ length: shape[0] ?? 0 }, (_, i) => Math.max(...rowOf({ data, shape, dtype: "f32" }, i))));

/** e^entropy of the mean of probabilities [N, K]. */
export function classesAmong({ data, shape: [N = 0, K = 1] }: HostTensor): number {
  const shares = Array.from({ length: K }, (_, k) =>
    mean(Array.from({ length: N }, (_, i) => Number(data[i * K + k]))),
  );
  return Math.exp(-shares.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0));
}

async function look(classifier: SmallClassifier, pictures: readonly Picture[], { held }: Divided): Promise<Look> {
  const { frechet } = await judgeSamples(classifier, held.pictures, pictures);
  const probabilities = await classifier.probabilities(imagesOf(pictures));
  return { frechet, confidence: confidenceOf(probabilities), classes: classesAmong(probabilities) };
}

type Pair = readonly [a: number, b: number];

/** Each picture with the next of another class, and with the next of its own. */
function pairsOf(labels: readonly (string | undefined)[]): { readonly different: Pair[]; readonly alike: Pair[] } {
  const next = (i: number, fits: (label: string | undefined) => boolean): Pair[] => {
    const at = labels.findIndex((label, j) => j > i && fits(label));
    return at < 0 ? [] : [[i, at]];
  };
  const all = (alike: boolean) => labels.flatMap((own, i) => next(i, (label) => (label === own) === alike));
  return { different: all(false), alike: all(true) };
}

async function midpoints(
  classifier: SmallClassifier,
  { held: { pictures } }: Divided,
  middle: (pairs: readonly Pair[]) => Promise<readonly Picture[]>,
): Promise<Midpoints> {
  const { different, alike } = pairsOf(pictures.map(({ label }) => label));
  const { frechet } = await judgeSamples(classifier, pictures, await middle(different));
  const answers = await classifier.classify(imagesOf(await middle(alike)));
  const kept = alike.filter(([i], n) => classifier.classes[answers[n] ?? -1] === pictures[i]?.label);
  return { between: frechet, kept: kept.length / alike.length };
}

/** Two pictures seen through each other. */
const overlaid = (a: Picture, b: Picture): Picture => ({
  ...a,
  data: a.data.map((value, i) => Math.round((value + (b.data[i] ?? 0)) / 2)),
});

/** How digits themselves look, those that are learned from, and what lies half way between pixels. */
async function digitsThemselves(classifier: SmallClassifier, digits: Divided): Promise<Look & Midpoints> {
  const { pictures } = digits.held;
  const pixels = async (pairs: readonly Pair[]) =>
    pairs.map(([i, j]) => overlaid(pictures[i] as Picture, pictures[j] as Picture));
  const some = digits.train.pictures.slice(0, pictures.length);
  return { ...(await look(classifier, some, digits)), ...(await midpoints(classifier, digits, pixels)) };
}

/** Codes of a normal distribution that has the mean and the deviation of each dimension of `codes` [N, L]. */
function fittedCodes({ data, shape: [N = 0, L = 0] }: HostTensor, count: number, seed: number): Float32Array[] {
  const column = (l: number) => Array.from({ length: N }, (_, i) => Number(data[i * L + l]));
  const means = upTo(L).map((l) => mean(column(l)));
  const deviations = means.map((middle, l) => Math.sqrt(mean(column(l).map((value) => (value - middle) ** 2))));
  return upTo(count).map((i) =>
    normalCode(L, seed, i).map((value, l) => (means[l] ?? 0) + (deviations[l] ?? 0) * value),
  );
}

async function reconstructionOf(imager: Imager, { held }: Divided, { signal }: ExperimentWatch): Promise<number> {
  const nats: number[] = [];
  for await (const one of imager.predict(held.pictures, { batch: 500, signal })) nats.push(one.nats);
  return mean(nats);
}

/** Digits in a row of the picture. */
const COLUMNS = 12;

const strip = async (name: string, pictures: readonly Picture[]): Promise<Pixels & { readonly name: string }> => {
  const together = grid(pictures, COLUMNS);
  return { name, png: await encodePng(together), width: together.width, height: together.height };
};

/** Rows of the picture that one model makes. */
async function strips(model: Model, imager: Imager, { held: { pictures } }: Divided, samples: readonly Picture[]) {
  const reconstructions: Picture[] = [];
  for await (const { reconstruction } of imager.predict(pictures.slice(0, COLUMNS)))
    reconstructions.push(reconstruction);
  const [a, b] = pictures as [Picture, Picture];
  return [
    await strip(`${model}: what comes of their codes`, reconstructions),
    await strip(`${model}: samples of N(0, 1)`, samples.slice(0, 2 * COLUMNS)),
    await strip(`${model}: from the first to the second`, await imager.interpolate(a, b, { steps: COLUMNS })),
  ];
}

async function outcome(
  [model, seed]: readonly [Model, number],
  digits: Divided,
  classifier: SmallClassifier,
  chosen: Options,
  watch: ExperimentWatch,
) {
  const { latent, samples: n } = chosen;
  const objective = model === "vae" ? { anneal: "linear" as const } : {};
  const history = await trained({ name: model, model, latent, objective, seed }, digits, chosen, watch);
  await using imager = await history.open();
  const { signal } = watch;
  watch.onNote?.(`${model}, seed ${seed}: samples and what lies between digits`);
  const codes = await imager.codes(digits.held.pictures, { signal });
  const middle = (pairs: readonly Pair[]) =>
    imager.decode(
      pairs.map(([i, j]) => between(rowOf(codes, i), rowOf(codes, j), 0.5, "linear")),
      [],
      { signal },
    );
  const samples = await imager.sample({ n, signal });
  const fitted = await look(classifier, await imager.decode(fittedCodes(codes, n, seed), [], { signal }), digits);
  const found: Outcome = {
    ...{ model, seed, parameters: parameterCount(imager.model.parts) },
    reconstruction: await reconstructionOf(imager, digits, watch),
    ...(await look(classifier, samples, digits)),
    fitted: fitted.frechet,
    ...(await midpoints(classifier, digits, middle)),
  };
  return { found, rows: seed === 0 ? await strips(model, imager, digits, samples) : [] };
}

/** Means over seeds. */
function rowOfTable(model: Model, outcomes: readonly Outcome[]) {
  const own = outcomes.filter((one) => one.model === model);
  const over = (score: Exclude<keyof Outcome, "model">) => mean(own.map((one) => one[score]));
  return {
    model,
    parameters: over("parameters"),
    reconstruction: over("reconstruction"),
    Fréchet: over("frechet"),
    "Fréchet, fitted": over("fitted"),
    confidence: over("confidence"),
    classes: over("classes"),
    "Fréchet, midpoints": over("between"),
    "class kept": over("kept"),
  };
}

export const aeVsVae: Experiment<typeof options> = {
  name: "ae-vs-vae",
  about: "a plain autoencoder and a VAE of equal size: reconstructions, samples, and what lies between two digits",
  source: "Kingma & Welling 2014; Heusel et al. 2017",
  options,
  async run(chosen, watch) {
    const digits = await divided(chosen);
    const { signal, threads, onNote: onProgress } = watch;
    await using classifier = await smallClassifier(digits.train.pictures, { signal, threads, onProgress });
    const themselves = await digitsThemselves(classifier, digits);
    const outcomes: Outcome[] = [];
    const rows = [await strip("digits that were held out", digits.held.pictures.slice(0, COLUMNS))];
    for (const model of MODELS)
      for (const seed of upTo(chosen.seeds)) {
        const one = await outcome([model, seed], digits, classifier, chosen, watch);
        outcomes.push(one.found);
        rows.push(...one.rows);
      }
    const table = MODELS.map((model) => rowOfTable(model, outcomes));
    const said = table.map((row) => `${row.model} ${row.reconstruction.toFixed(1)} nats and ${row.Fréchet.toFixed(0)}`);
    return {
      summary: `reconstruction of held-out digits, and Fréchet distance of samples, which other digits have at ${themselves.frechet.toFixed(0)}: ${said.join(", ")}`,
      table,
      values: { outcomes, digits: { ...themselves }, classifier: classifier.accuracy },
      picture: photos("a plain autoencoder and a variational one", rows),
    };
  },
};
