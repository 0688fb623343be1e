/**
 * Recurrent layers over whole sequences: cells under `scan`, stacked and in both directions, with torch.nn's names and
 * initial values.
 *
 * B batch · T steps · I input width · H hidden width · L layers · D directions, 1 or 2
 */
import { DTypeError, ShapeError, shown } from "../errors.ts";
import { leaves, recurrence, refill, type StandardCell, scan, type Tree } from "../graph/index.ts";
import { arange, formatShape, isTensor, sameShape, stack, type Tensor, zeros } from "../tensor/index.ts";
import { requireOptions, requireSizes } from "./arguments.ts";
import { Dropout } from "./dropout.ts";
import { isTraining } from "./mode.ts";
import { tensorLayer } from "./module.ts";
import {
  type GatedOptions,
  type Gates,
  GRU_KINDS,
  type GRUCellOptions,
  gates,
  gruStep,
  LSTM_KINDS,
  type LSTMCellOptions,
  type LSTMState,
  lstmStep,
  RNN_KINDS,
  type RNNCellOptions,
  rnnStep,
} from "./recurrent.ts";

/** Options of all recurrent layers. */
export interface RecurrentOptions {
  /** Layers, each reading the outputs of the one before. Default 1. */
  readonly layers?: number;
  /** Whether every layer also reads from the end; the outputs of both directions stand side by side. Default false. */
  readonly bidirectional?: boolean;
  /** Probability of dropout between layers. Default 0. */
  readonly dropout?: number;
}

/** Options of a call. */
export interface SequenceOptions<S> {
  /** Where to start: tensors [L·D, B, H], layer by layer, forward before backward. Default zeros. */
  readonly state?: S;
  /**
   * How many steps of each row count: whole numbers [B]. Steps behind change nothing: their outputs are 0, and the
   * last state is the one at the row's length.
   */
  readonly lengths?: Tensor;
  /** Steps that a gradient goes back at most, as in `scan`. Default all. */
  readonly truncate?: number;
}

/** One kind of cell. */
interface Kind<S extends Tree> {
  readonly name: string;
  /** How many gates its weights hold. */
  readonly gates: number;
  readonly bias: boolean | undefined;
  readonly step: (parts: Gates, state: S, x: Tensor) => readonly [S, Tensor];
  /** A state whose tensors are all `h`. */
  readonly state: (h: Tensor) => S;
  /** What the engine knows it as, if it does. */
  readonly cell: StandardCell | undefined;
}

/** Applies `make` to the tensors of several states of one form. */
const zip = <S extends Tree>(states: readonly [S, ...S[]], make: (tensors: readonly Tensor[]) => Tensor): S => {
  const columns = leaves(states[0]).map((_, i) => states.flatMap((state) => leaves(state)[i] ?? []));
  return refill(states[0], columns.map(make).values());
};

/** Throws ShapeError where the given state is not like `first`, with an axis of layers in front. */
function requireState<S extends Tree>(name: string, state: S, first: S, layers: number): void {
  const keyed = state as Readonly<Record<string, unknown>> | null;
  const given = isTensor(first) ? [state] : Object.keys(first).map((key) => keyed?.[key]);
  for (const [i, { dtype, shape }] of leaves(first).entries()) {
    const [tensor, expected] = [given[i], [layers, ...shape]];
    if (isTensor(tensor) && tensor.dtype === dtype && sameShape(tensor.shape, expected)) continue;
    const got = isTensor(tensor) ? `${tensor.dtype}${formatShape(tensor.shape)}` : shown(tensor);
    throw new ShapeError(
      `${name}: expected a state of ${dtype}${formatShape(expected)}, got ${got}; give what an earlier call returned`,
    );
  }
}

/** True where a step counts: [B, T, 1]. */
export function activeSteps(xs: Tensor, lengths: Tensor): Tensor {
  if (lengths.dtype !== "i32" && lengths.dtype !== "i64")
    throw new DTypeError(`lengths: expected i32 or i64, got ${lengths.dtype}; cast them with .cast("i32")`);
  if (lengths.rank !== 1 || lengths.shape[0] !== xs.shape[0])
    throw new ShapeError(
      `lengths: expected one for each row of ${formatShape(xs.shape)}, got ${formatShape(lengths.shape)}; give a vector [B]`,
    );
  return arange(xs.dim(1), lengths.dtype).less(lengths.unsqueeze(1)).unsqueeze(-1);
}

/** What one layer reads in one direction. */
export interface Reading {
  readonly xs: Tensor;
  readonly lengths: Tensor | undefined;
  /** True where a step counts. */
  readonly active: Tensor | undefined;
  readonly reverse: boolean;
  readonly truncate?: number | undefined;
}

/** One kind of layer that can be stacked: the parts of one of them in one direction, and how it reads. */
export interface Reader<S extends Tree, P extends object> {
  readonly name: string;
  readonly parts: (I: number, H: number) => P;
  /** A state whose tensors are all `h`. */
  readonly state: (h: Tensor) => S;
  /** The last state and the outputs [B, T, H]. */
  readonly read: (parts: P, first: S, reading: Reading) => readonly [S, Tensor];
}

/** One layer in one direction as a scan: its last state and its outputs [B, T, H]. */
function scanned<S extends Tree>(
  { step }: Kind<S>,
  parts: Gates,
  first: S,
  { xs, active, reverse, truncate }: Reading,
): readonly [S, Tensor] {
  const how = { reverse, truncate };
  if (!active) return scan((state: S, x: Tensor) => step(parts, state, x), first, xs, how);
  const held = (state: S, { x, counts }: { x: Tensor; counts: Tensor }): readonly [S, Tensor] => {
    const [next, y] = step(parts, state, x);
    return [zip([next, state], ([a = x, b = x]) => counts.where(a, b)), y];
  };
  const [last, ys] = scan(held, first, { x: xs, counts: active }, how);
  return [last, active.where(ys, 0)];
}

/** The same, which the engine may compute in its own way; training needs what the scan computes on its way. */
export function direction<S extends Tree>(
  kind: Kind<S>,
  parts: Gates,
  first: S,
  reading: Reading,
): readonly [S, Tensor] {
  const [last, ys] = scanned(kind, parts, first, reading);
  const { weight_ih, weight_hh, bias_ih, bias_hh } = parts;
  if (isTraining() || !kind.cell) return [last, ys];
  const results = recurrence([...leaves(last), ys], {
    ...reading,
    cell: kind.cell,
    states: leaves(first),
    weights: [weight_ih, weight_hh],
    biases: bias_ih && bias_hh ? [bias_ih, bias_hh] : [],
  });
  return [refill(last, results.values()), results.at(-1) ?? ys];
}

const suffix = (layer: number, reverse: boolean): string => `_l${layer}${reverse ? "_reverse" : ""}`;
const withSuffix = (parts: object, end: string) =>
  Object.fromEntries(Object.entries(parts).map(([name, part]: [string, Tensor | undefined]) => [name + end, part]));

export const KINDS = { layers: "number", bidirectional: "boolean", dropout: "number" } as const;

function recurrent<S extends Tree>(kind: Kind<S>, I: number, H: number, options: RecurrentOptions) {
  const parts = (width: number, size: number) => gates(kind.gates, width, size, kind.bias);
  const read = (own: Gates, first: S, reading: Reading) => direction(kind, own, first, reading);
  return layered({ ...kind, parts, read }, I, H, options);
}

/** Layers of one kind, one on another, in one direction or in both. */
export function layered<S extends Tree, P extends object>(
  kind: Reader<S, P>,
  I: number,
  H: number,
  options: RecurrentOptions,
) {
  const { layers = 1, bidirectional = false, dropout = 0 } = options;
  requireSizes(kind.name, { I, H, layers });
  const ways = bidirectional ? [false, true] : [false];
  const places = Array.from({ length: layers }, (_, l) =>
    ways.map((reverse) => ({
      reverse,
      end: suffix(l, reverse),
      parts: kind.parts(l === 0 ? I : H * ways.length, H),
    })),
  );
  const drop = Dropout(dropout);
  const parts = Object.assign({}, ...places.flat().map(({ parts, end }) => withSuffix(parts, end)));
  const forward = (xs: Tensor, call: SequenceOptions<S> = {}): [Tensor, S] => {
    requireOptions(kind.name, call, { state: "any", lengths: "tensor", truncate: "number" });
    const { state, lengths, truncate } = call;
    if (xs.rank !== 3 || xs.shape[2] !== I)
      throw new ShapeError(`${kind.name}: expected [B, T, ${I}], got ${formatShape(xs.shape)}; reshape the input`);
    const active = lengths && activeSteps(xs, lengths);
    const rest = kind.state(zeros([xs.dim(0), H], xs.dtype));
    if (state !== undefined) requireState(kind.name, state, rest, places.flat().length);
    const last: S[] = [];
    let ys = active ? active.where(xs, 0) : xs;
    for (const [l, layer] of places.entries()) {
      const input = l === 0 ? ys : drop(ys);
      const sides = layer.map(({ parts, reverse }) => {
        const first = state
          ? zip([state], ([all = xs]) => all.slice(0, last.length, last.length + 1).squeeze(0))
          : rest;
        const [end, hs] = kind.read(parts, first, { xs: input, lengths, active, reverse, truncate });
        last.push(end);
        return hs;
      });
      const [forwards = xs, ...backwards] = sides;
      ys = backwards.length > 0 ? forwards.concat(backwards, -1) : forwards; // [B, T, D·H]
    }
    return [ys, zip(last as [S, ...S[]], (tensors) => stack(tensors))];
  };
  return tensorLayer(
    kind.name,
    parts as Readonly<Record<`${keyof P & string}_l${string}`, Tensor>>,
    (_, xs: Tensor, options?: SequenceOptions<S>) => forward(xs, options),
  );
}

/** Options of an RNN. */
export interface RNNOptions extends RecurrentOptions, RNNCellOptions {}
/** Options of an LSTM. */
export interface LSTMOptions extends RecurrentOptions, LSTMCellOptions {}
/** Options of a GRU. */
export interface GRUOptions extends RecurrentOptions, GRUCellOptions {}

const alone = (h: Tensor): Tensor => h;

/** xs [B, T, I] -> [outputs [B, T, D·H], last h [L·D, B, H]]; h' as in `RNNCell`. Parts as in torch.nn.RNN. */
export const RNN = (I: number, H: number, options: RNNOptions = {}) => {
  requireOptions("RNN", options, { ...KINDS, ...RNN_KINDS });
  const { bias } = options;
  const kind = { name: "RNN", gates: 1, bias, step: rnnStep(options), state: alone, cell: undefined };
  return recurrent(kind, I, H, options);
};

const isStandard = ({ recurrentActivation = "sigmoid" }: GatedOptions): boolean => recurrentActivation === "sigmoid";

export const lstmKind = (options: LSTMCellOptions): Kind<LSTMState> => ({
  name: "LSTM",
  gates: 4,
  bias: options.bias,
  step: lstmStep(options),
  state: (h) => ({ h, c: h }),
  cell: isStandard(options) ? { op: "LSTM", forgetBias: options.forgetBias ?? 0 } : undefined,
});

/** xs [B, T, I] -> [outputs [B, T, D·H], last { h, c }, each [L·D, B, H]]. Parts as in torch.nn.LSTM. */
export const LSTM = (I: number, H: number, options: LSTMOptions = {}) => {
  requireOptions("LSTM", options, { ...KINDS, ...LSTM_KINDS });
  return recurrent(lstmKind(options), I, H, options);
};

export const gruKind = (options: GRUCellOptions): Kind<Tensor> => ({
  name: "GRU",
  gates: 3,
  bias: options.bias,
  step: gruStep(options),
  state: alone,
  cell: isStandard(options) ? { op: "GRU", reset: options.reset ?? "after" } : undefined,
});

/** xs [B, T, I] -> [outputs [B, T, D·H], last h [L·D, B, H]]. Parts as in torch.nn.GRU. */
export const GRU = (I: number, H: number, options: GRUOptions = {}) => {
  requireOptions("GRU", options, { ...KINDS, ...GRU_KINDS });
  return recurrent(gruKind(options), I, H, options);
};
