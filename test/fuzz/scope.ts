/** What a row of the fuzzer's table draws from: the values made so far, with their shapes, and new leaves. */
import { DescentError } from "../../src/errors.ts";
import { recompute, scan } from "../../src/graph/index.ts";
import { countAlong, flattenRows, sumTo } from "../../src/tensor/compositions.ts";
import { arange, type DType, full, input, record, stack, Tensor } from "../../src/tensor/index.ts";
import { gruLayer, lstmLayer } from "../conformance/cells.ts";
import type { Draw } from "./draw.ts";
import { type Body, type Call, type Kind, type Leaf, type Names, namesIn, readsOf, typescript } from "./program.ts";

export interface Value {
  readonly name: string;
  readonly kind: Kind;
  readonly shape: readonly number[];
}

/** A call before its results have names. */
export interface Sketch {
  readonly inputs: readonly Value[];
  readonly ts: string;
  readonly py: string;
  readonly rounds?: boolean;
  readonly body?: Body;
}

/** Thrown where Descent refuses what was drawn, or gives it an impossible size; the call is the last one of its program. */
export class Refused extends Error {
  readonly call: Call;
  constructor(call: Call) {
    super(call.op);
    this.call = call;
  }
}

/** Thrown where a row finds nothing to work on. */
export class NotApplicable extends Error {}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
export const MOST_ELEMENTS = 400;

export type Environment = Map<string, Tensor>;
type Traced = Tensor | readonly Traced[];

/** What programs may call besides methods: functions of the library, rows that only gradients record, and compositions. */
const functions = {
  scan,
  recompute,
  arange,
  full,
  stack,
  sumTo,
  countAlong,
  flattenRows,
  lstmLayer,
  gruLayer,
  behind: (x: Tensor, after: Tensor) => record("barrier", [x, after], {})[0],
  unpool: (x: Tensor, y: Tensor, g: Tensor) => record("unpool", [x, y, g], {})[0],
  putAlong: (indices: Tensor, values: Tensor, axis: number, size: number) =>
    record("putAlong", [indices, values], { axis, size })[0],
};

/** Runs the statements of `calls` on the tensors of `environment` and returns `results`. */
export function traced(
  calls: readonly Call[],
  results: Names,
  environment: ReadonlyMap<string, Tensor>,
  F: DType,
): Traced {
  const reads = new Set([...calls.flatMap(readsOf), ...namesIn(results)]);
  const known = { ...functions, ...Object.fromEntries([...environment].filter(([name]) => reads.has(name))), F };
  const code = `"use strict"; ${typescript(calls).join("\n")} return ${JSON.stringify(results).replaceAll('"', "")};`;
  return new Function(...Object.keys(known), code)(...Object.values(known));
}

export const kindOf = (dtype: DType): Kind => (dtype === "f32" || dtype === "f64" ? "F" : dtype);
export const describe = (name: string, { shape, dtype }: Tensor): Value => ({
  name,
  kind: kindOf(dtype),
  shape: shape.map(Number),
});

/** What all scopes of one program share. */
export interface Shared {
  readonly draw: Draw;
  readonly leaves: Leaf[];
  readonly environment: Environment;
  /** Whether leaves hold NaN, infinities and numbers near them. */
  readonly special: boolean;
  /** Whether rows that Descent has in float32 alone may occur: a program that holds one is not run in float64. */
  readonly single: boolean;
  count: number;
}

export class Scope {
  readonly shared: Shared;
  readonly values: Value[];
  readonly calls: Call[] = [];
  /** How many bodies this one is inside of. */
  readonly depth: number;
  constructor(shared: Shared, values: readonly Value[] = [], depth = 0) {
    this.shared = shared;
    this.values = [...values];
    this.depth = depth;
  }

  get draw(): Draw {
    return this.shared.draw;
  }
  fresh(letter: string): string {
    return `${letter}${this.shared.count++}`;
  }

  /** Records a call. Throws Refused where Descent does not take it, NotApplicable where the result is too large. */
  apply(op: string, sketch: Sketch): Value[] {
    const { inputs, ts, py, rounds = true, body } = sketch;
    const name = this.fresh("v");
    const call: Call = {
      op,
      inputs: inputs.map((value) => value.name),
      outputs: name,
      ts,
      py,
      rounds,
      ...(body ? { body } : {}),
    };
    let result: Traced;
    try {
      result = traced([call], name, this.shared.environment, "f32");
    } catch (error) {
      if (error instanceof DescentError) throw new Refused(call);
      throw new Error(`${op} throws ${error}: ${typescript([call]).join(" ")}`, { cause: error });
    }
    const outputs = this.#named(result);
    const made = namesIn(outputs).map((key) => describe(key, this.shared.environment.get(key) as Tensor));
    if (made.some(({ shape }) => shape.some((size) => size < 0))) throw new Refused(call);
    if (made.some(({ shape }) => sizeOf(shape) > MOST_ELEMENTS)) throw new NotApplicable();
    this.calls.push({ ...call, outputs });
    this.values.push(...made);
    return made;
  }
  /** As `apply`, for a call with one result. */
  one(op: string, sketch: Sketch): Value {
    const [value] = this.apply(op, sketch);
    if (!value) throw new NotApplicable();
    return value;
  }
  #named(result: Traced): Names {
    if (!(result instanceof Tensor)) return result.map((part) => this.#named(part));
    const name = this.fresh("v");
    this.shared.environment.set(name, result);
    return name;
  }

  /** A placeholder for what a body is given. */
  parameter({ shape, kind }: Pick<Value, "shape" | "kind">): Value {
    const name = this.fresh("p");
    this.shared.environment.set(name, input(name, shape, kind === "F" ? "f32" : kind));
    const value = { name, shape, kind };
    this.values.push(value);
    return value;
  }

  leaf(shape: readonly number[], kind: Kind = "F", numbers?: readonly number[]): Value {
    const name = this.fresh("x");
    const length = sizeOf(shape);
    if (length > MOST_ELEMENTS) throw new NotApplicable();
    const style = this.draw.below(4);
    const data = numbers ?? Array.from({ length }, () => this.#number(kind, style));
    this.shared.leaves.push({ name, kind, shape, data: data.map((x) => (Number.isFinite(x) ? x : String(x))) });
    this.shared.environment.set(name, input(name, shape, kind === "F" ? "f32" : kind));
    const value = { name, shape, kind };
    this.values.push(value);
    return value;
  }
  #number(kind: Kind, style: number): number {
    const { draw } = this;
    if (kind === "bool") return draw.below(2);
    if (kind === "i64" && this.shared.special && draw.chance(0.2)) return draw.whole(-1, 1) * (2 ** 52 + 1);
    if (kind !== "F") return draw.whole(-4, 5);
    if (this.shared.special && draw.chance(0.15))
      return draw.one([
        Infinity,
        -Infinity,
        Number.NaN,
        Math.fround(1e30),
        Math.fround(-1e30),
        Math.fround(1e-30),
        100,
        -100,
      ]);
    if (style === 0) return draw.whole(-3, 3) / 2; // many ties and zeros
    return Math.round((draw.uniform() - 0.5) * 256) / 64;
  }

  /** Sizes of 0 to 5, most of them small. */
  size(): number {
    return this.draw.chance(0.04) ? 0 : this.draw.one([1, 1, 2, 2, 3, 3, 4, 5]);
  }
  shape(rank: number): number[] {
    return Array.from({ length: rank }, () => this.size());
  }

  /** One of the values that fit, the newest ones first of all, or a new leaf of `rank`. */
  pick(fits: (value: Value) => boolean, orElse: () => Value): Value {
    const found = this.values.filter(fits);
    if (found.length === 0 || this.draw.chance(0.12)) return orElse();
    if (this.draw.chance(0.5)) return found.at(-1) ?? orElse();
    return this.draw.any(found) ?? orElse();
  }
  float(least = 0, most = 4): Value {
    const rank = this.draw.whole(least, Math.min(most, Math.max(3, least)));
    return this.pick(
      ({ kind, shape }) => kind === "F" && shape.length >= least && shape.length <= most,
      () => this.leaf(this.shape(rank)),
    );
  }
  /** A float that is not near 0. */
  positive(): Value {
    const x = this.float();
    if (this.draw.chance(0.2)) return x;
    return this.one("abs", { inputs: [x], ts: "$0.abs().add(0.5)", py: "torch.abs($0) + 0.5" });
  }
  int(least = 0): Value {
    return this.pick(
      ({ kind, shape }) => (kind === "i32" || kind === "i64") && shape.length >= least,
      () => this.leaf(this.shape(this.draw.whole(least, 3)), this.draw.one(["i32", "i64"])),
    );
  }
  bool(): Value {
    return this.pick(
      ({ kind }) => kind === "bool",
      () => this.leaf(this.shape(this.draw.below(4)), "bool"),
    );
  }
  /** A number of any type but bool. */
  number(least = 0): Value {
    return this.draw.chance(0.2) ? this.int(least) : this.float(least);
  }
  any(least = 0): Value {
    return this.draw.chance(0.08) && least === 0 ? this.bool() : this.number(least);
  }

  /** A shape that broadcasts with `shape`. */
  partnerShape(shape: readonly number[]): number[] {
    const { draw } = this;
    const sizes = shape.map((size) =>
      draw.chance(0.25) ? 1 : size === 1 && draw.chance(0.4) ? draw.whole(1, 4) : size,
    );
    if (draw.chance(0.25)) return sizes.slice(draw.below(sizes.length + 1));
    return sizes.length < 4 && draw.chance(0.1) ? [draw.whole(1, 3), ...sizes] : sizes;
  }
  /** A value, or a new leaf, of the same type that broadcasts with `x`. */
  partner(x: Value): Value {
    return this.pick(
      (value) => value.kind === x.kind && broadcasts(value.shape, x.shape),
      () => this.leaf(this.partnerShape(x.shape), x.kind),
    );
  }

  axis({ shape }: Value): number {
    if (shape.length === 0) throw new NotApplicable();
    const axis = this.draw.below(shape.length);
    return this.draw.chance(0.4) ? axis - shape.length : axis;
  }
  axes({ shape }: Value): number[] {
    const axes = this.draw.some(shape.map((_, i) => i));
    return axes.map((axis) => (this.draw.chance(0.3) ? axis - shape.length : axis));
  }
}

/** `axis` counted from the front. */
export const front = (axis: number, { shape }: Value): number => (axis < 0 ? axis + shape.length : axis);

export function broadcasts(a: readonly number[], b: readonly number[]): boolean {
  return Array.from({ length: Math.min(a.length, b.length) }, (_, i) => [a.at(-1 - i), b.at(-1 - i)]).every(
    ([m, n]) => m === n || m === 1 || n === 1,
  );
}

/** One row: draws its inputs and attributes from the scope. */
export type Row = (scope: Scope) => Sketch;
