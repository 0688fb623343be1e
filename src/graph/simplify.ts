/**
 * Clean-up before lowering: what nothing reads is dropped, what is computed twice is computed once, and algebra that
 * differentiation leaves behind (x + 0, x·1, transpositions before a product, stretched zeros) is done away with.
 */
import { broadcastShapes, sameShape, sizeOf } from "../tensor/dim.ts";
import { isFloat } from "../tensor/dtype.ts";
import { record, type Tensor } from "../tensor/tensor.ts";
import { type Node, sortNodes } from "./node.ts";
import type { Window } from "./ops/convolution.ts";
import type { Transposed } from "./ops/matmul.ts";
import type { ScanAttrs } from "./ops/scan.ts";
import { inlineBlocks } from "./recompute.ts";
import { chooseSpellings } from "./recurrence.ts";
import { mergeScans, pruneScans } from "./simplify-scan.ts";
import { putInto, scatterInOrder, sumOfPut, unpoolWhere } from "./simplify-sparse.ts";
import { again } from "./substitute.ts";

type Rule = (inputs: readonly Tensor[], node: Node, uses: (tensor: Tensor) => number) => Tensor | undefined;

/** The value of a tensor that is one number throughout. */
function constantValue(tensor: Tensor): number | undefined {
  const { node } = tensor;
  if (node.op === "expand") return node.inputs[0] && constantValue(node.inputs[0]);
  if (node.op !== "constant") return undefined;
  const { data } = node.attrs as { data: ArrayLike<number | bigint> };
  return data.length === 1 ? Number(data[0]) : undefined;
}

/** `kept` where the other operand is neutral and the shape stays. */
const neutral =
  (value: number, eitherSide: boolean): Rule =>
  ([a, b], node) => {
    const shape = node.outputs[0]?.shape ?? [];
    if (a && b && constantValue(b) === value && sameShape(a.shape, shape)) return a;
    if (eitherSide && a && b && constantValue(a) === value && sameShape(b.shape, shape)) return b;
    return undefined;
  };

/** Factors whose product neither overflows nor underflows in float32. */
const isModerate = (value: number): boolean => Math.abs(value) > 2 ** -60 && Math.abs(value) < 2 ** 60;

/** (x·c)·d = x·(cd), for floating point: whole numbers wrap. */
const foldScale: Rule = ([a, b]) => {
  const [outer, x, c] = [b && constantValue(b), a?.node.inputs[0], a?.node.inputs[1]];
  const inner = a?.node.op === "mul" && c?.rank === 0 ? constantValue(c) : undefined;
  if (outer === undefined || inner === undefined || b?.rank !== 0 || !x || !isFloat(x.dtype)) return undefined;
  return isModerate(outer) && isModerate(inner) ? x.mul(inner * outer) : undefined;
};

/** log(sigmoid(x)), where the kernel's sigmoid has no digits left. */
const logOfSigmoid: Rule = ([y]) => (y?.node.op === "sigmoid" ? y.node.inputs[0]?.logSigmoid() : undefined);

/** An operand that was stretched only to meet the other one need not be. */
const unstretch: Rule = (inputs, node) => {
  const at = inputs.findIndex((input) => input.node.op === "expand");
  const narrow = inputs[at]?.node.inputs[0];
  if (!narrow) return undefined;
  const others = inputs.map((input, i) => (i === at ? narrow : input));
  const shape = broadcastShapes(
    others.map((input) => input.shape),
    node.op,
  );
  return sameShape(shape, node.outputs[0]?.shape ?? []) ? again(node, others).outputs[0] : undefined;
};

/** The operand of a transposition of the last two axes. */
function untransposed({ node, rank }: Tensor): Tensor | undefined {
  if (node.op !== "transpose" || rank < 2) return undefined;
  const { perm } = node.attrs as { perm: readonly number[] };
  const swapsLast = perm.every((from, i) => from === (i < rank - 2 ? i : 2 * rank - 3 - i));
  return swapsLast ? node.inputs[0] : undefined;
}

const absorbTransposes: Rule = ([a, b], node) => {
  const { transA, transB } = node.attrs as Transposed;
  const [plainA, plainB] = [a && untransposed(a), b && untransposed(b)];
  if (!a || !b || (!plainA && !plainB)) return undefined;
  return (plainA ?? a).matmul(plainB ?? b, { transA: transA !== Boolean(plainA), transB: transB !== Boolean(plainB) });
};

/** ab + c as one Gemm, where nothing else reads ab and c is a row or a matrix of the same shape. */
const fuseGemm: Rule = ([x, y], node, uses) => {
  for (const [product, c] of [
    [x, y],
    [y, x],
  ] as const) {
    const [a, b] = product?.node.inputs ?? [];
    if (product?.node.op !== "matmul" || !a || !b || !c || a.rank !== 2 || b.rank !== 2 || uses(product) !== 1)
      continue;
    if (!sameShape(product.shape, node.outputs[0]?.shape ?? [])) continue;
    return record("gemm", [a, b, c], product.node.attrs as Transposed)[0];
  }
  return undefined;
};

/** conv(x, w) + b with one number for each channel, as one operation: the engine adds it while the result is at hand. */
const fuseBias: Rule = ([x, y], node, uses) => {
  for (const [product, bias] of [
    [x, y],
    [y, x],
  ] as const) {
    if (product?.node.op !== "conv" || product.node.inputs.length !== 2 || !bias || uses(product) !== 1) continue;
    const perChannel = product.shape.map((dim, axis) => (axis === 1 ? dim : 1));
    const ones = Array<number>(Math.max(product.rank - bias.rank, 0)).fill(1);
    if (!sameShape([...ones, ...bias.shape], perChannel) || !sameShape(product.shape, node.outputs[0]?.shape ?? []))
      continue;
    const whole = bias.node.op === "reshape" ? (bias.node.inputs[0] ?? bias) : bias;
    const flat = whole.rank === 1 ? whole : whole.reshape([product.dim(1)]);
    return record("conv", [...product.node.inputs, flat], product.node.attrs as Window)[0];
  }
  return undefined;
};

/** reshape(reshape(x)), neg(neg(x)) and other pairs of which the first has no effect. */
const skipInner =
  (op: string): Rule =>
  ([x], node) =>
    x?.node.op === op && x.node.inputs[0] ? again(node, x.node.inputs).outputs[0] : undefined;

const dropSame: Rule = ([x], node) => (x && sameShape(x.shape, node.outputs[0]?.shape ?? []) ? x : undefined);

const composeTransposes: Rule = ([x], node) => {
  if (x?.node.op !== "transpose") return undefined;
  const [inner, outer] = [x.node.attrs, node.attrs] as { perm: readonly number[] }[];
  return x.node.inputs[0]?.transpose((outer?.perm ?? []).map((axis) => inner?.perm[axis] ?? 0));
};

/**
 * A transposition that neither moves one axis nor leaves the last one where it is, for which the engine walks number by
 * number, as two that it does in blocks. The matrix between them keeps the engine from making one of both again.
 */
const inTwoMoves: Rule = ([x], node) => {
  const { perm } = node.attrs as { perm: readonly number[] };
  const last = perm.at(-1) ?? 0;
  const open = x?.shape.filter((dim) => typeof dim !== "number") ?? [];
  if (!x || last === perm.length - 1 || movesOne(perm) || open.length > 1) return undefined; // one size can be inferred
  const [before, after] = [x.shape.slice(0, last), x.shape.slice(last + 1)];
  const flat = x.reshape([sizeOf(before), x.dim(last), sizeOf(after)]).transpose([0, 2, 1]);
  const order = perm.slice(0, -1).map((axis) => axis - Number(axis > last));
  return flat.reshape([...before, ...after, x.dim(last)]).transpose([...order, perm.length - 1]);
};

/** Whether a permutation takes one axis to another place and leaves the others in their order. */
const movesOne = (perm: readonly number[]): boolean =>
  perm.some((moved) =>
    perm.filter((axis) => axis !== moved).every((axis, i, rest) => i === 0 || axis > (rest[i - 1] ?? 0)),
  );

/** Rows of (A Bᵀ)∘Y summed are rows of A∘(Y B) summed: in the backward of attention, Y B is its output and is there. */
const sumOfProduct: Rule = ([x], node, uses) => {
  const { axes } = node.attrs as { axes: readonly number[] };
  if (x?.node.op !== "mul" || uses(x) !== 1 || axes.length !== 1 || axes[0] !== x.rank - 1) return undefined;
  const product = x.node.inputs.find(({ node: { op, attrs } }) => op === "matmul" && (attrs as Transposed).transB);
  const y = x.node.inputs.find((tensor) => tensor !== product);
  const [a, b] = product?.node.inputs ?? [];
  if (!product || !y || !a || !b || (product.node.attrs as Transposed).transA || !sameShape(y.shape, product.shape))
    return undefined;
  const narrower = Number(a.dim(-1)) < Number(y.dim(-1)) && sameShape(a.shape.slice(0, -1), y.shape.slice(0, -1));
  return narrower ? a.mul(y.matmul(b)).sum(-1, true) : undefined;
};

const doubleNegation: Rule = ([x]) => (x?.node.op === "neg" ? x.node.inputs[0] : undefined);

type Rules = Readonly<Record<string, readonly Rule[]>>;

const rules: Rules = {
  add: [neutral(0, true), unstretch],
  sub: [neutral(0, false), unstretch, putInto],
  mul: [neutral(1, true), foldScale, unstretch, unpoolWhere],
  div: [neutral(1, false), unstretch],
  where: [unstretch],
  neg: [doubleNegation],
  log: [logOfSigmoid],
  stopGradient: [([x]) => x],
  matmul: [absorbTransposes],
  reshape: [skipInner("reshape"), dropSame],
  transpose: [composeTransposes],
  expand: [dropSame],
  sum: [sumOfPut, sumOfProduct],
  scatterAdd: [scatterInOrder],
};

/** Only when equal products have become one is it known how many read them. */
const lastRules: Rules = {
  ...rules,
  add: [...(rules.add ?? []), fuseGemm, fuseBias],
  transpose: [...(rules.transpose ?? []), inTwoMoves],
};

/** Equal keys mean equal values. Large constants and noise are only equal to themselves. */
function keyOf(node: Node, inputs: readonly Tensor[], idOf: (tensor: Tensor) => string): string {
  if (node.inputs.length === 0 && node.op !== "arange") return constantKey(node);
  const attrs = node.op === "scan" ? node.id : JSON.stringify(node.attrs, spellNumber);
  return `${node.op}|${attrs}|${inputs.map(idOf).join()}`;
}

/** JSON has no word for infinities, NaN and -0. */
const spellNumber = (_: string, value: unknown): unknown =>
  Object.is(value, -0) ? "-0" : typeof value === "number" && !Number.isFinite(value) ? `${value}` : value;

function constantKey(node: Node): string {
  const { data, spec } = node.attrs as { data?: ArrayLike<number | bigint>; spec: { dtype: string } };
  if (node.op !== "constant" || data?.length !== 1) return `leaf ${node.id}`;
  const value = Object.is(data[0], -0) ? "-0" : String(data[0]);
  return `constant|${spec.dtype}|${node.outputs[0]?.rank}|${value}`;
}

function countUses(outputs: readonly Tensor[], nodes: readonly Node[]): Map<Tensor, number> {
  const counts = new Map<Tensor, number>();
  for (const tensor of [...outputs, ...nodes.flatMap((node) => node.inputs)])
    counts.set(tensor, (counts.get(tensor) ?? 0) + 1);
  return counts;
}

/** One pass: rebuilds the graph with every rule applied and equal nodes made one. */
function rebuild(outputs: readonly Tensor[], keep: ReadonlySet<Tensor>, apply: Rules): Tensor[] {
  const nodes = sortNodes(outputs, (tensor) => keep.has(tensor));
  const counts = countUses(outputs, nodes);
  const map = new Map<Tensor, Tensor>([...keep].map((tensor) => [tensor, tensor]));
  const known = new Map<string, Node>();
  const uses = new Map<Tensor, number>();
  const idOf = (tensor: Tensor) => `${tensor.node.id}.${tensor.node.outputs.indexOf(tensor)}`;
  for (const node of nodes) {
    const inputs = node.inputs.map((input) => map.get(input) ?? input);
    const rule = (apply[node.op] ?? [])
      .map((rewrite) => rewrite(inputs, node, (tensor) => uses.get(tensor) ?? 0))
      .find(Boolean);
    const key = keyOf(node, inputs, idOf);
    const made = known.get(key) ?? (inputs.every((input, i) => input === node.inputs[i]) ? node : again(node, inputs));
    known.set(key, made);
    for (const [i, output] of node.outputs.entries()) {
      const result = rule ?? made.outputs[i] ?? output;
      map.set(output, result);
      uses.set(result, (uses.get(result) ?? 0) + (counts.get(output) ?? 0));
    }
  }
  return outputs.map((output) => map.get(output) ?? output);
}

/** Bodies of scans are graphs of their own and are cleaned up like one. */
function simplifyBodies(outputs: readonly Tensor[]): Tensor[] {
  const map = new Map<Tensor, Tensor>();
  for (const node of sortNodes(outputs)) {
    if (node.op !== "scan" && !node.inputs.some((input) => map.has(input))) continue;
    const attrs = node.op === "scan" ? cleanBody(node.attrs as ScanAttrs) : node.attrs;
    const made = again(
      { ...node, attrs },
      node.inputs.map((input) => map.get(input) ?? input),
    );
    for (const [i, output] of node.outputs.entries()) map.set(output, made.outputs[i] ?? output);
  }
  return outputs.map((output) => map.get(output) ?? output);
}

const cleanBody = (attrs: ScanAttrs): ScanAttrs => ({
  ...attrs,
  body: {
    inputs: attrs.body.inputs,
    outputs: simplifyBodies(rebuildTwice(inlineBlocks(attrs.body.outputs), new Set(attrs.body.inputs))),
  },
});

/** A second pass meets what the first one brought together. */
const rebuildTwice = (outputs: readonly Tensor[], keep: ReadonlySet<Tensor>): Tensor[] =>
  rebuild(rebuild(outputs, keep, rules), keep, lastRules);

/**
 * The same values from fewer nodes. The leaves stay the tensors they are. `fused` says whether the engine's operators
 * for whole recurrent layers may take the place of scans.
 */
export function simplify(outputs: readonly Tensor[], fused = true): Tensor[] {
  const merged = rebuildTwice(mergeScans(chooseSpellings(inlineBlocks(outputs), fused)), new Set());
  return simplifyBodies(pruneScans(merged));
}
