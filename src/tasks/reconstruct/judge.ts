/** What is judged of an autoencoder's pictures: their likelihood by importance sampling, and what they look like. */
import type { Dataset } from "../../data/index.ts";
import { stream } from "../../runtime/index.ts";
import type { Measured, Watch } from "../task.ts";
import type { Example } from "./baselines.ts";
import type { Imager } from "./imager.ts";
import type { Options } from "./options.ts";

/** Pictures whose likelihood is estimated: with 200 samples each that is a minute of a convolutional decoder. */
const MOST = 2000;

/** The mean likelihood of at most 2000 pictures, drawn where there are more, where codes are drawn. */
export async function judgeImages(
  imager: Imager,
  data: Dataset<Example>,
  { importance }: Options,
  watch: Watch,
): Promise<Measured> {
  const drawn = stream(0, 0, "judge").permutation(data.size).subarray(0, MOST); // every tenth may be of one class
  const pictures = Array.from(drawn, (i) => data.at(i).picture);
  const nats = imager.draws ? await imager.importance(pictures, importance, watch) : [];
  const nll = nats.reduce((sum, value) => sum + value / nats.length, 0);
  return { scores: nats.length > 0 ? { nll } : {}, pictures: {} };
}
