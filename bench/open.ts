/**
 * A training step whose number of rows is left open, beside the one that is compiled for that number: the same numbers,
 * in turns in one process. A ratio above 1 says that the open one is slower.
 *
 * Usage: npx unrun bench/open.ts [--rows mlp,lstm] [--rounds 60] [--batch 8] [--width 256] [--threads 2]
 */
import { parseArgs } from "node:util";
import type { Spec } from "../src/graph/index.ts";
import { GRU, LSTM, namedParameters, RNN } from "../src/nn/index.ts";
import { sgd } from "../src/optim/index.ts";
import { type Feeds, initialValues, loadEngine } from "../src/runtime/index.ts";
import type { Tensor } from "../src/tensor/index.ts";
import { createStep, type StepOptions } from "../src/train/index.ts";
import * as shared from "./peers/rows.js";
import { rows, type Sizes } from "./rows.ts";
import { median, show, table } from "./table.ts";

const ROWS = ["mlp", "conv", "rnn", "lstm", "gru", "gpt-4x128"];
const { values: given } = parseArgs({
  options: {
    rows: { type: "string", default: ROWS.join(",") },
    rounds: { type: "string", default: "60" },
    batch: { type: "string" },
    width: { type: "string" },
    threads: { type: "string", default: "2" },
  },
});

interface Work {
  readonly options: StepOptions;
  readonly values: Feeds;
  readonly feeds: Feeds;
  readonly lr: number;
}

const layers = { rnn: RNN, lstm: LSTM, gru: GRU };

/** A layer of the library, and the mean of all its squared outputs. */
function recurrent(kind: keyof typeof layers, sizes: Sizes): Work {
  const { B, T, I, H } = { ...shared.RECURRENT, ...sizes };
  const layer = layers[kind](I, H);
  const parameters = namedParameters(layer);
  const loss = ({ x }: Record<string, Tensor>): Tensor =>
    layer(x as Tensor)[0]
      .pow(2)
      .mean();
  return {
    options: { parameters, batch: { x: { shape: [B, T, I], dtype: "f32" } }, loss, optimizer: sgd() },
    values: initialValues(parameters, 0),
    feeds: { x: { data: shared.uniform([B, T, I], shared.X), shape: [B, T, I], dtype: "f32" } },
    lr: 0.01,
  };
}

function work(name: string, sizes: Sizes): Work {
  if (Object.hasOwn(layers, name)) return recurrent(name as keyof typeof layers, sizes);
  const row = rows[name]?.(sizes);
  if (!row || !("options" in row)) throw new Error(`--rows: no ${name} that trains`);
  return row;
}

const open = (specs: Readonly<Record<string, Spec>>): Record<string, Spec> =>
  Object.fromEntries(
    Object.entries(specs).map(([name, { shape, dtype }]) => [name, { shape: ["B", ...shape.slice(1)], dtype }]),
  );

/** A step with its state and how long it took to make, ms; the second time, when the code that makes it is warm. */
async function made({ options, values }: Work, batch: StepOptions["batch"], B: number) {
  const began = performance.now();
  const sizes: Record<string, number> = Object.values(batch).some(({ shape }) => shape.includes("B")) ? { B } : {};
  const step = await createStep({ ...options, batch }, { weights: values }, { threads: Number(given.threads) }, sizes);
  return { step, ms: performance.now() - began };
}

/** Whether one program serves another number of rows. */
async function isOpen(step: Awaited<ReturnType<typeof createStep>>, B: number): Promise<boolean> {
  const { program } = step;
  await step.prepare({ B: B + 1 });
  return step.program === program;
}

async function compare(name: string): Promise<string[]> {
  const sizes = { ...(given.batch && { B: Number(given.batch) }), ...(given.width && { H: Number(given.width) }) };
  const row = work(name, sizes);
  const B = Object.values(row.feeds)[0]?.shape[0] ?? 1;
  const kinds = [open(row.options.batch), row.options.batch];
  for (const kind of kinds) await (await made(row, kind, B)).step.release();
  const [other, fixed] = [await made(row, kinds[0] ?? {}, B), await made(row, kinds[1] ?? {}, B)];
  const sides = [fixed, other].map((side) => ({ ...side, times: [] as number[], cpu: [] as number[] }));
  const losses = new Map<unknown, number>();
  for (let round = 0; round < Number(given.rounds); round++)
    for (const side of round % 2 ? sides : sides.toReversed()) {
      const [began, used] = [performance.now(), process.cpuUsage()];
      const { loss } = await side.step.run([row.feeds], { step: round + 1, lr: row.lr, seed: 0 });
      if (round < 5) continue;
      const { user, system } = process.cpuUsage(used);
      side.times.push(performance.now() - began);
      side.cpu.push((user + system) / 1000);
      losses.set(side, loss);
    }
  const [a, b] = sides as [(typeof sides)[0], (typeof sides)[0]];
  const ratio = (of: "times" | "cpu") => median(b[of].map((ms, i) => ms / (a[of][i] ?? Number.NaN)));
  const kind = (await isOpen(other.step, B)) ? "yes" : "no";
  await Promise.all(sides.map(({ step }) => step.release()));
  const [x = 0, y = 0] = losses.values();
  return [
    name,
    ...[median(a.times), median(b.times), ratio("times"), ratio("cpu"), fixed.ms, other.ms].map(show),
    `${Math.abs(x - y) / Math.abs(x)}`,
    kind,
  ];
}

await loadEngine("cpu", Number(given.threads));
const lines: string[][] = [];
for (const name of given.rows.split(",")) lines.push(await compare(name));
console.log(
  table(
    [
      "row",
      "fixed ms",
      "open ms",
      "open / fixed",
      "CPU time",
      "compile fixed",
      "compile open",
      "loss differs by",
      "open",
    ],
    lines,
  ),
);
