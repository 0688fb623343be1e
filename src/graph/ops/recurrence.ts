/**
 * One recurrent layer in one direction, as the engine's own LSTM or GRU operator. Its meaning is a scan, whose results
 * are its first inputs: `chooseSpellings` decides before lowering which of the two is computed.
 *
 * Inputs: what the scan gives, xs [B, T, I], first states [B, H], weight_ih [G·H, I], weight_hh [G·H, H], bias_ih and
 * bias_hh [G·H] if there are any, an LSTM's peepholes [3·H] if there are any, lengths [B] if there are any. Outputs: last
 * states [B, H], ys [B, T, H].
 *
 * B batch · T steps · I input width · H hidden width · G gates
 */
import { multiplyDims } from "../../tensor/dim.ts";
import type { Spec } from "../node.ts";
import { type Lowering, type OnnxAttribute, type Op, onnxType } from "../op.ts";

/** A cell that the engine has an operator for, which is faster than the scan; its RNN is not. */
export type StandardCell =
  | { readonly op: "LSTM"; readonly forgetBias: number }
  | { readonly op: "GRU"; readonly reset: "after" | "before" };

export interface RecurrenceAttrs {
  readonly cell: StandardCell;
  readonly reverse: boolean;
  /** Whether the first inputs are what the scan gives, one for each output. */
  readonly spelled: boolean;
  readonly bias: boolean;
  readonly peepholes: boolean;
  readonly lengths: boolean;
}

/** The inputs by role: tensors, specs or names. */
export function roles<V>(inputs: readonly V[], { cell, spelled, bias, peepholes, lengths }: RecurrenceAttrs) {
  const n = cell.op === "LSTM" ? 2 : 1;
  const vectors = n + (bias ? 5 : 3);
  const [plain, own] = [inputs.slice(0, spelled ? n + 1 : 0), inputs.slice(spelled ? n + 1 : 0)];
  return {
    plain,
    own,
    xs: own[0] as V,
    states: own.slice(1, n + 1),
    weights: own.slice(n + 1, n + 3),
    biases: own.slice(n + 3, vectors),
    peepholes: peepholes ? own[vectors] : undefined,
    lengths: lengths ? own.at(-1) : undefined,
  };
}

type Pen = Lowering<RecurrenceAttrs>;

const whole = ({ constant }: Pen, ...values: number[]): string =>
  constant(BigInt64Array.from(values, BigInt), "i64", [values.length]);

/** Of each gate in ONNX's order the place in PyTorch's: i, o, f, c of i, f, g, o, and z, r, h of r, z, n. */
const ORDER = { LSTM: [0, 3, 1, 2], GRU: [1, 0, 2] } as const;

/** Of an LSTM's peepholes likewise: i, o, f of i, f, o. */
const PEEPHOLES = [0, 2, 1] as const;

/** W [G·H, ..] with its gates in ONNX's order: [1, G·H, ..]. */
function reordered(pen: Pen, order: readonly number[], weight: string, H: number, ...rest: number[]): string {
  const { emit } = pen;
  const gates = emit("Reshape", [weight, whole(pen, order.length, H, ...rest)]);
  const moved = emit("Gather", [gates, whole(pen, ...order)], { axis: 0 });
  return emit("Reshape", [moved, whole(pen, 1, order.length * H, ...rest)]);
}

/** What is added to the forget gate, in ONNX's order i, o, f, c, for both biases: [1, 2·4·H]; "" for nothing. */
function forgetBias({ attrs: { cell }, constant }: Pen, H: number): string {
  if (cell.op !== "LSTM" || cell.forgetBias === 0) return "";
  return constant(new Float32Array(8 * H).fill(cell.forgetBias, 2 * H, 3 * H), "f32", [1, 8 * H]);
}

/** The operator's weights [1, G·H, I] and [1, G·H, H], its bias [1, 2·G·H] and peepholes [1, 3·H], which may be "". */
interface Operands {
  readonly weights: readonly [W: string, R: string, B: string];
  readonly peepholes: string;
}

function operands(pen: Pen): Operands {
  const { attrs, inputs, specs, emit } = pen;
  const { weights, biases, peepholes } = roles(inputs, attrs);
  const order = ORDER[attrs.cell.op];
  const [I = 0, H = 0] = roles(specs.inputs, attrs).weights.map(({ shape }) => Number(shape[1]));
  const [ih = "", hh = ""] = weights;
  const own = biases.map((bias) => reordered(pen, order, bias, H));
  const both = own.length > 0 ? emit("Concat", own, { axis: 1 }) : "";
  const parts = [both, forgetBias(pen, H)].filter(Boolean);
  const B = parts.length > 1 ? emit("Add", parts) : (parts[0] ?? "");
  return {
    weights: [reordered(pen, order, ih, H, I), reordered(pen, order, hh, H, H), B],
    peepholes: peepholes ? reordered(pen, PEEPHOLES, peepholes, H) : "",
  };
}

/** How many steps of each row count: i32 [B]. */
function countedSteps(pen: Pen, T: string): string | undefined {
  const { attrs, inputs, specs, emit, scalar } = pen;
  const lengths = roles(inputs, attrs).lengths;
  const dtype = roles(specs.inputs, attrs).lengths?.dtype;
  if (lengths === undefined || dtype === undefined) return undefined;
  const most = emit("Cast", [T], { to: onnxType[dtype] });
  const within = emit("Min", [emit("Max", [lengths, scalar(0, dtype)]), most]);
  return emit("Cast", [within], { to: onnxType.i32 });
}

/** NaN where `sum` is, else 0. */
const nanOf = ({ emit, scalar }: Pen, sum: string): string =>
  emit("Where", [emit("IsNaN", [sum]), scalar(Number.NaN, "f32"), scalar(0, "f32")]);

/** Whether a step counts: [T, B, 1]. */
function counting(pen: Pen, steps: string, T: string): string {
  const { emit, scalar } = pen;
  const places = emit("Range", [scalar(0, "i64"), emit("Squeeze", [T]), scalar(1, "i64")]);
  const now = emit("Reshape", [emit("Cast", [places], { to: onnxType.i32 }), whole(pen, -1, 1, 1)]);
  return emit("Less", [now, emit("Unsqueeze", [steps, whole(pen, 1)])]);
}

/**
 * NaN from the step on at which one came in, else 0: for every step [T, B, 1] and for the last states [B, 1]. The
 * engine's kernels clip NaN to numbers, also the one of ∞ - ∞, which goes unnoticed. A sum of magnitudes is NaN only
 * where one of them is.
 */
function nanMarks(pen: Pen, x: string, weights: readonly string[], counts: string | undefined) {
  const { emit, attrs, inputs, scalar } = pen;
  const counted = (value: string) => (counts ? emit("Where", [counts, value, scalar(0, "f32")]) : value);
  const rows = roles(inputs, attrs).states.map((state) => emit("ReduceL1", [state, whole(pen, 1)])); // [B, 1]
  const all = weights.filter(Boolean).map((weight) => emit("ReduceL1", [weight], { keepdims: 0 }));
  const before = [...rows, ...all].reduce((a, b) => emit("Add", [a, b]));
  const steps = counted(emit("ReduceL1", [x, whole(pen, 2)]));
  const sums = emit("CumSum", [steps, scalar(0, "i64")], { reverse: Number(attrs.reverse) });
  const total = emit("ReduceSum", [steps, whole(pen, 0)], { keepdims: 0 });
  return { steps: counted(nanOf(pen, emit("Add", [sums, before]))), end: nanOf(pen, emit("Add", [total, before])) };
}

/** What the operator is told besides its weights. */
function settings({ attrs: { cell, reverse }, specs, attrs }: Pen): Record<string, OnnxAttribute> {
  const hidden_size = Number(roles(specs.inputs, attrs).states[0]?.shape[1]);
  const direction = reverse ? "reverse" : "forward";
  if (cell.op === "LSTM") return { hidden_size, direction };
  return { hidden_size, direction, linear_before_reset: Number(cell.reset === "after") };
}

/** The operator, with what its kernels get wrong put right: NaN, and the last states of rows without a step. */
function fused(pen: Pen, { weights, peepholes }: Operands): readonly string[] {
  const { attrs, inputs, specs, emit } = pen;
  const { xs, states } = roles(inputs, attrs);
  const T = pen.dims([roles(specs.inputs, attrs).xs.shape[1] ?? 0]);
  const steps = countedSteps(pen, T);
  const x = emit("Transpose", [xs], { perm: [1, 0, 2] });
  const first = states.map((state) => emit("Unsqueeze", [state, whole(pen, 0)]));
  const given = [x, ...weights, steps ?? "", ...first, ...(peepholes ? [peepholes] : [])];
  const [y = "", ...last] = pen.emitMany(attrs.cell.op, given, settings(pen), states.length + 1);
  const nan = nanMarks(pen, x, [...weights, peepholes], steps && counting(pen, steps, T));
  const ys = emit("Add", [emit("Squeeze", [y, whole(pen, 1)]), nan.steps]); // [T, B, H]
  const ends = last.map((state) => emit("Add", [emit("Squeeze", [state, whole(pen, 0)]), nan.end]));
  return [...(steps ? movedOnly(pen, ends, steps) : ends), emit("Transpose", [ys], { perm: [1, 0, 2] })];
}

/** `ends` in rows that have a step, the first states in the others, for which the kernels give zeros. */
function movedOnly(pen: Pen, ends: readonly string[], steps: string): string[] {
  const { attrs, inputs, emit, scalar } = pen;
  const moved = emit("Unsqueeze", [emit("Greater", [steps, scalar(0, "i32")]), whole(pen, 1)]);
  return roles(inputs, attrs).states.map((first, i) => emit("Where", [moved, ends[i] ?? "", first]));
}

/** Without a step or a row nothing moves: the engine's kernels would give zeros, or end the process. */
function onnx(pen: Pen): readonly string[] {
  const { attrs, inputs, specs, emit } = pen;
  const [B = 0, T = 0] = roles(specs.inputs, attrs).xs.shape;
  const given = operands(pen); // outside of the branch, where the engine computes what is constant beforehand
  if (typeof B === "number" && typeof T === "number") return fused(pen, given);
  const none = emit("Equal", [pen.dims([multiplyDims(B, T)]), whole(pen, 0)]);
  const unmoved = ({ fill }: Pen) => [
    ...roles(inputs, attrs).states,
    ...specs.outputs.slice(-1).map((ys) => fill(0, ys)),
  ];
  return pen.branch(none, unmoved, (inner) => fused(inner, given));
}

export const recurrenceOps = {
  recurrence: {
    shape: (inputs, attrs): readonly Spec[] => {
      const { xs, states } = roles(inputs, attrs);
      const [B = 0, H = 0] = states[0]?.shape ?? [];
      return [...states, { shape: [B, xs.shape[1] ?? 0, H], dtype: xs.dtype }];
    },
    grad: ({ grads }) => grads, // by what the scan gives, which is the same
    onnx,
  } satisfies Op<RecurrenceAttrs>,
};
