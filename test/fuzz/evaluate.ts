/** A program run by Descent: its results, the gradients of their weighted sum, and the second derivatives. */
import { DescentError, GradientError } from "../../src/errors.ts";
import { gradient } from "../../src/graph/index.ts";
import { compile, type HostTensor } from "../../src/runtime/index.ts";
import { type DType, hostArray, input, isFloat, Tensor, tensor } from "../../src/tensor/index.ts";
import type { Kind, Leaf, Program } from "./program.ts";
import { kindOf, sizeOf, traced } from "./scope.ts";

export type Float = "f32" | "f64";

/** The weight of element i of result k in the loss. reference.py has the same. */
export const weightOf = (i: number, k: number): number => (((7 * i + 3 * k) % 11) - 5) / 4;

/** Σ w·y over the float results. */
export function weigh(ys: readonly Tensor[]): Tensor | undefined {
  const parts = ys.flatMap((y, k) => {
    if (!isFloat(y.dtype)) return [];
    const shape = y.shape.map(Number);
    const weights = Array.from({ length: sizeOf(shape) }, (_, i) => weightOf(i, k));
    return [y.mul(tensor(weights, y.dtype).reshape(shape)).sum()];
  });
  const [first, ...rest] = parts;
  return first && rest.reduce((sum, part) => sum.add(part), first);
}

/** The gradient by each leaf; none where the only way to it has no derivative. */
function gradients(loss: Tensor | undefined, leaves: readonly Tensor[]): (Tensor | undefined)[] {
  if (!loss) return leaves.map(() => undefined);
  try {
    return gradient(loss, leaves);
  } catch (error) {
    if (!(error instanceof GradientError)) throw error;
  }
  return leaves.map((leaf) => {
    try {
      return gradient(loss, [leaf])[0];
    } catch (error) {
      if (error instanceof GradientError) return undefined;
      throw error;
    }
  });
}

export interface Graph {
  readonly inputs: Record<string, Tensor>;
  /** value_v3, gradient_x0, second_x0. */
  readonly outputs: Record<string, Tensor>;
}

/** Throws DescentError where the program is refused. */
export function graphOf({ leaves, calls, results, order }: Program, F: Float): Graph {
  const dtype = (leaf: Leaf): DType => (leaf.kind === "F" ? F : leaf.kind);
  const inputs = Object.fromEntries(leaves.map((leaf) => [leaf.name, input(leaf.name, leaf.shape, dtype(leaf))]));
  const made = traced(calls, results, new Map(Object.entries(inputs)), F);
  const ys = [made].flat(9).filter((y) => y instanceof Tensor);
  const floats = Object.entries(inputs).filter(([, { dtype }]) => isFloat(dtype));
  const outputs: Record<string, Tensor> = {};
  for (const [i, y] of ys.entries()) outputs[`value_${results[i]}`] = y;
  let sources = ys;
  for (const what of ["gradient", "second"].slice(0, order)) {
    const found = gradients(
      weigh(sources),
      floats.map(([, leaf]) => leaf),
    );
    for (const [i, g] of found.entries()) if (g) outputs[`${what}_${floats[i]?.[0]}`] = g;
    sources = floats.map(([, leaf], i) => found[i] ?? leaf.zerosLike());
  }
  return { inputs, outputs };
}

export const feedsOf = (program: Program, F: Float): Record<string, HostTensor> =>
  Object.fromEntries(
    program.leaves.map(({ name, kind, shape, data }) => {
      const dtype = kind === "F" ? F : kind;
      return [name, { data: hostArray(data.map(Number), dtype), shape, dtype }];
    }),
  );

/** What became of a run. */
export type Outcome =
  | { readonly kind: "done"; readonly values: Readonly<Record<string, Numbers>> }
  | { readonly kind: "refused" | "error" | "crash" | "hang"; readonly message: string };

/** Numbers as text: JSON has no NaN, no infinity and no 64-bit integer. */
export interface Numbers {
  readonly type: Kind;
  readonly shape: readonly number[];
  readonly data: readonly string[];
}

export const asNumbers = ({ data, shape, dtype }: HostTensor): Numbers => ({
  type: kindOf(dtype),
  shape: [...shape],
  data: Array.from(data as ArrayLike<number | bigint>, String),
});

export async function evaluate(program: Program, F: Float): Promise<Outcome> {
  try {
    const { inputs, outputs } = graphOf(program, F);
    const compiled = await compile(inputs, outputs, { threads: 1 });
    const results = await compiled.run(feedsOf(program, F));
    const values = Object.fromEntries(Object.entries(results).map(([key, value]) => [key, asNumbers(value)]));
    await compiled.release();
    return { kind: "done", values };
  } catch (error) {
    const message = `${(error as Error).name}: ${(error as Error).message}`;
    return { kind: error instanceof DescentError ? "refused" : "error", message };
  }
}
