/** Your own training loop: batches, validation, early stopping and the best weights are a dozen plain lines. */
import {
  adamW,
  compile,
  cosineDecay,
  createStep,
  type HostTensor,
  initialValues,
  input,
  Linear,
  meanSquaredError,
  module,
  namedParameters,
  stream,
  type Tensor,
} from "descent-ml";

const net = module("Net", { a: Linear(1, 64), b: Linear(64, 64), out: Linear(64, 1) }, ({ a, b, out }, x: Tensor) =>
  out(b(a(x).tanh()).tanh()),
);
const parameters = namedParameters(net);

/** Points of y = sin 3x + noise for x in [-2, 2). */
function points(count: number, step: number, site: string): Record<"x" | "y", HostTensor> {
  const random = stream(0, step, site);
  const x = random.fillUniform(new Float32Array(count)).map((u) => 4 * u - 2);
  const noise = random.fillNormal(new Float32Array(count));
  const y = x.map((value, i) => Math.sin(3 * value) + 0.1 * (noise[i] ?? 0));
  return { x: { data: x, shape: [count, 1], dtype: "f32" }, y: { data: y, shape: [count, 1], dtype: "f32" } };
}

const step = await createStep(
  {
    parameters,
    batch: points(64, 0, "shape"),
    loss: ({ x, y }) => meanSquaredError(net(x), y),
    optimizer: adamW(),
    clip: 1,
  },
  { weights: initialValues(parameters, 0) },
);
const [x, y] = [input("x", ["N", 1]), input("y", ["N", 1])];
const measure = await compile({ x, y, ...parameters }, { error: meanSquaredError(net(x), y) });
const validation = points(500, 0, "validation");

const rate = cosineDecay(0.01, { to: 5000 });
let best = { error: Number.POSITIVE_INFINITY, step: 0, weights: step.weights };
for (let i = 1; i <= 5000 && i - best.step <= 500; i++) {
  await step.run([points(64, i, "training")], { step: i, lr: rate(i), seed: 0 });
  if (i % 50 !== 0) continue;
  const result = await measure.run({ ...validation, ...step.weights });
  const error = Number(result.error?.data[0]);
  // The step writes into the same buffers again, so the best weights are copied.
  if (error < best.error) best = { error, step: i, weights: structuredClone(step.weights) };
  if (i % 500 === 0) console.log(`step ${i}  validation error ${error.toFixed(5)}`);
}
console.log(`best at step ${best.step}: ${best.error.toFixed(5)}, where the noise alone is 0.01`);
const again = await measure.run({ ...validation, ...best.weights });
console.log(`measured again: ${Number(again.error?.data[0]).toFixed(5)}`);
