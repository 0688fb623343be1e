/**
 * The adding problem (Hochreiter & Schmidhuber 1997): of T random numbers two are marked, one in each half, and the answer
 * is their sum. Whoever always answers 1 has a mean squared error of 1/6.
 *
 * B rows · T steps
 */
import { z } from "zod";
import { meanSquaredError } from "../nn/index.ts";
import { curves } from "../pictures/index.ts";
import { type HostTensor, stream } from "../runtime/index.ts";
import { CELLS, type CellName, parameterCount, widthFor } from "./cells.ts";
import type { Experiment, ExperimentWatch } from "./experiment.ts";
import { type Exercise, lastStep, reader, trained } from "./fitting.ts";
import { comparison, mean, numberList, numbersIn, upTo } from "./options.ts";

const options = z.strictObject({
  lengths: numberList("50,100,200").describe("lengths of the sequences"),
  ...comparison,
});
type Options = z.output<typeof options>;

/** Sequences that are only measured. */
const MEASURED = 512;

/** x [B, T, 2], numbers in [0, 1) and marks, and their sums [B, 1]. */
export function addingBatch(B: number, T: number, seed: number, step: number): { x: HostTensor; sums: HostTensor } {
  const draw = stream(seed, step, "adding");
  const given = draw.fillUniform(new Float32Array(B * T));
  const half = Math.floor(T / 2);
  const [early, late] = [draw.integers(B, half), draw.integers(B, T - half)];
  const [x, sums] = [new Float32Array(B * T * 2), new Float32Array(B)];
  for (let i = 0; i < B * T; i++) x[2 * i] = given[i] ?? 0;
  for (let b = 0; b < B; b++)
    for (const t of [early[b] ?? 0, half + (late[b] ?? 0)]) {
      x[2 * (b * T + t) + 1] = 1;
      sums[b] = (sums[b] ?? 0) + (given[b * T + t] ?? 0);
    }
  return { x: { data: x, shape: [B, T, 2], dtype: "f32" }, sums: { data: sums, shape: [B, 1], dtype: "f32" } };
}

/** What one cell reaches at one length. */
interface Row {
  readonly cell: CellName;
  readonly length: number;
  readonly error: number;
  readonly width: number;
  readonly parameters: number;
  /** By seed. */
  readonly errors: readonly number[];
}

const modelOf = (cell: CellName, H: number, chosen: Options) => reader(cell, [2, H, 1], chosen);

/** The mean squared error of a trained cell on sequences of length T it has not seen. */
async function errorOf(cell: CellName, T: number, seed: number, chosen: Options, watch: ExperimentWatch) {
  const model = modelOf(
    cell,
    widthFor(chosen.parameters, (H) => modelOf(cell, H, chosen)),
    chosen,
  );
  const exercise: Exercise<ReturnType<typeof addingBatch>> = {
    name: `${cell}, length ${T}`,
    batch: (step) => addingBatch(chosen.batch, T, seed, step),
    loss: ({ x, sums }) => meanSquaredError(lastStep(model(x)), sums),
  };
  await using fitted = await trained(model, exercise, { ...chosen, seed }, watch);
  const { loss = Number.NaN } = await fitted.evaluate(addingBatch(MEASURED, T, seed, 0));
  return loss;
}

export const addingProblem: Experiment<typeof options> = {
  name: "adding-problem",
  about: "whether an RNN, an LSTM and a GRU of equal size add two numbers that lie far apart",
  source: "Hochreiter & Schmidhuber 1997; Bai, Kolter & Koltun 2018",
  options,
  async run(chosen, watch) {
    const lengths = numbersIn("lengths", chosen.lengths, 2, 5000);
    const table: Row[] = [];
    for (const cell of CELLS)
      for (const T of lengths) {
        const errors = [];
        for (const seed of upTo(chosen.seeds)) errors.push(await errorOf(cell, T, seed, chosen, watch));
        const width = widthFor(chosen.parameters, (H) => modelOf(cell, H, chosen));
        const size = { width, parameters: parameterCount(modelOf(cell, width, chosen)) };
        table.push({ cell, length: T, error: mean(errors), ...size, errors });
      }
    const longest = Math.max(...lengths);
    const said = table
      .filter(({ length }) => length === longest)
      .map(({ cell, error }) => `${cell} ${error.toFixed(4)}`);
    const drawn = curves(
      "adding problem: mean squared error by length",
      CELLS.map((name) => ({
        name,
        points: table.filter(({ cell }) => cell === name).map(({ length, error }) => [length, error] as const),
      })),
      { x: "length of the sequence", y: "mean squared error", log: true },
    );
    return {
      summary: `mean squared error at length ${longest}, where always answering 1 has 0.1667: ${said.join(", ")}`,
      table: table.map(({ errors: _, ...row }) => row),
      values: { results: table },
      picture: drawn ?? "",
    };
  },
};
