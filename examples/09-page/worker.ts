/** The Worker of example 09: the network of 03-two-layer-net, compiled, trained and asked here. */
import {
  adam,
  array,
  compile,
  createStep,
  crossEntropy,
  type HostTensor,
  initialValues,
  input,
  Linear,
  module,
  namedParameters,
  serveWorker,
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
const parameters = namedParameters(net);

/** Compiles the training step and the classifier. */
async function prepare() {
  const training = moons(200, 0);
  const loss = ({ x, y }: Record<"x" | "y", Tensor>) => crossEntropy(net(x), y);
  const options = { parameters, batch: training, loss, optimizer: adam() };
  const step = await createStep(options, { weights: initialValues(parameters, 0) });
  const x = input("x", ["N", 2]);
  const program = await compile({ x, ...parameters }, { moon: net(x).argMax(1) });
  const classify = async (points: HostTensor) => (await program.run({ x: points, ...step.weights })).moon;
  return { step, training, classify };
}
const prepared = prepare();

const answers = serveWorker({
  /** Trains; every 20 steps an event with the loss and what the points of `grid` [N, 2] are taken for, [N]. */
  async *train({ steps, grid }: { steps: number; grid: HostTensor }, signal: AbortSignal) {
    const { step, training, classify } = await prepared;
    for (let i = 1; i <= steps && !signal.aborted; i++) {
      const { loss } = await step.run([training], { step: i, lr: 0.02, seed: 0 });
      if (i % 20 === 0) yield { step: i, loss, moon: await classify(grid) };
    }
  },
  /** The part of 1000 unseen points that are taken for the right moon. */
  async accuracy() {
    const { classify } = await prepared;
    const { x, y } = moons(1000, 1);
    const moon = await classify(x);
    return y.data.filter((label, i) => label === moon.data[i]).length / 1000;
  },
});

export type MoonAnswers = typeof answers;
