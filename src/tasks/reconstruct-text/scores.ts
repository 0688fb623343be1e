/** Scores of an autoencoder of texts, in nats: of the bound and its parts, and of what it writes. */
import { type Dataset, spread } from "../../data/index.ts";
import { imageScorer } from "../reconstruct/scores.ts";
import type { Measured, Scorer, Watch } from "../task.ts";
import type { TextAutoencoder } from "./autoencoder.ts";
import type { TextExample } from "./baselines.ts";

/** How the rate counts in the loss. */
export interface Weights {
  readonly beta: number;
  readonly freeBits: number;
}

/** Means over texts as of pictures, and the perplexity of tokens, ends counted, that the ELBO bounds. */
export function textScorer({ beta, freeBits }: Weights): Scorer<TextExample> {
  const scorer = imageScorer({ objective: "elbo", beta, freeBits, capacity: undefined });
  let [texts, tokens] = [0, 0];
  return {
    add(examples, measured) {
      scorer.add(examples, measured);
      texts += examples.length;
      for (const { ids } of examples) tokens += ids.length + 1;
    },
    scores() {
      const { elbo = Number.NaN, ...rest } = scorer.scores();
      return { ...rest, elbo, perplexity: Math.exp((-elbo * texts) / tokens) };
    },
  };
}

/** Texts that are judged by what is written of them, and by samples of their likelihood. */
const MOST = 1000;

/**
 * The share of texts that the likeliest tokens of the mean of their code are again, and the likelihood by importance
 * sampling.
 */
export async function judgeTexts(
  model: TextAutoencoder,
  data: Dataset<TextExample>,
  samples: number,
  { signal }: Watch,
): Promise<Measured> {
  const texts = spread(data.size, MOST).map((i) => data.at(i).text);
  let exact = 0;
  for await (const { cut, exact: same } of model.predict(texts, { beam: 1, batch: 64, signal }))
    exact += Number(same && !cut);
  const nats = await model.importance(texts, samples, { signal });
  const nll = nats.reduce((sum, value) => sum + value / nats.length, 0);
  return { scores: { nll, exact: exact / texts.length }, pictures: {} };
}
