/**
 * What recurrent cells share: two weight matrices, two biases, gates as rows of one matrix, as PyTorch has them. What a
 * cell does differently from its textbook form is a value in its options, not another cell.
 *
 * B batch · I input width · H hidden width · P width of the output, H unless projected · G gates
 */
import type { Initializer, Tree } from "../../graph/index.ts";
import { type Dim, type DType, parameter, type Tensor, zeros } from "../../tensor/index.ts";
import { requireSizes, requireTensors } from "../arguments.ts";
import { constantInit, orthogonalInit, uniformInit } from "../init.ts";
import { module, type Optional, optional, type Parts } from "../module.ts";

/** What a cell computes its gates with. */
export type Gates<B extends boolean = boolean> = {
  readonly weight_ih: Tensor;
  readonly weight_hh: Tensor;
  readonly bias_ih: Optional<B>;
  readonly bias_hh: Optional<B>;
};

/** A vector that only some options need. */
export type Vector = Tensor | undefined;

/** What every cell may have. */
export interface CellOptions<B extends boolean = boolean> {
  /** Whether there are biases. Default true. */
  readonly bias?: B;
  /** Whether sums are normalised before they become gates, as in Ba et al. 2016, arXiv 1607.06450. Default false. */
  readonly layerNorm?: boolean;
  /**
   * Initial values. `"uniform"` in ±1/√H, as torch.nn has it, is the default. `"orthogonal"`: of weight_hh an orthogonal
   * matrix for each gate, weight_ih uniform in ±√(6/(I + H)) (Glorot & Bengio 2010), biases 0 but an LSTM's forget gate 1.
   */
  readonly init?: "uniform" | "orthogonal";
}
export const CELL = { bias: "boolean", layerNorm: "boolean", init: ["uniform", "orthogonal"] } as const;

export const ACTIVATIONS = {
  sigmoid: (x: Tensor) => x.sigmoid(),
  "hard-sigmoid": (x: Tensor) => x.mul(0.2).add(0.5).clamp(0, 1),
} satisfies Readonly<Record<string, (x: Tensor) => Tensor>>;

/** What bounds the gates of an LSTM or a GRU. */
export interface GatedOptions<B extends boolean = boolean> extends CellOptions<B> {
  /**
   * σ of the gates. Default `"sigmoid"`; `"hard-sigmoid"` is min(max(0.2x + 0.5, 0), 1), as ONNX's HardSigmoid has it and
   * Keras had it before 3 (from 3 on, and in PyTorch, a function of that name has the slope 1/6).
   */
  readonly recurrentActivation?: keyof typeof ACTIVATIONS;
}
export const GATED = { ...CELL, recurrentActivation: ["sigmoid", "hard-sigmoid"] } as const;

/** How many of what. */
export interface Sizes {
  readonly gates: number;
  readonly I: number;
  readonly H: number;
  readonly P?: number;
  /** Which gate, if any, starts open. */
  readonly open?: number;
}

/** Uniform in ±1/√H. */
export const hiddenInit = (H: number): Initializer => uniformInit(1 / Math.sqrt(H));

/** 1 in the rows of one gate, 0 elsewhere. */
const openInit = (H: number, gate: number): Initializer => {
  return (out) => {
    out.fill(0).fill(1, gate * H, (gate + 1) * H);
  };
};

function starts(init: CellOptions["init"], { gates, I, H, open }: Sizes) {
  const all = hiddenInit(H);
  if (init !== "orthogonal") return { ih: all, hh: all, first: all, second: all };
  const zero = constantInit(0);
  const ih = uniformInit(Math.sqrt(6 / (I + H)));
  return { ih, hh: orthogonalInit(gates), first: open === undefined ? zero : openInit(H, open), second: zero };
}

/** weight_ih [G·H, I], weight_hh [G·H, P], bias_ih and bias_hh [G·H]. */
export function gates<B extends boolean>(sizes: Sizes, { bias, init }: CellOptions<B>): Gates<B> {
  const { gates, I, H, P = H } = sizes;
  requireSizes("recurrence", { I, H });
  const { ih, hh, first, second } = starts(init, sizes);
  return {
    weight_ih: parameter([gates * H, I], ih),
    weight_hh: parameter([gates * H, P], hh),
    bias_ih: optional(bias, () => parameter([gates * H], first)),
    bias_hh: optional(bias, () => parameter([gates * H], second)),
  };
}

/** What normalised sums are multiplied by: ones [size]. */
export const gain = (wanted: boolean | undefined, size: number): Vector =>
  wanted ? parameter([size], constantInit(1)) : undefined;

const EPSILON = 1e-5;

/** (x - μ)/√(σ² + ε) over the last axis, times `gain`, plus `bias` if there is one. */
export const normed = (x: Tensor, gain: Tensor, bias: Vector): Tensor =>
  x.layerNorm(gain, bias ?? gain.zerosLike(), EPSILON)[0] ?? x;

/** What the products of a step see of the past: the state itself, or what recurrent dropout leaves of it. */
export type Seen = (h: Tensor) => Tensor;
export const all: Seen = (h) => h;

/** One step of a cell of this library. */
export type CellStep<P, S extends Tree> = (parts: P, state: S, x: Tensor, seen?: Seen) => readonly [S, Tensor];

/** A layer's cell, for any width of its input. */
export interface Cell<P extends Parts, S extends Tree> {
  readonly name: string;
  parts(I: number): P;
  /** The state before the first step. */
  first(B: Dim, dtype: DType): S;
  readonly step: CellStep<P, S>;
  /** P. */
  readonly width: number;
}

/** One tensor [B, H] of zeros. */
export const rest =
  (H: number) =>
  (B: Dim, dtype: DType): Tensor =>
    zeros([B, H], dtype);

type Checked<S> = S extends Tensor ? readonly [] : readonly (keyof S & string)[];

/** A cell by itself, checking what it is called with; `names` are those of the tensors of its state, none for one alone. */
export const alone = <P extends Parts, S extends Tree>({ name, step }: Cell<P, S>, parts: P, names: Checked<S>) =>
  module(name, { ...parts }, (own, state: S, x: Tensor): [S, Tensor] => {
    const given = state as Readonly<Record<string, unknown>> | undefined;
    requireTensors(name, ...(names.length > 0 ? names.map((key) => given?.[key]) : [state]), x);
    const [next, y] = step(own, state, x);
    return [next, y];
  });
