/**
 * Recurrent cells in PyTorch's form: two weight matrices, two biases, gates as rows of one matrix. What a cell does
 * differently from its textbook form is a value in its options, not another cell.
 *
 * B batch · I input width · H hidden width
 */
import { parameter, type Tensor } from "../tensor/index.ts";
import { requireOptions, requireSizes, requireTensors } from "./arguments.ts";
import { uniformInit } from "./init.ts";
import { module, type Optional, optional } from "./module.ts";

/** What a cell computes its gates with. */
export interface Gates<B extends boolean = boolean> {
  readonly weight_ih: Tensor;
  readonly weight_hh: Tensor;
  readonly bias_ih: Optional<B>;
  readonly bias_hh: Optional<B>;
}

/** What every cell may leave out. */
interface Bias<B extends boolean> {
  /** Whether there are biases. Default true. */
  readonly bias?: B;
}

/** weight_ih [G·H, I], weight_hh [G·H, H], bias_ih and bias_hh [G·H]: uniform in ±1/√H, as torch.nn has it. */
export function gates<B extends boolean>(count: number, I: number, H: number, bias: B | undefined): Gates<B> {
  requireSizes("recurrence", { I, H });
  const init = uniformInit(1 / Math.sqrt(H));
  const vector = () => optional(bias, () => parameter([count * H], init));
  return {
    weight_ih: parameter([count * H, I], init),
    weight_hh: parameter([count * H, H], init),
    bias_ih: vector(),
    bias_hh: vector(),
  };
}

/** A cell that checks what it is called with; `names` are those of the tensors of its state, none for a single one. */
const cell = <S extends Tensor | LSTMState, B extends boolean>(
  name: string,
  parts: Gates<B>,
  step: (parts: Gates, state: S, x: Tensor) => [S, Tensor],
  names: readonly (keyof LSTMState)[] = [],
) =>
  module(name, { ...parts }, (own, state: S, x: Tensor): [S, Tensor] => {
    const given = state as LSTMState | undefined;
    requireTensors(name, ...(names.length > 0 ? names.map((key) => given?.[key]) : [state]), x);
    return step(own, state, x);
  });

/** W x + U h + b for all gates: [B, G·H]. */
const sums = ({ weight_ih, weight_hh, bias_ih, bias_hh }: Gates, h: Tensor, x: Tensor): Tensor =>
  x.linear(weight_ih, bias_hh ? bias_ih?.add(bias_hh) : bias_ih).add(h.matmul(weight_hh, { transB: true }));

export const RNN_KINDS = { bias: "boolean", nonlinearity: ["tanh", "relu"] } as const;

/** What bounds the hidden state. */
export interface RNNCellOptions<B extends boolean = boolean> extends Bias<B> {
  readonly nonlinearity?: "tanh" | "relu";
}

export const rnnStep =
  ({ nonlinearity = "tanh" }: RNNCellOptions) =>
  (parts: Gates, h: Tensor, x: Tensor): [Tensor, Tensor] => {
    const next = nonlinearity === "tanh" ? sums(parts, h, x).tanh() : sums(parts, h, x).relu();
    return [next, next];
  };

/** h' = tanh(W_ih x + b_ih + W_hh h + b_hh): state h [B, H] and x [B, I] -> [h', h']. Elman 1990. */
export const RNNCell = <B extends boolean = true>(I: number, H: number, options: RNNCellOptions<B> = {}) => {
  requireOptions("RNNCell", options, RNN_KINDS);
  return cell("RNNCell", gates(1, I, H, options.bias), rnnStep(options));
};

const RECURRENT_ACTIVATIONS = {
  sigmoid: (x: Tensor) => x.sigmoid(),
  "hard-sigmoid": (x: Tensor) => x.mul(0.2).add(0.5).clamp(0, 1),
} satisfies Readonly<Record<string, (x: Tensor) => Tensor>>;

const GATED = { recurrentActivation: ["sigmoid", "hard-sigmoid"] } as const;

/** What bounds the gates of an LSTM or a GRU. */
export interface GatedOptions<B extends boolean = boolean> extends Bias<B> {
  /**
   * σ of the gates. Default `"sigmoid"`; `"hard-sigmoid"` is min(max(0.2x + 0.5, 0), 1), as ONNX's HardSigmoid has it and
   * Keras had it before 3 (from 3 on, and in PyTorch, a function of that name has the slope 1/6).
   */
  readonly recurrentActivation?: keyof typeof RECURRENT_ACTIVATIONS;
}

export const LSTM_KINDS = { bias: "boolean", forgetBias: "number", ...GATED } as const;

/** What an LSTM remembers between steps: h and c, each [B, H]. */
export type LSTMState = { h: Tensor; c: Tensor };

/** How an LSTM's forget gate starts. */
export interface LSTMCellOptions<B extends boolean = boolean> extends GatedOptions<B> {
  /** Added to the forget gate before its sigmoid; 1 keeps gradients alive early on (Jozefowicz et al. 2015). */
  readonly forgetBias?: number;
}

export const lstmStep = ({ forgetBias = 0, recurrentActivation = "sigmoid" }: LSTMCellOptions) => {
  const σ = RECURRENT_ACTIVATIONS[recurrentActivation];
  return (parts: Gates, { h, c }: LSTMState, x: Tensor): [LSTMState, Tensor] => {
    const [i, f, g, o] = sums(parts, h, x).chunk(4); // 4 × [B, H]
    const forget = σ(forgetBias === 0 ? f : f.add(forgetBias));
    const next = forget.mul(c).add(σ(i).mul(g.tanh()));
    const out = σ(o).mul(next.tanh());
    return [{ h: out, c: next }, out];
  };
};

/**
 * Long short-term memory (Hochreiter & Schmidhuber 1997, Gers et al. 2000): state {h, c} and x [B, I] -> [state', h'].
 *
 *   i, f, o = σ(W x + U h + b)    g = tanh(W x + U h + b)    c' = f ∘ c + i ∘ g    h' = o ∘ tanh(c')
 *
 * Rows of the weights in PyTorch's order i, f, g, o.
 */
export const LSTMCell = <B extends boolean = true>(I: number, H: number, options: LSTMCellOptions<B> = {}) => {
  requireOptions("LSTMCell", options, LSTM_KINDS);
  return cell("LSTMCell", gates(4, I, H, options.bias), lstmStep(options), ["h", "c"]);
};

export const GRU_KINDS = { bias: "boolean", reset: ["after", "before"], ...GATED } as const;

/** Where a GRU's reset gate acts. */
export interface GRUCellOptions<B extends boolean = boolean> extends GatedOptions<B> {
  /** After the product with the hidden state, as PyTorch and cuDNN have it, or before, as the paper has it. */
  readonly reset?: "after" | "before";
}

export const gruStep = ({ reset = "after", recurrentActivation = "sigmoid" }: GRUCellOptions) => {
  const [candidate, σ] = [RESETS[reset], RECURRENT_ACTIVATIONS[recurrentActivation]];
  return ({ weight_ih, weight_hh, bias_ih, bias_hh }: Gates, h: Tensor, x: Tensor): [Tensor, Tensor] => {
    const next = candidate(σ, x.linear(weight_ih, bias_ih), h, weight_hh, bias_hh); // from x: [B, 3H]
    return [next, next];
  };
};

/**
 * Gated recurrent unit (Cho et al. 2014): state h [B, H] and x [B, I] -> [h', h'].
 *
 *   r, z = σ(W x + U h + b)    n = tanh(W x + b + r ∘ (U h + b'))    h' = (1 - z) ∘ n + z ∘ h
 *
 * Rows of the weights in PyTorch's order r, z, n.
 */
export const GRUCell = <B extends boolean = true>(I: number, H: number, options: GRUCellOptions<B> = {}) => {
  requireOptions("GRUCell", options, GRU_KINDS);
  return cell("GRUCell", gates(3, I, H, options.bias), gruStep(options));
};

const H2 = (h: Tensor): [gates: number, candidate: number] => [2 * Number(h.dim(-1)), Number(h.dim(-1))];

/** (1 - z) ∘ n + z ∘ h as n + z ∘ (h - n). */
const blend = (z: Tensor, n: Tensor, h: Tensor): Tensor => n.add(z.mul(h.sub(n)));

/** h' from what comes from x. */
type NextOf = (σ: (x: Tensor) => Tensor, fromX: Tensor, h: Tensor, weight: Tensor, bias: Tensor | undefined) => Tensor;

const resetAfter: NextOf = (σ, fromX, h, weight, bias) => {
  const [xGates, xNew] = fromX.split(H2(h)) as [Tensor, Tensor];
  const [hGates, hNew] = h.linear(weight, bias).split(H2(h)) as [Tensor, Tensor];
  const [r, z] = σ(xGates.add(hGates)).chunk(2); // 2 × [B, H]
  return blend(z, xNew.add(r.mul(hNew)).tanh(), h);
};

const resetBefore: NextOf = (σ, fromX, h, weight, bias) => {
  const [xGates, xNew] = fromX.split(H2(h)) as [Tensor, Tensor];
  const [gateWeight, newWeight] = weight.split(H2(h), 0) as [Tensor, Tensor];
  const [gateBias, newBias] = bias?.split(H2(h), 0) ?? [];
  const [r, z] = σ(xGates.add(h.linear(gateWeight, gateBias))).chunk(2);
  return blend(z, xNew.add(r.mul(h).linear(newWeight, newBias)).tanh(), h);
};

const RESETS = { after: resetAfter, before: resetBefore };
