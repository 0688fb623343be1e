/**
 * Long short-term memory (Hochreiter & Schmidhuber 1997, Gers et al. 2000) and layers of it.
 *
 *   i, f, o = σ(W x + U h + b)    g = tanh(W x + U h + b)    c' = f ∘ c + i ∘ g    h' = o ∘ tanh(c')
 *
 * With peepholes p (Gers & Schmidhuber 2000) p_i ∘ c is added to i, p_f ∘ c to f and p_o ∘ c' to o, before σ.
 * With a projection (Sak et al. 2014, arXiv 1402.1128) h' = W_hr (o ∘ tanh(c')) has P < H elements.
 * With layer normalisation (Ba et al. 2016, supplement) W x + U h + b is γ_ih ∘ n(W x) + γ_hh ∘ n(U h) + b, n over all 4H
 * elements together, and h' = o ∘ tanh(γ_c ∘ n(c') + b_c); c' itself stays as it is. Peepholes are added after that.
 */

import { ConfigError } from "../../errors.ts";
import type { StandardCell } from "../../graph/index.ts";
import { parameter, type Tensor } from "../../tensor/index.ts";
import { requireOptions, requireSizes } from "../arguments.ts";
import { constantInit, orthogonalInit } from "../init.ts";
import {
  ACTIVATIONS,
  all,
  alone,
  GATED,
  type GatedOptions,
  type Gates,
  gain,
  gates,
  hiddenInit,
  normed,
  rest,
  type Seen,
  type Vector,
} from "./gates.ts";
import { type Kind, LAYER, layer, type RecurrentOptions } from "./layer.ts";

const KINDS = { ...GATED, forgetBias: "number", peepholes: "boolean", projection: "number" } as const;

/** What an LSTM remembers between steps: h [B, P], P being H unless it is projected, and c [B, H]. */
export type LSTMState = { h: Tensor; c: Tensor };

/** What an LSTM's gates see, and what it shows of its cell. */
export interface LSTMCellOptions<B extends boolean = boolean> extends GatedOptions<B> {
  /** Added to the forget gate before its sigmoid; 1 keeps gradients alive early on (Jozefowicz et al. 2015). */
  readonly forgetBias?: number;
  /** Whether gates see the cell: a part `peephole` [3·H], for i, f and o. Default false. */
  readonly peepholes?: boolean;
  /** The width P < H to which the output is projected, by a part `weight_hr` [P, H]; torch.nn.LSTM's proj_size. */
  readonly projection?: number;
}

type LSTMParts<B extends boolean = boolean> = Gates<B> & {
  readonly weight_hr?: Vector;
  readonly peephole?: Vector;
  readonly gain_ih?: Vector;
  readonly gain_hh?: Vector;
  readonly gain_c?: Vector;
  readonly bias_c?: Vector;
};

/** W x + U h + b for all gates: [B, 4H]. */
function sums({ weight_ih, weight_hh, bias_ih, bias_hh, gain_ih, gain_hh }: LSTMParts, h: Tensor, x: Tensor): Tensor {
  const product = () => h.matmul(weight_hh, { transB: true });
  if (gain_ih && gain_hh) return normed(x.linear(weight_ih), gain_ih, bias_ih).add(normed(product(), gain_hh, bias_hh));
  return x.linear(weight_ih, bias_hh ? bias_ih?.add(bias_hh) : bias_ih).add(product());
}

const plus = (gate: Tensor, weight: Vector, c: Tensor): Tensor => (weight ? gate.add(c.mul(weight)) : gate);

export const lstmStep = ({ forgetBias = 0, recurrentActivation = "sigmoid" }: LSTMCellOptions) => {
  const σ = ACTIVATIONS[recurrentActivation];
  return (parts: LSTMParts, { h, c }: LSTMState, x: Tensor, seen: Seen = all): [LSTMState, Tensor] => {
    const { peephole, weight_hr, gain_c, bias_c } = parts;
    const [i, f, g, o] = sums(parts, seen(h), x).chunk(4); // 4 × [B, H]
    const [pi, pf, po] = peephole?.chunk(3, 0) ?? [];
    const kept = plus(f, pf, c);
    const forget = σ(forgetBias === 0 ? kept : kept.add(forgetBias));
    const next = forget.mul(c).add(σ(plus(i, pi, c)).mul(g.tanh()));
    const shown = gain_c ? normed(next, gain_c, bias_c) : next;
    const out = σ(plus(o, po, next)).mul(shown.tanh());
    const projected = weight_hr ? out.matmul(weight_hr, { transB: true }) : out;
    return [{ h: projected, c: next }, projected];
  };
};

function requireProjection(name: string, H: number, projection: number | undefined): void {
  if (projection === undefined) return;
  requireSizes(name, { H, projection });
  if (projection >= H)
    throw new ConfigError(
      `${name}: expected a projection to fewer than ${H} elements, got ${projection}; leave it out for an output of width ${H}`,
    );
}

function lstmParts<B extends boolean>(I: number, H: number, options: LSTMCellOptions<B>): LSTMParts<B> {
  const { bias, layerNorm, init, peepholes, projection: P } = options;
  const shared = gates({ gates: 4, I, H, P: P ?? H, open: 1 }, options);
  const own = hiddenInit(H);
  return {
    ...shared,
    weight_hr: P === undefined ? undefined : parameter([P, H], init === "orthogonal" ? orthogonalInit() : own),
    peephole: peepholes ? parameter([3 * H], own) : undefined,
    gain_ih: gain(layerNorm, 4 * H),
    gain_hh: gain(layerNorm, 4 * H),
    gain_c: gain(layerNorm, H),
    bias_c: layerNorm && bias !== false ? parameter([H], constantInit(0)) : undefined,
  };
}

function lstmCell<B extends boolean>(name: string, H: number, options: LSTMCellOptions<B>) {
  const { projection: P = H } = options;
  requireProjection(name, H, options.projection);
  const [ofH, ofC] = [rest(P), rest(H)];
  return {
    name,
    width: P,
    parts: (I: number): LSTMParts<B> => lstmParts(I, H, options),
    first: (...given: Parameters<typeof ofC>): LSTMState => {
      const c = ofC(...given);
      return { h: P === H ? c : ofH(...given), c };
    },
    step: lstmStep(options),
  };
}

/**
 * Long short-term memory (Hochreiter & Schmidhuber 1997, Gers et al. 2000): state {h, c} and x [B, I] -> [state', h'].
 *
 *   i, f, o = σ(W x + U h + b)    g = tanh(W x + U h + b)    c' = f ∘ c + i ∘ g    h' = o ∘ tanh(c')
 *
 * Rows of the weights in PyTorch's order i, f, g, o.
 */
export const LSTMCell = <B extends boolean = true>(I: number, H: number, options: LSTMCellOptions<B> = {}) => {
  requireOptions("LSTMCell", options, KINDS);
  const cell = lstmCell("LSTMCell", H, options);
  return alone(cell, cell.parts(I), ["h", "c"]);
};

/** Options of an LSTM. */
export interface LSTMOptions extends RecurrentOptions, LSTMCellOptions {
  /** Probability that an element of c keeps its value of the step before, as `zoneout` has it for h. Default 0. */
  readonly cellZoneout?: number;
}

/** The engine's operator for this cell, if it has one. */
function engine(options: LSTMCellOptions): StandardCell | undefined {
  const { forgetBias = 0, recurrentActivation = "sigmoid", layerNorm, projection } = options;
  if (recurrentActivation !== "sigmoid" || layerNorm || projection !== undefined) return undefined;
  return { op: "LSTM", forgetBias };
}

export const lstmKind = (H: number, options: LSTMOptions): Kind<LSTMParts, LSTMState> => ({
  cell: lstmCell("LSTM", H, options),
  zones: [options.zoneout, options.cellZoneout],
  engine: engine(options),
});

/** xs [B, T, I] -> [outputs [B, T, D·P], last { h [L·D, B, P], c [L·D, B, H] }]. Parts as in torch.nn.LSTM. */
export const LSTM = (I: number, H: number, options: LSTMOptions = {}) => {
  requireOptions("LSTM", options, { ...LAYER, ...KINDS, cellZoneout: "number" });
  return layer(lstmKind(H, options), I, options);
};
