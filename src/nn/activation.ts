/** Functions of one number that stand between layers, by the names that configurations give them, and as layers. */
import { parameter, type Tensor } from "../tensor/index.ts";
import { requireNumbers, requireOptions, requireSizes } from "./arguments.ts";
import { constantInit } from "./init.ts";
import { tensorLayer } from "./module.ts";

const elu = (x: Tensor, alpha = 1): Tensor => x.greater(0).where(x, x.minimum(0).exp().sub(1).mul(alpha));
const leakyReLU = (x: Tensor, slope = 0.01): Tensor => x.greater(0).where(x, x.mul(slope));
/** min(max(x + 3, 0), 6)/6. */
const hardSigmoid = (x: Tensor): Tensor => x.add(3).clamp(0, 6).div(6);

const table = {
  relu: (x) => x.relu(),
  relu6: (x) => x.clamp(0, 6),
  leaky_relu: leakyReLU,
  elu,
  /** Klambauer et al. 2017, arXiv 1706.02515. */
  selu: (x) => elu(x, 1.6732632423543772).mul(1.0507009873554805),
  /** x·Φ(x). Hendrycks & Gimpel 2016, arXiv 1606.08415. */
  gelu: (x) => x.gelu(),
  gelu_new: (x) => x.gelu("tanh"),
  gelu_pytorch_tanh: (x) => x.gelu("tanh"),
  quick_gelu: (x) => x.mul(x.mul(1.702).sigmoid()),
  /** x·σ(x). */
  silu: (x) => x.mul(x.sigmoid()),
  /** x·tanh(log(1 + e^x)). Misra 2019, arXiv 1908.08681. */
  mish: (x) => x.mul(x.softplus().tanh()),
  softplus: (x) => x.softplus(),
  /** x/(1 + |x|). */
  softsign: (x) => x.div(x.abs().add(1)),
  sigmoid: (x) => x.sigmoid(),
  logsigmoid: (x) => x.logSigmoid(),
  hardsigmoid: hardSigmoid,
  hardswish: (x) => x.mul(hardSigmoid(x)),
  hardtanh: (x) => x.clamp(-1, 1),
  tanh: (x) => x.tanh(),
} satisfies Readonly<Record<string, (x: Tensor) => Tensor>>;

/** What is applied element by element, x [..] -> [..]. The keys are those of PyTorch and of Hugging Face's `hidden_act`. */
export const activations = Object.fromEntries(
  Object.entries(table).map(([name, apply]) => [name, tensorLayer(name, {}, (_, x: Tensor) => apply(x))]),
) as Readonly<Record<keyof typeof table, (x: Tensor) => Tensor>>;

/** A key of `activations`. */
export type Activation = keyof typeof activations;

const layer = (name: string, apply: (x: Tensor) => Tensor) => tensorLayer(name, {}, (_, x: Tensor) => apply(x));

/** A layer with numbers of its own. */
const scaled = (name: string, numbers: Readonly<Record<string, number>>, apply: (x: Tensor) => Tensor) => {
  requireNumbers(name, numbers);
  return layer(name, apply);
};

export const ReLU = () => layer("ReLU", activations.relu);
export const ReLU6 = () => layer("ReLU6", activations.relu6);
/** x where positive, slope·x elsewhere. */
export const LeakyReLU = (slope = 0.01) => scaled("LeakyReLU", { slope }, (x) => leakyReLU(x, slope));
/** x where positive, alpha·(e^x - 1) elsewhere. */
export const ELU = (alpha = 1) => scaled("ELU", { alpha }, (x) => elu(x, alpha));
export const SELU = () => layer("SELU", activations.selu);
/** x·Φ(x), or its form with tanh. */
export const GELU = (approximate: "none" | "tanh" = "none") => {
  requireOptions("GELU", { approximate }, { approximate: ["none", "tanh"] });
  return layer("GELU", (x) => x.gelu(approximate));
};
export const SiLU = () => layer("SiLU", activations.silu);
export const Mish = () => layer("Mish", activations.mish);
export const Softplus = () => layer("Softplus", activations.softplus);
export const Softsign = () => layer("Softsign", activations.softsign);
export const Sigmoid = () => layer("Sigmoid", activations.sigmoid);
export const LogSigmoid = () => layer("LogSigmoid", activations.logsigmoid);
export const Hardsigmoid = () => layer("Hardsigmoid", activations.hardsigmoid);
export const Hardswish = () => layer("Hardswish", activations.hardswish);
export const Hardtanh = () => layer("Hardtanh", activations.hardtanh);
export const Tanh = () => layer("Tanh", activations.tanh);
export const Softmax = (axis = -1) => scaled("Softmax", { axis }, (x) => x.softmax(axis));
export const LogSoftmax = (axis = -1) => scaled("LogSoftmax", { axis }, (x) => x.logSoftmax(axis));

/** x where positive, weight·x elsewhere: one weight for all channels, or one for each of x [N, C, ..]. He et al. 2015. */
export const PReLU = (C = 1, start = 0.25) => {
  requireSizes("PReLU", { C });
  requireNumbers("PReLU", { start });
  return tensorLayer("PReLU", { weight: parameter([C], constantInit(start)) }, ({ weight }, x: Tensor) => {
    const slope = x.rank > 2 ? weight.reshape([C, ...x.shape.slice(2).map(() => 1)]) : weight;
    return x.greater(0).where(x, x.mul(slope));
  });
};

/** a·σ(b), a and b the halves of an axis. Dauphin et al. 2017, arXiv 1612.08083. */
export const GLU = (axis = -1) =>
  scaled("GLU", { axis }, (x) => {
    const [a, b] = x.chunk(2, axis);
    return a.mul(b.sigmoid());
  });
