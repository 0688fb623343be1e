/**
 * Gated recurrent units (Cho et al. 2014) and layers of them.
 *
 *   r, z = σ(W x + U h + b)    n = tanh(W x + b + r ∘ (U h + b'))    h' = (1 - z) ∘ n + z ∘ h
 *
 * With layer normalisation (Ba et al. 2016, supplement) every product W x and U h becomes γ ∘ n(W x), r and z normalised
 * together over 2H elements and the candidate over H; γ are the parts `gain_ih` and `gain_hh`, biases are added after it.
 */
import type { StandardCell } from "../../graph/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { requireOptions } from "../arguments.ts";
import {
  ACTIVATIONS,
  all,
  alone,
  type Cell,
  GATED,
  type GatedOptions,
  type Gates,
  gain,
  gates,
  normed,
  rest,
  type Seen,
  type Vector,
} from "./gates.ts";
import { type Kind, LAYER, layer, type RecurrentOptions } from "./layer.ts";

const KINDS = { ...GATED, reset: ["after", "before"] } as const;

/** Where a GRU's reset gate acts. */
export interface GRUCellOptions<B extends boolean = boolean> extends GatedOptions<B> {
  /** After the product with the hidden state, as PyTorch and cuDNN have it, or before, as the paper has it. */
  readonly reset?: "after" | "before";
}

type GRUParts<B extends boolean = boolean> = Gates<B> & { readonly gain_ih?: Vector; readonly gain_hh?: Vector };

const halves = (h: Tensor): [gates: number, candidate: number] => [2 * Number(h.dim(-1)), Number(h.dim(-1))];
const split = (vector: Vector, h: Tensor): readonly Vector[] => vector?.split(halves(h), 0) ?? [];

/** W v + b, normalised where there is a gain. */
const product = (v: Tensor, weight: Tensor, bias: Vector, gain: Vector): Tensor =>
  gain ? normed(v.linear(weight), gain, bias) : v.linear(weight, bias);

/** W v + b for r and z together [B, 2H] and for n [B, H]. */
function products(v: Tensor, weight: Tensor, bias: Vector, gain: Vector, h: Tensor): readonly [Tensor, Tensor] {
  if (!gain) return v.linear(weight, bias).split(halves(h)) as [Tensor, Tensor];
  const [gates, candidate] = v.linear(weight).split(halves(h)) as [Tensor, Tensor];
  const [gateGain = gain, newGain = gain] = split(gain, h);
  const [gateBias, newBias] = split(bias, h);
  return [normed(gates, gateGain, gateBias), normed(candidate, newGain, newBias)];
}

/** What r and z, and n, have of the past: U h, or for n a function of r. */
type Past = (parts: GRUParts, h: Tensor) => readonly [gates: Tensor, candidate: (r: Tensor) => Tensor];

const RESETS: Readonly<Record<"after" | "before", Past>> = {
  after({ weight_hh, bias_hh, gain_hh }, h) {
    const [gates, candidate] = products(h, weight_hh, bias_hh, gain_hh, h);
    return [gates, (r) => r.mul(candidate)];
  },
  before({ weight_hh, bias_hh, gain_hh }, h) {
    const [gateWeight = weight_hh, newWeight = weight_hh] = split(weight_hh, h);
    const [[gateBias, newBias], [gateGain, newGain]] = [split(bias_hh, h), split(gain_hh, h)];
    const gates = product(h, gateWeight, gateBias, gateGain);
    return [gates, (r) => product(r.mul(h), newWeight, newBias, newGain)];
  },
};

/** (1 - z) ∘ n + z ∘ h as n + z ∘ (h - n). */
const blend = (z: Tensor, n: Tensor, h: Tensor): Tensor => n.add(z.mul(h.sub(n)));

export const gruStep = ({ reset = "after", recurrentActivation = "sigmoid" }: GRUCellOptions) => {
  const [past, σ] = [RESETS[reset], ACTIVATIONS[recurrentActivation]];
  return (parts: GRUParts, h: Tensor, x: Tensor, seen: Seen = all): [Tensor, Tensor] => {
    const [xGates, xNew] = products(x, parts.weight_ih, parts.bias_ih, parts.gain_ih, h);
    const [hGates, hNew] = past(parts, seen(h));
    const [r, z] = σ(xGates.add(hGates)).chunk(2); // 2 × [B, H]
    const next = blend(z, xNew.add(hNew(r)).tanh(), h);
    return [next, next];
  };
};

const gruCell = <B extends boolean>(name: string, H: number, options: GRUCellOptions<B>) => ({
  name,
  width: H,
  parts: (I: number): GRUParts<B> => ({
    ...gates({ gates: 3, I, H }, options),
    gain_ih: gain(options.layerNorm, 3 * H),
    gain_hh: gain(options.layerNorm, 3 * H),
  }),
  first: rest(H),
  step: gruStep(options),
});

/**
 * Gated recurrent unit (Cho et al. 2014): state h [B, H] and x [B, I] -> [h', h'].
 *
 *   r, z = σ(W x + U h + b)    n = tanh(W x + b + r ∘ (U h + b'))    h' = (1 - z) ∘ n + z ∘ h
 *
 * Rows of the weights in PyTorch's order r, z, n.
 */
export const GRUCell = <B extends boolean = true>(I: number, H: number, options: GRUCellOptions<B> = {}) => {
  requireOptions("GRUCell", options, KINDS);
  const cell = gruCell("GRUCell", H, options);
  return alone(cell, cell.parts(I), []);
};

/** Options of a GRU. */
export interface GRUOptions extends RecurrentOptions, GRUCellOptions {}

/** The engine's operator for this cell, if it has one. */
function engine({
  reset = "after",
  recurrentActivation = "sigmoid",
  layerNorm,
}: GRUCellOptions): StandardCell | undefined {
  return recurrentActivation === "sigmoid" && !layerNorm ? { op: "GRU", reset } : undefined;
}

export const gruKind = (H: number, options: GRUOptions): Kind<GRUParts, Tensor> => ({
  cell: gruCell("GRU", H, options) satisfies Cell<GRUParts, Tensor>,
  zones: [options.zoneout],
  engine: engine(options),
});

/** xs [B, T, I] -> [outputs [B, T, D·H], last h [L·D, B, H]]. Parts as in torch.nn.GRU. */
export const GRU = (I: number, H: number, options: GRUOptions = {}) => {
  requireOptions("GRU", options, { ...LAYER, ...KINDS });
  return layer(gruKind(H, options), I, options);
};
