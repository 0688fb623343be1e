/** What is judged of an autoencoder's pictures: their likelihood by importance sampling, and what they look like. */
import { type Dataset, encodePng, grid, type Picture } from "../../data/index.ts";
import { photo } from "../../pictures/index.ts";
import { stream } from "../../runtime/index.ts";
import type { Measured, Pictures, Watch } from "../task.ts";
import type { Example } from "./baselines.ts";
import type { Imager } from "./imager.ts";
import type { Options } from "./options.ts";

/** Pictures whose likelihood is estimated: with 200 samples each that is a minute of a convolutional decoder. */
const MOST = 2000;
/** Pictures in a row, and rows of them. */
const [COLUMNS, ROWS] = [10, 5];

const drawn = async (title: string, pictures: readonly Picture[]): Promise<string> => {
  const together = grid(pictures, COLUMNS);
  return photo(title, await encodePng(together), together.width, together.height);
};

/** Originals in one row and what comes of them below, and samples. */
async function look(imager: Imager, pictures: readonly Picture[], watch: Watch): Promise<Pictures> {
  const rows: Picture[] = [];
  for (let from = 0; from < Math.min(pictures.length, ROWS * COLUMNS); from += COLUMNS) {
    const [originals, reconstructions]: [Picture[], Picture[]] = [[], []];
    for await (const { original, reconstruction } of imager.predict(pictures.slice(from, from + COLUMNS), {
      ...watch,
    })) {
      originals.push(original);
      reconstructions.push(reconstruction);
    }
    if (from > 0 && originals.length < COLUMNS) break;
    rows.push(...originals, ...reconstructions);
  }
  return {
    reconstructions: await drawn("pictures, and below each what comes of its code", rows),
    samples: await drawn("pictures of codes drawn of the prior", await imager.sample({ n: ROWS * COLUMNS, ...watch })),
  };
}

/** The mean likelihood of at most 2000 pictures, drawn where there are more, and pictures of some. */
export async function judgeImages(
  imager: Imager,
  data: Dataset<Example>,
  { importance }: Options,
  watch: Watch,
): Promise<Measured> {
  const order = stream(0, 0, "judge").permutation(data.size).subarray(0, MOST); // every tenth may be of one class
  const pictures = Array.from(order, (i) => data.at(i).picture);
  const nats = imager.draws ? await imager.importance(pictures, importance, watch) : [];
  const nll = nats.reduce((sum, value) => sum + value / nats.length, 0);
  return { scores: nats.length > 0 ? { nll } : {}, pictures: await look(imager, pictures, watch) };
}
