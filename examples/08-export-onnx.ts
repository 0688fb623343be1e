/** A trained model as an .onnx file with its weights inside, read back by ONNX Runtime alone and compared. */
import {
  adam,
  compile,
  createStep,
  initialValues,
  input,
  Linear,
  lower,
  meanSquaredError,
  module,
  namedParameters,
  stream,
  type Tensor,
} from "descent-ml";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";

const net = module("Net", { hidden: Linear(2, 32), out: Linear(32, 1) }, ({ hidden, out }, x: Tensor) =>
  out(hidden(x).tanh()),
);
const parameters = namedParameters(net);

/** The product of two numbers, which a network has to learn. */
function batch(i: number) {
  const data = stream(0, i, "products").fillNormal(new Float32Array(128));
  const y = Float32Array.from({ length: 64 }, (_, row) => (data[2 * row] ?? 0) * (data[2 * row + 1] ?? 0));
  return { x: { data, shape: [64, 2], dtype: "f32" }, y: { data: y, shape: [64, 1], dtype: "f32" } } as const;
}

const loss = ({ x, y }: Record<"x" | "y", Tensor>) => meanSquaredError(net(x), y);
const options = { parameters, batch: batch(0), loss, optimizer: adam() };
const step = await createStep(options, { weights: initialValues(parameters, 0) });
for (let i = 1; i <= 1500; i++) await step.run([batch(i)], { step: i, lr: 20 / (1000 + i), seed: 0 });

// Inputs whose values are given become constants of the model, so the file needs nothing else.
const x = input("x", ["N", 2]);
const model = lower({ x, ...parameters }, { y: net(x) }, step.weights);
console.log(`product.onnx: ${model.bytes.length} bytes, operator set ${model.opset}`); // writeFile(.., model.bytes)
console.log(`it takes ${model.inputs.map(({ name, spec }) => `${name} [${spec.shape}]`).join(", ")}`);

const questions = Float32Array.of(0.5, 0.5, -1, 0.8, 1.2, 1);
const session = await InferenceSession.create(model.bytes);
const there = await session.run({ x: new OrtTensor("float32", questions, [3, 2]) });
const program = await compile({ x, ...parameters }, { y: net(x) });
const here = await program.run({ x: { data: questions, shape: [3, 2], dtype: "f32" }, ...step.weights });

const [mine, theirs] = [here.y, there.y].map((y) => Array.from((y?.data ?? []) as Float32Array));
console.log(`0.5·0.5, -1·0.8, 1.2·1 by the file: ${theirs?.map((value) => value.toFixed(3)).join(" ")}`);
const gap = Math.max(...(mine ?? []).map((value, i) => Math.abs(value - (theirs?.[i] ?? 0))));
console.log(`largest difference to the library's own answers: ${gap}`);
