/** The network of 03-two-layer-net, trained inside a page: `npx vite examples/09-page`. */
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

/** `count` points [N, 2] with noise, and which moon each is from, [N]. */
function moons(count: number, part: number) {
  const random = stream(7, part, "moons");
  const angle = random.fillUniform(new Float64Array(count)).map((u) => Math.PI * u);
  const noise = random.fillNormal(new Float64Array(2 * count)).map((z) => 0.1 * z);
  const label = Array.from({ length: count }, (_, i) => i % 2);
  const points = label.map((moon, i) => {
    const [x, y] = [Math.cos(angle[i] ?? 0), Math.sin(angle[i] ?? 0)];
    const [dx, dy] = [noise[2 * i] ?? 0, noise[2 * i + 1] ?? 0];
    return moon === 0 ? [x + dx, y + dy] : [1 - x + dx, 0.5 - y + dy];
  });
  return { x: array(points), y: array(label, "i32") };
}

const net = module("Net", { hidden: Linear(2, 32), out: Linear(32, 2) }, ({ hidden, out }, x: Tensor) =>
  out(hidden(x).tanh()),
);
const weights = namedParameters(net);
const training = moons(200, 0);
const loss = ({ x, y }: Record<"x" | "y", Tensor>) => crossEntropy(net(x), y);
const options = { parameters: weights, batch: training, loss, optimizer: adam() };
const step = await createStep(options, { parameters: initialValues(weights, 0) });
const x = input("x", ["N", 2]);
const classify = await compile({ x, ...weights }, { moon: net(x).argMax(1) });

/** Colours a grid of 60 × 40 points by the moon they are taken for: x from -1.5 to 2.5, y from 1.5 to -1. */
const pen = document.querySelector("canvas")?.getContext("2d");
const grid = array(Array.from({ length: 2400 }, (_, i) => [-1.5 + (i % 60) / 15, 1.5 - Math.floor(i / 60) / 16]));
async function draw() {
  const { moon } = await classify.run({ x: grid, ...step.parameters });
  for (let i = 0; pen && i < 2400; i++) {
    pen.fillStyle = moon?.data[i] ? "steelblue" : "sandybrown";
    pen.fillRect(5 * (i % 60), 5 * Math.floor(i / 60), 5, 5);
  }
}

/** What the page says, once the browser has drawn it. */
async function say(text: string) {
  document.querySelector("output")?.replaceChildren(text);
  await new Promise(requestAnimationFrame);
}

for (let i = 1; i <= 400; i++) {
  const { loss } = await step.run([training], { step: i, lr: 0.02, seed: 0 });
  if (i % 20 !== 0) continue;
  await draw();
  await say(`step ${i}  loss ${loss.toFixed(4)}`);
}
const unseen = moons(1000, 1);
const { moon } = await classify.run({ x: unseen.x, ...step.parameters });
await say(`accuracy ${unseen.y.data.filter((label, i) => label === moon?.data[i]).length / 1000}`);
