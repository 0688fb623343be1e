/** Whether a graph that was recorded with names for sizes is the one that is recorded with their numbers. */
import { dimAt } from "../tensor/dim.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Body, type Node, sortNodes } from "./node.ts";

type Sizes = ReadonlyMap<string, number>;
type Pairs = Iterable<readonly [open: Tensor, fixed: Tensor]>;

/** Leaves that are the same tensors in both graphs, or are paired from the beginning. */
const GIVEN: ReadonlySet<string> = new Set(["input", "parameter", "buffer"]);

/** What an operation is told, as text, with numbers for sizes. Bodies are graphs and are compared as such. */
const settings = ({ attrs }: Node, sizes: Sizes): string =>
  JSON.stringify(attrs, (key, value: unknown) => {
    if (key === "body") return undefined;
    if (typeof value === "number") return `${value}`; // JSON has no word for NaN
    const size = typeof value === "string" ? dimAt(value, sizes) : Number.NaN;
    return Number.isNaN(size) ? value : `${size}`;
  });

/** What follows from constants alone: in the one graph it may be computed from sizes, in the other be a number. */
function constantsOf(nodes: readonly Node[]): Set<Tensor> {
  const found = new Set<Tensor>();
  for (const { op, inputs, outputs } of nodes)
    if (op === "constant" || op === "arange" || (inputs.length > 0 && inputs.every((input) => found.has(input))))
      for (const output of outputs) found.add(output);
  return found;
}

const sizeAt = ({ shape }: Tensor, sizes: Sizes): number =>
  shape.reduce<number>((product, dim) => product * dimAt(dim, sizes), 1);

/** Operations that move numbers or write them in another type. */
const CARRIES: ReadonlySet<string> = new Set(["expand", "reshape", "cast"]);
const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};

/** The one number that fills a constant tensor, such as a sum of ones, which counts a size; undefined where it is not seen. */
function levelOf(tensor: Tensor, sizes: Sizes): number | undefined {
  const { op, inputs, attrs } = tensor.node;
  if (op === "constant") {
    const [first, ...others] = Array.from((attrs as { data: ArrayLike<unknown> }).data, Number);
    return others.every((value) => value === first) ? first : undefined;
  }
  const [a, b] = inputs.map((input) => levelOf(input, sizes));
  const [x] = inputs;
  if (a === undefined || !x || CARRIES.has(op)) return a;
  if (op === "sum") return (a * sizeAt(x, sizes)) / sizeAt(tensor, sizes);
  return b === undefined ? undefined : ARITHMETIC[op]?.(a, b);
}

/** As near as numbers of 32 bits are. */
const isNear = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.abs(b);
const bodyOf = ({ attrs }: Node): Body | undefined => (attrs as { body?: Body }).body;

function sameData(a: Node, b: Node): boolean {
  const [x = [], y = []] = [a, b].map(({ attrs }) => (attrs as { data: ArrayLike<unknown> }).data);
  return x.length === y.length && Array.prototype.every.call(x, (value, i) => Object.is(value, y[i]));
}

/** Goes through two graphs side by side and pairs their tensors. */
class Pairing {
  readonly #pairs: Map<Tensor, Tensor>;
  readonly #sizes: Sizes;
  readonly #constants: ReadonlySet<Tensor>;
  constructor(given: Pairs, sizes: Sizes, constants: ReadonlySet<Tensor>) {
    this.#pairs = new Map(given);
    this.#sizes = sizes;
    this.#constants = constants;
  }

  #isAlike(a: Tensor, b: Tensor | undefined): boolean {
    if (a.dtype !== b?.dtype || a.rank !== b.rank) return false;
    return a.shape.every((dim, i) => dim === b.shape[i] || dimAt(dim, this.#sizes) === b.shape[i]);
  }

  #sameConstants(a: Tensor, b: Tensor): boolean {
    if (!this.#isAlike(a, b)) return false;
    if (a.node.op === "constant" && b.node.op === "constant") return sameData(a.node, b.node);
    if (a.node.op === b.node.op) return this.#sameNodes(a.node, b.node);
    const [counted, known] = [levelOf(a, this.#sizes), levelOf(b, this.#sizes)];
    return counted !== undefined && known !== undefined && isNear(counted, known);
  }

  #isPaired(a: Tensor, b: Tensor | undefined): boolean {
    if (!b) return false;
    const known = a === b ? a : this.#pairs.get(a);
    return known ? known === b : this.#constants.has(a) && this.#constants.has(b) && this.#sameConstants(a, b);
  }

  #arePaired(a: readonly Tensor[], b: readonly Tensor[]): boolean {
    return a.length === b.length && a.every((tensor, i) => this.#isPaired(tensor, b[i]));
  }

  #sameNodes(a: Node, b: Node): boolean {
    return (
      a.op === b.op &&
      this.#arePaired(a.inputs, b.inputs) &&
      a.outputs.every((output, i) => this.#isAlike(output, b.outputs[i])) &&
      settings(a, this.#sizes) === settings(b, this.#sizes) &&
      this.#sameBodies(bodyOf(a), bodyOf(b))
    );
  }

  #sameBodies(a: Body | undefined, b: Body | undefined): boolean {
    if (!a || !b) return a === b;
    const inner = a.inputs.flatMap((input, i) => [[input, b.inputs[i] ?? input] as const]);
    return a.inputs.length === b.inputs.length && sameAt(a.outputs, b.outputs, [...this.#pairs, ...inner], this.#sizes);
  }

  /** Whether both graphs do the same in the order of recording, apart from what follows from constants. */
  holds(open: readonly Node[], fixed: readonly Node[]): boolean {
    const counts = ({ op, outputs }: Node) => !GIVEN.has(op) && !outputs.every((output) => this.#constants.has(output));
    const [all, others] = [open.filter(counts), fixed.filter(counts)];
    const pair = (a: Node, b: Node | undefined): boolean => {
      if (!b || !this.#sameNodes(a, b)) return false;
      for (const [i, output] of a.outputs.entries()) this.#pairs.set(output, b.outputs[i] ?? output);
      return true;
    };
    return all.length === others.length && all.every((node, i) => pair(node, others[i]));
  }

  ends(open: readonly Tensor[], fixed: readonly Tensor[]): boolean {
    return this.#arePaired(open, fixed);
  }
}

/**
 * Whether `fixed` are what `open` are where named sizes have the numbers `sizes`: the same operations on the same leaves,
 * in the same order. `given` pairs the inputs that are two tensors.
 */
export function sameAt(open: readonly Tensor[], fixed: readonly Tensor[], given: Pairs, sizes: Sizes): boolean {
  const [a, b] = [sortNodes(open), sortNodes(fixed)];
  const pairing = new Pairing(given, sizes, new Set([...constantsOf(a), ...constantsOf(b)]));
  return pairing.holds(a, b) && pairing.ends(open, fixed);
}
