/** Shapes and types of a program's values, found by tracing it. */
import { input, Tensor } from "../../src/tensor/index.ts";
import { namesIn, type Program } from "./program.ts";
import { describe, traced, type Value } from "./scope.ts";

/** Of leaves and of all values outside bodies; none where Descent refuses the program. */
export function valuesOf({ leaves, calls }: Program): Map<string, Value> | undefined {
  const inputs = leaves.map(
    ({ name, shape, kind }) => [name, input(name, shape, kind === "F" ? "f32" : kind)] as const,
  );
  const names = calls.flatMap(({ outputs }) => namesIn(outputs));
  try {
    const made = [traced(calls, names, new Map(inputs), "f32")].flat(9);
    const tensors = [...inputs, ...names.map((name, i) => [name, made[i]] as const)];
    return new Map(
      tensors.flatMap(([name, tensor]) => (tensor instanceof Tensor ? [[name, describe(name, tensor)]] : [])),
    );
  } catch {
    return undefined;
  }
}
