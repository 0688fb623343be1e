/** Handwritten digits, told apart by two convolutions. Give the folder with MNIST's two training files. */
import { fit, loadIdx, type Tensor } from "descent-ml";
import { Conv2d, crossEntropy, Flatten, Linear, MaxPool2d, ReLU, Sequential } from "descent-ml/nn";

const folder = process.argv[2] ?? "mnist";
const data = {
  x: await loadIdx(`${folder}/train-images-idx3-ubyte.gz`), // [N, 28, 28], from 0 to 255
  y: await loadIdx(`${folder}/train-labels-idx1-ubyte.gz`), // [N]
};
const convolutions = [Conv2d(1, 16, 3), ReLU(), MaxPool2d(2), Conv2d(16, 32, 3), ReLU(), MaxPool2d(2)];
const net = Sequential(...convolutions, Flatten(), Linear(32 * 5 * 5, 10));
const scores = (x: Tensor) => net(x.div(255).unsqueeze(1)); // [B, 10]

const run = fit(net, data, {
  loss: ({ x, y }) => crossEntropy(scores(x), y.cast("i32")),
  metrics: ({ x, y }) => ({ accuracy: scores(x).argMax(1).cast("f32").equal(y).cast("f32").mean() }),
  validation: 0.1,
  epochs: 2,
  batch: 64,
});
for await (const event of run)
  if (event.event === "evaluate") console.log(`step ${event.step}  accuracy ${event.scores.accuracy?.toFixed(3)}`);
