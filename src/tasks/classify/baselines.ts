/** How well texts are classified without a network. V words · K labels · B texts · T ids of the longest */
import { type Dataset, epochs } from "../../data/index.ts";
import { constantInit, crossEntropy, module, namedState } from "../../nn/index.ts";
import { adam, linearDecay } from "../../optim/index.ts";
import { initialValues } from "../../runtime/index.ts";
import { arange, parameter, type Tensor } from "../../tensor/index.ts";
import { createStep, type Scores } from "../../train/index.ts";
import type { Watch } from "../task.ts";
import { type Labelled, labelledBatch, labelledFeeds } from "./labelled.ts";
import { ClassTally, softmax } from "./scores.ts";

const all = <E>(data: Dataset<E>): E[] => Array.from({ length: data.size }, (_, i) => data.at(i));

/** Every text gets the label that is most frequent in training, with the frequencies as probabilities. */
export function majority(train: Dataset<Labelled>, test: Dataset<Labelled>, K: number): Scores {
  const counts = Array<number>(K).fill(0);
  for (const { label } of all(train)) counts[label] = (counts[label] ?? 0) + 1;
  const frequencies = counts.map((count) => count / train.size);
  const found = new ClassTally(K);
  for (const { label } of all(test)) found.add(frequencies, label);
  return found.scores();
}

/** Logistic regression on counts of words: ids [B, T], lengths [B] -> logits [B, K]. */
const BagOfWords = (V: number, K: number) =>
  module(
    "BagOfWords",
    { weight: parameter([V, K], constantInit(0)), bias: parameter([K], constantInit(0)) },
    ({ weight, bias }, ids: Tensor, lengths: Tensor) => {
      const within = arange(ids.dim(1)).less(lengths.unsqueeze(1)).unsqueeze(2); // [B, T, 1]
      return within.where(weight.gather(ids), 0).sum(1).add(bias);
    },
  );

export interface BagOptions extends Watch {
  readonly vocabulary: number;
  readonly labels: number;
}

const PASSES = 8;
/** Of small tables there are more passes. */
const LEAST_STEPS = 400;
const BATCH = 64;

/** Trained on `train` with Adam for at least 8 passes, then measured on `test`. */
export async function bagOfWords(
  train: Dataset<Labelled>,
  test: Dataset<Labelled>,
  { vocabulary: V, labels: K, signal }: BagOptions,
): Promise<Scores> {
  const model = BagOfWords(V, K);
  const longest = all(train).reduce((most, { ids }) => Math.max(most, ids.length), 1);
  const parameters = namedState(model);
  const loss = ({ ids, lengths, labels }: Record<keyof typeof labelledBatch, Tensor>) =>
    crossEntropy(model(ids, lengths), labels);
  const step = await createStep(
    { parameters, batch: labelledBatch, loss, optimizer: adam() },
    { weights: initialValues(parameters, 0) },
  );
  const order = epochs({ size: train.size, batch: BATCH, seed: 0, length: train.length });
  const steps = Math.max(LEAST_STEPS, PASSES * Math.ceil(train.size / BATCH));
  const rate = linearDecay(0.02, { to: steps });
  try {
    for (let n = 0; n < steps; n++) {
      signal?.throwIfAborted();
      const rows = Array.from(order(n), (i) => train.at(i));
      await step.run([labelledFeeds(rows, longest)], { step: n + 1, lr: rate(n + 1), seed: 0 });
    }
    return score(step.weights.weight?.data as Float32Array, step.weights.bias?.data as Float32Array, test, K);
  } finally {
    await step.release();
  }
}

/** Sums of the weights of each text's words, on the host: there is nothing to compile for it. */
function score(weight: Float32Array, bias: Float32Array, test: Dataset<Labelled>, K: number): Scores {
  const found = new ClassTally(K);
  for (const { ids, label } of all(test)) {
    const logits = Array.from(bias);
    for (const id of ids) for (let k = 0; k < K; k++) logits[k] = (logits[k] ?? 0) + (weight[id * K + k] ?? 0);
    found.add(softmax(logits), label);
  }
  return found.scores();
}
