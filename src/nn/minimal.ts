/**
 * Minimal recurrent layers (Feng et al. 2024, "Were RNNs all we needed?", arXiv 2410.01201): an LSTM and a GRU whose
 * gates see the input alone, so that the state follows from a linear recurrence, h' = a ∘ h + b, all of whose steps can
 * be taken together.
 *
 * The paper computes it with logarithms, for which the candidate must be above 0: g(x) = x + 1/2 for x ≥ 0, else σ(x).
 * That candidate is kept; the recurrence is solved as `linearScan` does, which needs no logarithms.
 *
 * B batch · T steps · I input width · H hidden width · G rows of weights for each of H
 */
import { linearScan } from "../graph/index.ts";
import { parameter, type Tensor, zeros } from "../tensor/index.ts";
import { requireOptions, requireSizes, requireTensors } from "./arguments.ts";
import { uniformInit } from "./init.ts";
import { module, type Optional, optional, type Parts } from "./module.ts";
import type { Reading } from "./recurrence/reading.ts";
import { STACK, type StackOptions, sequenceLayer } from "./recurrence/stack.ts";

/** What a minimal cell computes its gates and its candidate with. */
export type MinimalParts<B extends boolean = boolean> = {
  readonly weight_ih: Tensor;
  readonly bias_ih: Optional<B>;
};

/** Options of a minimal cell. */
export interface MinimalCellOptions<B extends boolean = boolean> {
  /** Whether there is a bias. Default true. */
  readonly bias?: B;
}

/** Options of a minimal layer. */
export interface MinimalOptions extends StackOptions, MinimalCellOptions {
  /**
   * Whether training takes all steps together: in O(log T) operations instead of T, of up to three times the work. By
   * default where one step is so little work that its own overhead counts most.
   */
  readonly parallel?: boolean;
}

/** What a step is, from its input alone: h' = a ∘ h + b. */
interface Coefficients {
  readonly a: Tensor;
  readonly b: Tensor;
}

/** weight_ih [G·H, I] and bias_ih [G·H], uniform in ±1/√I as in torch.nn.Linear. */
function partsOf<B extends boolean>(name: string, G: number, I: number, H: number, bias: B | undefined) {
  requireSizes(name, { I, H });
  const init = uniformInit(1 / Math.sqrt(I));
  return {
    weight_ih: parameter([G * H, I], init),
    bias_ih: optional(bias, () => parameter([G * H], init)),
  } satisfies MinimalParts<B>;
}

/** g(x) = x + 1/2 for x ≥ 0, else σ(x): above 0 and continuous; its slope jumps from 1/4 to 1 at 0. */
const aboveZero = (x: Tensor): Tensor => x.less(0).where(x.sigmoid(), x.add(0.5));

/** 1 - σ(k) is σ(-k), which keeps its digits where σ(k) is near 1. */
function gruStep(x: Tensor): Coefficients {
  const [k, candidate] = x.chunk(2, -1);
  return { a: k.neg().sigmoid(), b: k.sigmoid().mul(aboveZero(candidate)) };
}

/** σ(f)/(σ(f) + σ(i)) is σ(log σ(f) - log σ(i)), and log σ(x) is -softplus(-x). */
function lstmStep(x: Tensor): Coefficients {
  const [f, i, candidate] = x.chunk(3, -1);
  const difference = i.neg().softplus().sub(f.neg().softplus());
  return { a: difference.sigmoid(), b: difference.neg().sigmoid().mul(aboveZero(candidate)) };
}

/** One kind of minimal layer. */
interface Minimal {
  readonly name: string;
  readonly G: number;
  readonly step: (x: Tensor) => Coefficients;
}
const MIN_GRU: Minimal = { name: "MinGRU", G: 2, step: gruStep };
const MIN_LSTM: Minimal = { name: "MinLSTM", G: 3, step: lstmStep };

function cell<B extends boolean>({ name, G, step }: Minimal, I: number, H: number, options: MinimalCellOptions<B>) {
  requireOptions(`${name}Cell`, options, { bias: "boolean" });
  const parts = partsOf(`${name}Cell`, G, I, H, options.bias);
  return module(`${name}Cell`, parts, ({ weight_ih, bias_ih }, h: Tensor, x: Tensor): [Tensor, Tensor] => {
    requireTensors(`${name}Cell`, h, x);
    const { a, b } = step(x.linear(weight_ih, bias_ih));
    const next = a.mul(h).add(b);
    return [next, next];
  });
}

/** Numbers of a step up to which its overhead counts most, and steps from which on that is worth it: measured with the bench. */
const [SMALL, LONG] = [256, 128];

/** Whether all steps of [B, T, H] are taken together. */
function isTogether([B, T, H]: readonly unknown[], parallel: boolean | undefined): boolean {
  if (typeof T !== "number") return false;
  return parallel ?? (typeof B === "number" && B * Number(H) <= SMALL && T >= LONG);
}

/** One layer in one direction. A step that does not count leaves the state as it is: a = 1, b = 0. */
function read(
  step: Minimal["step"],
  { weight_ih, bias_ih }: MinimalParts,
  first: Tensor,
  { xs, active, reverse, truncate }: Reading<Tensor>,
  chosen: boolean | undefined,
): readonly [Tensor, Tensor] {
  const { a, b } = step(xs.linear(weight_ih, bias_ih));
  const parallel = isTogether(b.shape, chosen);
  const how = { reverse, parallel, truncate };
  if (!active) return linearScan(a, b, first, how);
  const [last, hs] = linearScan(active.where(a, 1), active.where(b, 0), first, how);
  return [last, active.where(hs, 0)];
}

function layers({ name, G, step }: Minimal, I: number, H: number, options: MinimalOptions) {
  requireOptions(name, options, { ...STACK, bias: "boolean", parallel: "boolean" });
  const { bias, parallel } = options;
  return sequenceLayer<MinimalParts & Parts, Tensor>(
    {
      name,
      parts: (width) => partsOf(name, G, width, H, bias),
      first: (B, dtype) => zeros([B, H], dtype),
      run: (parts, first, reading) => read(step, parts, first, reading, parallel),
    },
    I,
    H,
    options,
  );
}

/**
 * h' = (1 - z) ∘ h + z ∘ g(W_h x + b_h), z = σ(W_z x + b_z): state h [B, H] and x [B, I] -> [h', h']. Rows of the weights
 * in the order z, h.
 */
export const MinGRUCell = <B extends boolean = true>(I: number, H: number, options: MinimalCellOptions<B> = {}) =>
  cell(MIN_GRU, I, H, options);

/**
 * h' = f' ∘ h + i' ∘ g(W_h x + b_h), where f = σ(W_f x + b_f), i = σ(W_i x + b_i), f' = f/(f + i), i' = i/(f + i): state
 * h [B, H] and x [B, I] -> [h', h']. Rows of the weights in the order f, i, h.
 */
export const MinLSTMCell = <B extends boolean = true>(I: number, H: number, options: MinimalCellOptions<B> = {}) =>
  cell(MIN_LSTM, I, H, options);

/** xs [B, T, I] -> [outputs [B, T, D·H], last h [L·D, B, H]]; h' as in `MinGRUCell`. Parts weight_ih_l0, bias_ih_l0, .. */
export const MinGRU = (I: number, H: number, options: MinimalOptions = {}) => layers(MIN_GRU, I, H, options);

/** xs [B, T, I] -> [outputs [B, T, D·H], last h [L·D, B, H]]; h' as in `MinLSTMCell`. Parts weight_ih_l0, bias_ih_l0, .. */
export const MinLSTM = (I: number, H: number, options: MinimalOptions = {}) => layers(MIN_LSTM, I, H, options);
