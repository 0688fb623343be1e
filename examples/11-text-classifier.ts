/** Reviews in which "not" turns everything around, read both ways by a GRU; padding is masked by the lengths. */
import { array, fit, padded, type Tensor, trainWords } from "descent-ml";
import { crossEntropy, Embedding, GRU, Linear, module } from "descent-ml/nn";

const openings = ["the film was", "it seemed", "all in all i found the whole thing"];
const endings = ["moving", "dull", "not moving", "not dull", "funny", "empty", "not funny", "not empty"];
const texts = openings.flatMap((opening) => endings.map((ending) => `${opening} ${ending}`));
const labels = openings.flatMap(() => [1, 0, 0, 1, 1, 0, 0, 1]);
const { encode } = trainWords(texts, 100);
const batch = (texts: string[]) => padded(texts.map((text) => encode(text)));

const parts = { embedding: Embedding(100, 16), gru: GRU(16, 16, { bidirectional: true }), out: Linear(32, 2) };
const net = module("Net", parts, ({ embedding, gru, out }, ids: Tensor, lengths: Tensor) => {
  const [, last] = gru(embedding(ids), { lengths }); // [2, B, 16]: the last state of each direction
  return out(last.rearrange("d b h -> b (d h)"));
});
const fitted = await fit(
  net,
  { ...batch(texts), good: array(labels, "i32") },
  { loss: ({ ids, lengths, good }) => crossEntropy(net(ids, lengths), good), steps: 150, lr: 0.01 },
);
const { data: scores } = await fitted.predict(batch(["the whole film was not dull", "it seemed not funny"]));
console.log(`loss ${fitted.trainLoss.toFixed(2)}, bad and good: ${Array.from(scores as Float32Array, Math.round)}`);
