/**
 * Dimensions: a number, or a polynomial in named symbols written out as a string, such as `"T"`, `"P+T"`, `"4*B*T"`.
 *
 * The string is canonical (terms and factors sorted), so two dimensions are equal exactly when they are `===`.
 */
import { ShapeError, shown } from "../errors.ts";

/** A size: a number, or a canonical polynomial in named sizes. */
export type Dim = number | string;
/** The sizes of a tensor, the slowest axis first. */
export type Shape = readonly Dim[];

/** Coefficient of each product of symbols; the empty product is the constant term. */
type Polynomial = Map<string, number>;

/** The polynomial that `dim` spells. */
export function terms(dim: Dim): Polynomial {
  if (typeof dim === "number") return new Map(dim === 0 ? [] : [["", dim]]);
  const polynomial: Polynomial = new Map();
  for (const term of dim.split("+")) {
    const factors = term.split("*");
    const coefficient = /^-?\d+$/.test(factors[0] ?? "") ? Number(factors.shift()) : 1;
    addTerm(polynomial, factors.sort().join("*"), coefficient);
  }
  return polynomial;
}

function addTerm(polynomial: Polynomial, product: string, coefficient: number): void {
  const sum = (polynomial.get(product) ?? 0) + coefficient;
  if (sum === 0) polynomial.delete(product);
  else polynomial.set(product, sum);
}

function spell(polynomial: Polynomial): Dim {
  const spelled = [...polynomial].sort(([a], [b]) => (a < b ? 1 : -1));
  if (spelled.length === 0) return 0;
  if (spelled.length === 1 && spelled[0]?.[0] === "") return spelled[0][1];
  const term = ([product, n]: [string, number]) => (product === "" ? `${n}` : n === 1 ? product : `${n}*${product}`);
  return spelled.map(term).reverse().join("+");
}

export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a + b;
  const sum = terms(a);
  for (const [product, n] of terms(b)) addTerm(sum, product, n);
  return spell(sum);
}

export const subtractDims = (a: Dim, b: Dim): Dim => addDims(a, multiplyDims(-1, b));

export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a * b + 0; // never -0
  const product: Polynomial = new Map();
  for (const [p, n] of terms(a))
    for (const [q, m] of terms(b))
      addTerm(product, [...p.split("*"), ...q.split("*")].filter(Boolean).sort().join("*"), n * m);
  return spell(product);
}

/** a / b where b is a number or a single product that divides every term. `undefined` where it does not. */
export function divideDims(a: Dim, b: Dim): Dim | undefined {
  if (a === b) return 1;
  if (typeof a === "number" && typeof b === "number") return b !== 0 && a % b === 0 ? a / b + 0 : undefined;
  const [divisor, ...others] = [...terms(b)];
  if (!divisor || others.length > 0) return undefined;
  const quotient: Polynomial = new Map();
  for (const [product, n] of terms(a)) {
    const rest = product.split("*");
    for (const factor of divisor[0].split("*").filter(Boolean)) {
      const at = rest.indexOf(factor);
      if (at < 0) return undefined;
      rest.splice(at, 1);
    }
    if (n % divisor[1] !== 0) return undefined;
    addTerm(quotient, rest.filter(Boolean).join("*"), n / divisor[1]);
  }
  return spell(quotient);
}

/** The number that `dim` is where its symbols have `sizes`. */
export function dimAt(dim: Dim, sizes: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [product, coefficient] of terms(dim))
    sum += product
      .split("*")
      .filter(Boolean)
      .reduce((value, symbol) => value * (sizes.get(symbol) ?? Number.NaN), coefficient);
  return sum;
}

/** Product of all dimensions. */
export const sizeOf = (shape: Shape): Dim => shape.reduce(multiplyDims, 1);

/** `shape` as numbers; throws where one is symbolic. */
export function staticShape(shape: Shape, operation: string): number[] {
  return shape.map((dim) => {
    if (typeof dim === "number") return dim;
    throw new ShapeError(
      `${operation}: expected a fixed shape, got ${formatShape(shape)}; give "${dim}" a number before tracing`,
    );
  });
}

export const formatShape = (shape: Shape): string => `[${shape.join(", ")}]`;

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((dim, i) => dim === b[i]);

/** `axis` counted from the front; negative counts from the back. */
export function normalizeAxis(axis: number, rank: number, operation: string): number {
  const positive = typeof axis === "number" && axis < 0 ? axis + rank : axis;
  if (Number.isInteger(axis) && positive >= 0 && positive < rank) return positive;
  throw new ShapeError(
    `${operation}: axis ${shown(axis)} does not exist in a tensor of rank ${rank}; use ${-rank} to ${rank - 1}`,
  );
}

/** Shape of an elementwise result: sizes match from the right, and 1 stretches. */
export function broadcastShapes(shapes: readonly Shape[], operation: string): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    const dims = shapes.map((shape) => shape[i - rank + shape.length] ?? 1).filter((dim) => dim !== 1);
    const dim = dims[0] ?? 1;
    if (dims.every((other) => other === dim)) return dim;
    throw new ShapeError(
      `${operation}: sizes do not broadcast, ${shapes.map(formatShape).join(" and ")} (${dims.join(" ≠ ")}, counted from the right); reshape or expand one of them`,
    );
  });
}
