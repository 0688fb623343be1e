/** Descent's numbers compared with PyTorch's float64, as far as rounding leaves them in one place. */
import { fuzz } from "../tolerances.ts";
import type { Float, Numbers, Outcome } from "./evaluate.ts";

/** A number's distance from what simulated rounding (`noise`) and float32 (`single`) make of it, element by element. */
export interface Expected extends Numbers {
  readonly noise: readonly string[];
  readonly single: readonly string[];
}
export type Reference =
  | { readonly kind: "done"; readonly values: Readonly<Record<string, Expected>> }
  | { readonly kind: "refused" | "crash" | "hang"; readonly message: string };

/** `same`; `refused`: Descent says so where PyTorch has numbers; `unknown`: nothing to compare with; the rest is wrong. */
export type Verdict = {
  readonly kind: "same" | "unknown" | "refused" | "different" | "error" | "crash" | "hang";
  readonly message: string;
  /** How many values, gradients and second derivatives were compared, and how many rounding alone could explain. */
  readonly compared?: Readonly<Record<string, number>>;
};

const python: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity, nan: Number.NaN };
const number = (text: string | undefined): number => python[text ?? ""] ?? Number(text);
const largest = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);

/** What is wrong with one tensor; `unknown` where rounding alone could explain anything. */
function compareTensor(key: string, got: Numbers, expected: Expected, float: Float): string | "unknown" | undefined {
  const spell = ({ type, shape }: Numbers) => `${type}[${shape}]`;
  if (spell(got) !== spell(expected)) return `${key} is ${spell(got)}, expected ${spell(expected)}`;
  const unstable = expected.noise.map((text, i) => Math.max(number(text), number(expected.single[i])));
  const wanted = expected.data.map(number);
  const scale = 1 + largest(wanted.filter(Number.isFinite));
  if (expected.type === "F" && !unstable.every((by) => by <= fuzz.illConditioned * scale)) return "unknown";
  if (!key.startsWith("value") && !wanted.every(Number.isFinite)) return "unknown";
  const { factor, floor } = fuzz[float];
  for (const [i, text] of expected.data.entries()) {
    const [value, found, by] = [wanted[i] ?? 0, got.data[i], unstable[i] ?? 0];
    if (found === text || Object.is(number(found), value)) continue;
    if (expected.type !== "F" && by > 0) continue;
    const error = Math.abs(number(found) - value);
    if (expected.type === "F" && error <= factor * by + floor * scale) continue;
    return `${key}: element ${i} is ${found}, expected ${text}`;
  }
  return undefined;
}

export function compare(got: Outcome, reference: Reference, float: Float): Verdict {
  if (got.kind === "crash" || got.kind === "hang") return got;
  if (reference.kind !== "done")
    return {
      kind: "unknown",
      message: `${got.kind === "done" ? "PyTorch refuses" : "both refuse"}: ${reference.message}`,
    };
  if (got.kind !== "done") return got;
  const compared: Record<string, number> = {};
  const count = (what: string) => {
    compared[what] = (compared[what] ?? 0) + 1;
  };
  for (const [key, expected] of Object.entries(reference.values)) {
    const found = got.values[key];
    if (!found && expected.data.every((text) => number(text) === 0 || !Number.isFinite(number(text)))) continue;
    if (!found) return { kind: "refused", message: `GradientError: no ${key}` };
    const wrong = compareTensor(key, found, expected, float);
    if (wrong !== undefined && wrong !== "unknown") return { kind: "different", message: wrong };
    count(wrong === "unknown" ? "ill-conditioned" : key.replace(/_.*/, ""));
  }
  const { "ill-conditioned": skipped = 0, ...rest } = compared;
  return { kind: skipped > 0 && Object.keys(rest).length === 0 ? "unknown" : "same", message: "", compared };
}
