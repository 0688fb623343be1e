/**
 * Recurrent weights of other libraries under PyTorch's names, in its order and layout, which are those of the layers here.
 * The formulas are the same everywhere; libraries differ in the order of the gates within a matrix, in which way the
 * matrix lies, and in their biases.
 *
 * I input width · H hidden width · G gates · D directions, 1 or 2
 */
import { z } from "zod";
import { CheckpointError, ConfigError, quoted, shown } from "../errors.ts";
import { type Feeds, type HostTensor, isHostTensor } from "../runtime/index.ts";
import { checked, isRecord, requireRecord, whole } from "../schema.ts";
import { emptyArray, formatShape, isFloat, sameShape } from "../tensor/index.ts";
import { joinParts, partOf } from "./parts.ts";

/**
 * Gates in the order of their rows: input, forget, candidate g, output; reset, update z, candidate n.
 *
 * - PyTorch: weight_ih [G·H, I], weight_hh [G·H, H], bias_ih [G·H], bias_hh [G·H]
 * - Keras: kernel [I, G·H], recurrent_kernel [H, G·H], bias [G·H], of a GRU with reset_after [2, G·H]; g and n are c and h
 * - TensorFlow: of BasicLSTMCell, kernel [I + H, G·H] and bias [G·H]; g is j, and 1 is added to f when it runs
 * - ONNX: W [D, G·H, I], R [D, G·H, H], B [D, 2·G·H]; g and n are c and h; peepholes P [D, 3·H] stand as i, o, f
 */
export const GATE_ORDERS = {
  PyTorch: { RNN: "n", LSTM: "ifgo", GRU: "rzn" },
  Keras: { RNN: "n", LSTM: "ifgo", GRU: "zrn" },
  TensorFlow: { LSTM: "igfo" },
  ONNX: { RNN: "n", LSTM: "iofg", GRU: "zrn" },
} as const;

/** Peepholes [3·H] of an LSTM, in the same letters. */
const PEEPHOLES = { ONNX: "iof", here: "ifo" } as const;

/** A recurrent layer. */
export type RecurrentKind = "RNN" | "LSTM" | "GRU";

/** Which part of a recurrent layer with several layers or both directions. */
export interface GatePlace {
  /** Counted from 0. Default 0. */
  readonly layer?: number;
  /** Whether it reads from the end. Default false. */
  readonly reverse?: boolean;
}

/** Blocks of rows [G·H, ..] that stand in the order `from`, in the order `to`. */
export function reordered(rows: HostTensor, from: string, to: string): HostTensor {
  if (from === to) return rows;
  const H = (rows.shape[0] ?? 0) / from.length;
  const blocks = [...to].map((gate, i) => ({ start: i * H, value: partOf(rows, 0, from.indexOf(gate) * H, H) }));
  return joinParts("gates", 0, blocks);
}

/** [A, B] -> [B, A]. */
export function transposed({ data, shape, dtype }: HostTensor): HostTensor {
  const [A = 0, B = 0] = shape;
  const [from, to] = [data as Float32Array, emptyArray(dtype, data.length) as Float32Array];
  for (let a = 0; a < A; a++) for (let b = 0; b < B; b++) to[b * A + a] = from[a * B + b] ?? 0;
  return { data: to, shape: [B, A], dtype };
}

const reshaped = (value: HostTensor, shape: readonly number[]): HostTensor => ({ ...value, shape });
const rowOf = (value: HostTensor, row: number): HostTensor => reshaped(partOf(value, 0, row, 1), value.shape.slice(1));
const zerosLike = ({ data, shape, dtype }: HostTensor): HostTensor => ({
  data: emptyArray(dtype, data.length),
  shape,
  dtype,
});

/** Throws CheckpointError for what is no host tensor of floating point, or not of `shape`, where null is any size. */
function requireShape(what: string, value: HostTensor | undefined, shape: readonly (number | null)[]): HostTensor {
  const wanted = `[${shape.map((size) => size ?? "any").join(", ")}]`;
  if (value === undefined || !isHostTensor(value) || !isFloat(value.dtype))
    throw new CheckpointError(`${what}: expected f32 or f64 numbers of shape ${wanted}, got ${shown(value)}`);
  const expected = shape.map((size, i) => size ?? value.shape[i] ?? Number.NaN);
  if (!sameShape(value.shape, expected))
    throw new CheckpointError(
      `${what}: expected the shape ${wanted}, got ${formatShape(value.shape)}; is it of another layer?`,
    );
  return value;
}

/** Throws where `weights` has a name that is not among `known`, or none that is in `needed`. */
function requireNames(what: string, weights: Feeds, needed: readonly string[], more: readonly string[]): void {
  requireRecord(weights, what);
  const [names, known] = [Object.keys(weights), [...needed, ...more]];
  const fits = needed.every((name) => names.includes(name)) && names.every((name) => known.includes(name));
  if (fits) return;
  const got = names.slice(0, 8).map(quoted).join(", ") || "none";
  throw new CheckpointError(`${what}: expected weights named ${known.join(", ")}, got ${got}`);
}

const LAYER = { layer: whole(0, 2 ** 20).default(0) };
const PLACE = z.strictObject({ ...LAYER, reverse: z.boolean().default(false) });

/** What follows a name: `_l0`, `_l1_reverse`. Throws ConfigError for a place that is none. */
const suffix = (layer: number, reverse: boolean): string => `_l${layer}${reverse ? "_reverse" : ""}`;
function suffixOf(what: string, place: GatePlace): string {
  const { layer, reverse } = checked(PLACE, place, what);
  return suffix(layer, reverse);
}

/** Rows in PyTorch's order, by PyTorch's names. */
interface Rows {
  readonly weight_ih: HostTensor;
  readonly weight_hh: HostTensor;
  readonly bias_ih?: HostTensor | undefined;
  readonly bias_hh?: HostTensor | undefined;
  readonly peephole?: HostTensor | undefined;
}

const named = (rows: Rows, end: string): Record<string, HostTensor> =>
  Object.fromEntries(Object.entries(rows).flatMap(([name, value]) => (value ? [[name + end, value]] : [])));

/** How many columns a kernel of `kind` with a recurrent kernel like this has, and how wide the state is. */
const width = (value: HostTensor | undefined, axis: number): number =>
  (isRecord(value) && Array.isArray(value.shape) && Number(value.shape[axis])) || 0;

function kerasGates(kind: RecurrentKind, weights: Feeds, end: string): Record<string, HostTensor> {
  const what = `fromKeras: ${kind}`;
  requireNames(what, weights, ["kernel", "recurrent_kernel"], ["bias"]);
  const [from, to] = [GATE_ORDERS.Keras[kind], GATE_ORDERS.PyTorch[kind]];
  const H = width(weights.recurrent_kernel, 0);
  const columns = from.length * H;
  const kernel = requireShape(`${what} kernel`, weights.kernel, [null, columns]);
  const recurrent = requireShape(`${what} recurrent_kernel`, weights.recurrent_kernel, [H, columns]);
  const [bias_ih, bias_hh] = kerasBiases(what, weights.bias, kind === "GRU" ? 2 : 1, columns);
  const rows = (value: HostTensor | undefined) => value && reordered(value, from, to);
  return named(
    {
      weight_ih: reordered(transposed(kernel), from, to),
      weight_hh: reordered(transposed(recurrent), from, to),
      bias_ih: rows(bias_ih),
      bias_hh: rows(bias_hh),
    },
    end,
  );
}

/** One bias is that of the input; the other is 0 then. */
function kerasBiases(what: string, bias: HostTensor | undefined, most: number, columns: number) {
  if (bias === undefined) return [];
  if (most === 2 && width(bias, 0) === 2 && bias.shape.length === 2) {
    const both = requireShape(`${what} bias`, bias, [2, columns]);
    return [rowOf(both, 0), rowOf(both, 1)];
  }
  const one = requireShape(`${what} bias`, bias, [columns]);
  return [one, zerosLike(one)];
}

function kerasLinear(weights: Feeds): Record<string, HostTensor> {
  requireNames("fromKeras: Linear", weights, ["kernel"], ["bias"]);
  const kernel = requireShape("fromKeras: Linear kernel", weights.kernel, [null, null]);
  const bias = weights.bias && requireShape("fromKeras: Linear bias", weights.bias, [kernel.shape[1] ?? 0]);
  return { weight: transposed(kernel), ...(bias && { bias }) };
}

function kerasEmbedding(weights: Feeds): Record<string, HostTensor> {
  requireNames("fromKeras: Embedding", weights, ["embeddings"], []);
  return { weight: requireShape("fromKeras: Embedding embeddings", weights.embeddings, [null, null]) };
}

const kerasLayers = {
  RNN: (weights: Feeds, end: string) => kerasGates("RNN", weights, end),
  LSTM: (weights: Feeds, end: string) => kerasGates("LSTM", weights, end),
  GRU: (weights: Feeds, end: string) => kerasGates("GRU", weights, end),
  Linear: kerasLinear,
  Embedding: kerasEmbedding,
} satisfies Readonly<Record<string, (weights: Feeds, end: string) => Record<string, HostTensor>>>;

/** Layers here that Keras's weights are converted for. */
export type KerasKind = keyof typeof kerasLayers;

/**
 * Weights of one Keras layer, under Keras's names and in its layout, as values of a layer here: kernel [I, G·H],
 * recurrent_kernel [H, G·H] and bias of a recurrent layer, kernel [I, O] and bias of a `Dense`, embeddings [V, C]. Throws
 * CheckpointError where names or shapes are others, ConfigError for a kind or place that is none.
 */
export function fromKeras(kind: KerasKind, weights: Feeds, place: GatePlace = {}): Record<string, HostTensor> {
  requireKind("fromKeras", kind, kerasLayers);
  return kerasLayers[kind](weights, suffixOf("fromKeras", place));
}

/** Throws ConfigError where `kind` is no key of `known`. */
function requireKind(what: string, kind: string, known: object): void {
  if (typeof kind === "string" && Object.hasOwn(known, kind)) return;
  throw new ConfigError(`${what}: expected one of ${Object.keys(known).join(", ")}, got ${shown(kind)}`);
}

/**
 * Weights of TensorFlow's BasicLSTMCell, kernel [I + H, 4·H] and bias [4·H], as values of an `LSTM`, which needs
 * `forgetBias: 1` to compute the same. Throws CheckpointError where names or shapes are others.
 */
export function fromBasicLSTM(weights: Feeds, place: GatePlace = {}): Record<string, HostTensor> {
  const [what, end] = ["fromBasicLSTM", suffixOf("fromBasicLSTM", place)];
  requireNames(what, weights, ["kernel", "bias"], []);
  const H = Math.floor(width(weights.kernel, 1) / 4);
  const kernel = requireShape(`${what} kernel`, weights.kernel, [null, 4 * H]);
  const I = (kernel.shape[0] ?? 0) - H;
  if (I < 1)
    throw new CheckpointError(
      `${what}: expected a kernel [I + H, 4·H], got ${formatShape(kernel.shape)}; is it of another layer?`,
    );
  const bias = requireShape(`${what} bias`, weights.bias, [4 * H]);
  const rows = (value: HostTensor) => reordered(value, GATE_ORDERS.TensorFlow.LSTM, GATE_ORDERS.PyTorch.LSTM);
  return named(
    {
      weight_ih: rows(transposed(partOf(kernel, 0, 0, I))),
      weight_hh: rows(transposed(partOf(kernel, 0, I, H))),
      bias_ih: rows(bias),
      bias_hh: zerosLike(bias),
    },
    end,
  );
}

/**
 * Weights of an ONNX RNN, LSTM or GRU node, W [D, G·H, I], R [D, G·H, H] and perhaps B [D, 2·G·H] and, of an LSTM,
 * P [D, 3·H], as values of a layer here; with two directions, of one that is bidirectional. Throws CheckpointError where names or shapes are others.
 */
export function fromOnnx(
  kind: RecurrentKind,
  weights: Feeds,
  place: Pick<GatePlace, "layer"> = {},
): Record<string, HostTensor> {
  requireKind("fromOnnx", kind, GATE_ORDERS.ONNX);
  const { layer } = checked(z.strictObject(LAYER), place, "fromOnnx");
  const what = `fromOnnx: ${kind}`;
  requireNames(what, weights, ["W", "R"], kind === "LSTM" ? ["B", "P"] : ["B"]);
  const [from, to] = [GATE_ORDERS.ONNX[kind], GATE_ORDERS.PyTorch[kind]];
  const [D, H] = [width(weights.R, 0), width(weights.R, 2)];
  if (D !== 1 && D !== 2)
    throw new CheckpointError(`${what} R: expected one or two directions [D, G·H, H], got ${shown(weights.R?.shape)}`);
  const rows = from.length * H;
  const [W, R] = [
    requireShape(`${what} W`, weights.W, [D, rows, null]),
    requireShape(`${what} R`, weights.R, [D, rows, H]),
  ];
  const B = weights.B && requireShape(`${what} B`, weights.B, [D, 2 * rows]);
  const P = weights.P && requireShape(`${what} P`, weights.P, [D, 3 * H]);
  const gates = (value: HostTensor) => reordered(value, from, to);
  const halves = (bias: HostTensor) => [0, rows].map((start) => gates(partOf(bias, 0, start, rows)));
  return Object.assign(
    {},
    ...Array.from({ length: D }, (_, d) => {
      const [bias_ih, bias_hh] = B ? halves(rowOf(B, d)) : [];
      const peephole = P && reordered(rowOf(P, d), PEEPHOLES.ONNX, PEEPHOLES.here);
      const parts = { weight_ih: gates(rowOf(W, d)), weight_hh: gates(rowOf(R, d)), bias_ih, bias_hh, peephole };
      return named(parts, suffix(layer, d === 1));
    }),
  );
}
