/** What cells compute with their options, against the formulas written as loops over numbers. */
import { describe, expect, test } from "vitest";
import { simplify, sortNodes } from "../../src/graph/index.ts";
import { GRU, GRUCell, LSTM, LSTMCell, namedParameters } from "../../src/nn/index.ts";
import { compile, type HostTensor } from "../../src/runtime/index.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import { type CellForm, type CellWeights, gruNumbers, lstmNumbers } from "../support/cells.ts";
import { host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { forward } from "../tolerances.ts";

const [B, I, H] = [3, 2, 4];

/** The rows of [n, width]. */
const rowsOf = ({ data, shape }: HostTensor): number[][] => {
  const width = shape.at(-1) ?? 1;
  return Array.from({ length: data.length / width }, (_, b) => numbersOf(data.slice(b * width, (b + 1) * width)));
};
/** Rows as they are, and vectors as one row. */
const numbered = (weights: Readonly<Record<string, HostTensor>>): CellWeights =>
  Object.fromEntries(
    Object.entries(weights).map(([key, value]) => [
      key,
      value.shape.length === 1 ? numbersOf(value.data) : rowsOf(value),
    ]),
  ) as unknown as CellWeights;

const h = uniform(1, [B, H], -2, 2, "f32");
const c = uniform(2, [B, H], -2, 2, "f32");
const x = uniform(3, [B, I], -3, 3, "f32");

/** `outputs` of a cell whose weights are large enough for its gates to be closed and open. */
async function run(
  cell: object,
  inputs: Readonly<Record<string, HostTensor>>,
  step: (given: Record<string, Tensor>) => object,
) {
  const parameters = namedParameters(cell);
  const names = Object.keys(inputs);
  const given = Object.fromEntries(names.map((name) => [name, input(name, inputs[name]?.shape ?? [])]));
  const weights = Object.fromEntries(
    Object.entries(parameters).map(([key, { shape }], i) => [key, uniform(i + 5, shape.map(Number), -2, 2, "f32")]),
  );
  const next = Object.entries(step(given)).map(([key, value]) => [`next_${key}`, value as Tensor]);
  const program = await compile({ ...given, ...parameters }, Object.fromEntries(next), { threads: 1 });
  return { outputs: await program.run({ ...inputs, ...weights }), weights: numbered(weights) };
}

const rows = [0, 1, 2];
const forms: CellForm[] = [{}, { recurrentActivation: "hard-sigmoid" }];

describe.each(forms)("%j", (form) => {
  test.each<CellForm>([form, { ...form, forgetBias: 1 }])("LSTMCell %j", async (options) => {
    const cell = LSTMCell(I, H, options);
    const { outputs, weights } = await run(cell, { h, c, x }, ({ h, c, x }) => cell({ h, c } as never, x as Tensor)[0]);
    const expected = rows.map((b) =>
      lstmNumbers(options, weights, rowsOf(h)[b] ?? [], rowsOf(c)[b] ?? [], rowsOf(x)[b] ?? []),
    );
    requireClose(
      "h'",
      outputs.next_h,
      host(
        expected.flatMap(([next]) => next),
        [B, H],
      ),
      forward,
    );
    requireClose(
      "c'",
      outputs.next_c,
      host(
        expected.flatMap(([, next]) => next),
        [B, H],
      ),
      forward,
    );
  });

  test.each(["after", "before"] as const)("GRUCell, reset %s", async (reset) => {
    const options = { ...form, reset };
    const cell = GRUCell(I, H, options);
    const { outputs, weights } = await run(cell, { h, x }, ({ h, x }) => ({ h: cell(h as Tensor, x as Tensor)[0] }));
    const expected = rows.flatMap((b) => gruNumbers(options, weights, rowsOf(h)[b] ?? [], rowsOf(x)[b] ?? []));
    requireClose("h'", outputs.next_h, host(expected, [B, H]), forward);
  });
});

test("a cell with another activation of its gates is not the engine's", () => {
  const hard = { recurrentActivation: "hard-sigmoid" } as const;
  const operations = (layer: (xs: Tensor) => readonly [Tensor, unknown]) =>
    sortNodes(simplify([layer(input("x", [B, 3, I]))[0]], true)).map(({ op }) => op);
  expect(operations(LSTM(I, H, hard))).not.toContain("recurrence");
  expect(operations(GRU(I, H, hard))).not.toContain("recurrence");
  expect(operations(GRU(I, H, { recurrentActivation: "sigmoid" }))).toContain("recurrence");
});

test("an activation that is none is refused", () => {
  expect(() => LSTM(I, H, { recurrentActivation: "tanh" as never })).toThrow(
    'LSTM: expected recurrentActivation to be "sigmoid" or "hard-sigmoid", got "tanh"',
  );
});
