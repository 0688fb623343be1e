/** Two interleaved half circles, told apart by a network of two layers; the points come from a seed, not from a file. */
import {
  adam,
  array,
  compile,
  createStep,
  crossEntropy,
  initialValues,
  input,
  Linear,
  module,
  namedParameters,
  stream,
  type Tensor,
} from "descent-ml";

/** `count` points of both moons with noise, [N, 2], and which moon each is from, [N]. */
function moons(count: number, part: number) {
  const random = stream(7, part, "moons");
  const angle = random.fillUniform(new Float64Array(count));
  const noise = random.fillNormal(new Float64Array(2 * count));
  const label = Array.from({ length: count }, (_, i) => i % 2);
  const points = label.map((moon, i) => {
    const [x, y] = [Math.cos(Math.PI * (angle[i] ?? 0)), Math.sin(Math.PI * (angle[i] ?? 0))];
    const [dx, dy] = [0.1 * (noise[2 * i] ?? 0), 0.1 * (noise[2 * i + 1] ?? 0)];
    return moon === 0 ? [x + dx, y + dy] : [1 - x + dx, 0.5 - y + dy];
  });
  return { x: array(points), y: array(label, "i32") };
}

// The model: a function that carries its parameters. B points, two numbers in, two scores out.
const net = module("Net", { hidden: Linear(2, 32), out: Linear(32, 2) }, ({ hidden, out }, x: Tensor) =>
  out(hidden(x).tanh()),
);
const parameters = namedParameters(net);
console.log(`parameters: ${Object.keys(parameters).join(", ")}`);

// One step is one graph: forward, loss, backward, update. A batch stands for the shapes and types of all batches.
const training = moons(200, 0);
const step = await createStep(
  {
    parameters,
    batch: training,
    loss: ({ x, y }) => crossEntropy(net(x), y),
    optimizer: adam(),
  },
  { weights: initialValues(parameters, 0) },
);
for (let i = 1; i <= 400; i++) {
  const { loss } = await step.run([training], { step: i, lr: 0.02, seed: 0 });
  if (i % 100 === 0) console.log(`step ${i}  loss ${loss.toFixed(4)}`);
}

// Points it has not seen. Their number N is left open, so one graph serves any count.
const x = input("x", ["N", 2]);
const classify = await compile({ x, ...parameters }, { moon: net(x).argMax(1) });
const unseen = moons(1000, 1);
const { moon } = await classify.run({ x: unseen.x, ...step.weights });
console.log(`accuracy ${unseen.y.data.filter((label, i) => label === moon?.data[i]).length / 1000}`);
