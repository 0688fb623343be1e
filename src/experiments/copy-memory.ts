/**
 * The copy memory task (Hochreiter & Schmidhuber 1997; Arjovsky, Shah & Bengio 2016): ten symbols out of eight, a pause of T
 * steps, and the symbols are to be repeated. Whoever guesses recalls one in eight.
 *
 * B rows · T steps of the pause · S = T + 20 steps in all · K = 10 kinds: blank, eight symbols, "now"
 */
import { z } from "zod";
import { crossEntropy } from "../nn/index.ts";
import { curves } from "../pictures/index.ts";
import { type HostTensor, stream } from "../runtime/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { CELLS, type CellName, widthFor } from "./cells.ts";
import type { Experiment, ExperimentWatch } from "./experiment.ts";
import { type Exercise, reader, trained } from "./fitting.ts";
import { comparison, mean, numberList, numbersIn, upTo } from "./options.ts";

const options = z.strictObject({
  lags: numberList("1,5,10,20,50,100,200").describe("steps between the symbols and their repetition"),
  ...comparison,
});
type Options = z.output<typeof options>;

const [SYMBOLS, KINDS, NOW] = [10, 10, 9];
/** Sequences that are only measured. */
const MEASURED = 256;
/** Who recalls less has forgotten. */
const FORGOTTEN = 0.2;

/** x [B, S, K] of ones and zeros, and what is to be said at each step [B, S]. */
export function copyBatch(B: number, T: number, seed: number, step: number): { x: HostTensor; targets: HostTensor } {
  const S = T + 2 * SYMBOLS;
  const symbols = stream(seed, step, "copying").integers(B * SYMBOLS, 8);
  const [x, targets] = [new Float32Array(B * S * KINDS), new Int32Array(B * S)];
  for (let b = 0; b < B; b++)
    for (let t = 0; t < S; t++) {
      const symbol = (i: number) => 1 + (symbols[b * SYMBOLS + i] ?? 0);
      const shown = t < SYMBOLS ? symbol(t) : t === T + SYMBOLS - 1 ? NOW : 0;
      x[(b * S + t) * KINDS + shown] = 1;
      if (t >= T + SYMBOLS) targets[b * S + t] = symbol(t - T - SYMBOLS);
    }
  return {
    x: { data: x, shape: [B, S, KINDS], dtype: "f32" },
    targets: { data: targets, shape: [B, S], dtype: "i32" },
  };
}

/** What one cell recalls at one lag. */
interface Row {
  readonly cell: CellName;
  readonly lag: number;
  readonly recall: number;
  /** By seed. */
  readonly all: readonly number[];
}

const modelOf = (cell: CellName, H: number, chosen: Options) => reader(cell, [KINDS, H, KINDS], chosen);

/** The share of symbols that are repeated: the last steps of logits [B, S, K] and targets [B, S]. */
const recall = (logits: Tensor, targets: Tensor): Tensor =>
  logits.slice(1, -SYMBOLS).argMax(-1).cast("i32").equal(targets.slice(1, -SYMBOLS)).cast("f32").mean();

async function recallOf(cell: CellName, T: number, seed: number, chosen: Options, watch: ExperimentWatch) {
  const model = modelOf(
    cell,
    widthFor(chosen.parameters, (H) => modelOf(cell, H, chosen)),
    chosen,
  );
  const exercise: Exercise<ReturnType<typeof copyBatch>> = {
    name: `${cell}, lag ${T}`,
    batch: (step) => copyBatch(chosen.batch, T, seed, step),
    loss: ({ x, targets }) => crossEntropy(model(x), targets),
    metrics: ({ x, targets }) => ({ recall: recall(model(x), targets) }),
  };
  await using fitted = await trained(model, exercise, { ...chosen, seed }, watch);
  const found = await fitted.evaluate(copyBatch(MEASURED, T, seed, 0));
  return found.recall ?? Number.NaN;
}

/** Recall at rising lags, up to the first at which everything is forgotten. */
async function until(cell: CellName, lags: readonly number[], chosen: Options, watch: ExperimentWatch) {
  const rows = [];
  for (const T of lags) {
    const all = [];
    for (const seed of upTo(chosen.seeds)) all.push(await recallOf(cell, T, seed, chosen, watch));
    rows.push({ cell, lag: T, recall: mean(all), all });
    if (mean(all) < FORGOTTEN) break;
  }
  return rows;
}

export const copyMemory: Experiment<typeof options> = {
  name: "copy-memory",
  about: "over how many steps an RNN, an LSTM and a GRU of equal size remember ten symbols",
  source: "Arjovsky, Shah & Bengio 2016; Bai, Kolter & Koltun 2018",
  options,
  async run(chosen, watch) {
    const lags = numbersIn("lags", chosen.lags, 1, 5000).sort((a, b) => a - b);
    const table: Row[] = [];
    for (const cell of CELLS) table.push(...(await until(cell, lags, chosen, watch)));
    const ends = CELLS.map((name) => {
      const forgotten = table.find(({ cell, recall }) => cell === name && recall < FORGOTTEN);
      return `${name} ${forgotten ? `at lag ${forgotten.lag}` : `not within ${Math.max(...lags)}`}`;
    });
    const drawn = curves(
      "copy memory: recall by lag",
      CELLS.map((name) => ({
        name,
        points: table.filter(({ cell }) => cell === name).map(({ lag, recall }) => [lag, recall] as const),
      })),
      { x: "steps between the symbols and their repetition", y: "share of symbols recalled" },
    );
    return {
      summary: `recall falls under 20 %, where guessing has 12.5 %: ${ends.join(", ")}`,
      table: table.map(({ all: _, ...row }) => row),
      values: { results: table },
      picture: drawn ?? "",
    };
  },
};
