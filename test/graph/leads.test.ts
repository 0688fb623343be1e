/**
 * Every row with a `lead`, in a scan whose steps read no state: what is moved out of the loop and done for all steps at
 * once gives what the steps give one by one.
 */
import { describe, expect, test } from "vitest";
import { type OpName, ops, rowOf, scan, sortNodes } from "../../src/graph/index.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import { input, record, scalar, type Tensor } from "../../src/tensor/index.ts";
import { composed } from "../support/composed.ts";
import { type Apply, wholes } from "../support/differences.ts";
import { evaluate, host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { double, reordered } from "../tolerances.ts";
import { rows } from "./rows.ts";

const STEPS = 3;

/** `value`, then its elements turned by one place, then by two. */
function steps({ data, shape, dtype }: HostTensor): HostTensor[] {
  const numbers = numbersOf(data);
  const n = numbers.length;
  return Array.from({ length: STEPS }, (_, t) =>
    host(
      numbers.map((_, i) => numbers[(i + t) % n] ?? 0),
      shape,
      dtype,
    ),
  );
}

const stacked = (values: readonly HostTensor[]): HostTensor => {
  const [first] = values;
  if (!first) throw new Error("there is no step");
  return host(
    values.flatMap(({ data }) => numbersOf(data)),
    [values.length, ...first.shape],
    first.dtype,
  );
};

interface Graph {
  readonly inputs: readonly HostTensor[];
  readonly apply: (inputs: readonly Tensor[]) => Tensor[];
}

/** Whole numbers below `limit`. */
const places = (limit: number, shape: readonly number[]): HostTensor =>
  host(
    wholes(
      limit,
      limit,
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
    "i32",
  );
const table = (shape: readonly number[]): HostTensor => uniform(3, shape, -2, 2);
const list = (apply: Apply) => (inputs: readonly Tensor[]) => [apply(...(inputs as Parameters<Apply>))].flat();

/** Indices that change from step to step, which the rows' tests have as constants. */
const indexed: Readonly<Record<string, Graph>> = {
  gather: { inputs: [table([4, 2]), places(4, [2, 3])], apply: list((x, i) => x.gather(i)) },
  takeAlong: { inputs: [table([2, 4]), places(4, [2, 5])], apply: list((x, i) => x.takeAlong(i, 1)) },
  putAlong: {
    inputs: [places(4, [2, 3]), table([2, 3])],
    apply: list((i, x) => record("putAlong", [i, x], { axis: 1, size: 4 })),
  },
};

/** What the rows' tests do, with everything it gives as a list. */
function graphsOf(name: string): Graph[] {
  const row = rows[name as OpName];
  const own = indexed[name] ? [indexed[name]] : [];
  if ("checks" in row) return [...own, ...row.checks.map(({ inputs, apply }) => ({ inputs, apply: list(apply) }))];
  const apply = "none" in row ? row.none : row.stop;
  return [{ inputs: [host([0.75, -1.5], [2], "f64")], apply: list((x) => apply(x)) }];
}

/** Which inputs have a value for each step: all of them, then each alone. */
const choices = (inputs: number): boolean[][] => [
  Array<boolean>(inputs).fill(true),
  ...(inputs < 2 ? [] : Array.from({ length: inputs }, (_, i) => Array.from({ length: inputs }, (_, j) => i === j))),
];

/** The outputs of all steps, recorded by a scan; which of the inputs stand for all steps is said by `has`. */
function looped(inputs: readonly Tensor[], has: readonly boolean[], apply: (x: readonly Tensor[]) => Tensor[]) {
  const sequences = inputs.filter((_, i) => has[i]);
  const cell = (state: Tensor, xs: readonly Tensor[]) => {
    const slices = xs.values();
    return [state, apply(inputs.map((x, i) => (has[i] ? (slices.next().value ?? x) : x)))] as const;
  };
  return scan(cell, scalar(0), sequences, { axis: 0 })[1];
}

const inside = (outputs: readonly Tensor[]): boolean => sortNodes(outputs).some(({ op }) => op === "scan");
const holds = (outputs: readonly Tensor[], name: string): boolean => sortNodes(outputs).some(({ op }) => op === name);

const led = Object.keys(ops).filter((name) => rowOf(name).lead);

describe.each(led)("%s", (name) => {
  const cases = graphsOf(name).flatMap((graph) => choices(graph.inputs.length).map((has) => ({ ...graph, has })));

  test("is moved out of the loop", () => {
    const moved = cases.filter(({ inputs, apply, has }) => {
      const tensors = inputs.map(({ shape, dtype }, i) => input(`x${i}`, has[i] ? [STEPS, ...shape] : shape, dtype));
      const outputs = looped(tensors, has, apply);
      return !inside(outputs) && holds(outputs, name);
    });
    expect(moved).not.toEqual([]);
  });

  test.each(cases.map((item, i) => [i, item] as const))("gives what the steps give, %i", async (_, item) => {
    const { inputs, apply, has } = item;
    const values = inputs.map((value, i) => (has[i] ? steps(value) : Array<HostTensor>(STEPS).fill(value)));
    const fed = values.map((all, i) => (has[i] ? stacked(all) : (all[0] ?? stacked(all))));
    const got = await evaluate(fed, (tensors) => composed(looped(tensors, has, apply)));
    const each = await Promise.all(
      Array.from({ length: STEPS }, (_, t) =>
        evaluate(
          values.map((all) => all[t] ?? stacked(all)),
          (tensors) => composed(apply(tensors)),
        ),
      ),
    );
    for (const [j, result] of got.entries()) {
      const expected = stacked(each.map((outputs) => outputs[j] ?? stacked([])));
      requireClose(`output ${j}`, result, expected, result.dtype === "f32" ? reordered : double);
    }
  });
});
