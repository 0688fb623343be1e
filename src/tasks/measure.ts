/** Scores of a model over a data set. */
import { type Dataset, spread } from "../data/index.ts";
import type { Head, Heads } from "../models/index.ts";
import { type Feeds, type GraphOptions, zerosOf } from "../runtime/index.ts";
import { type BatchSpecs, fixSizes } from "../train/index.ts";
import { RowProgram } from "./batched.ts";
import { carriedSpecs, carryThrough } from "./carried.ts";
import type { Measured, Problem, Scorer } from "./task.ts";

/** A model whose scores can be taken with any values, or with the weights it was compiled with. */
export interface Measurement {
  /** Scores over all of `data`, or over `most` examples spread over it, and what can be drawn of them. */
  run(values: Feeds, data: Dataset<unknown>, most?: number): Promise<Measured>;
  release(): Promise<void>;
}

/** Examples of like length side by side, so that little is padded. */
function inOrder(data: Dataset<unknown>, most: number): number[] {
  const indices = spread(data.size, most);
  const { length } = data;
  return length ? indices.sort((a, b) => length(a) - length(b)) : indices;
}

/** Examples in batches, and what comes of each. */
interface Reading {
  readonly data: Dataset<unknown>;
  readonly scorer: Scorer<unknown>;
  readonly most: number;
  /** `numbers` are those of the examples in the data. */
  readonly run: (examples: readonly unknown[], carried: Feeds, numbers: readonly number[]) => Promise<Feeds>;
}

async function inBatches({ data, scorer, most, run }: Reading, batch: number): Promise<void> {
  const indices = inOrder(data, most);
  for (let from = 0; from < indices.length; from += batch) {
    const numbers = indices.slice(from, from + batch);
    const examples = numbers.map((index) => data.at(index));
    scorer.add(examples, await run(examples, {}, numbers));
  }
}

/** Streams that are measured side by side: a number of its own, so that scores do not depend on the size of a batch. */
const STREAMS = 16;

/** Along as many streams, the last of which may be shorter: its row then reads what does not count. */
async function inStreams({ data, scorer, most, run }: Reading, carried: BatchSpecs): Promise<void> {
  const length = Math.ceil(data.size / STREAMS);
  const rows = Math.ceil(data.size / length);
  let state: Feeds = mapValues(fixSizes(carried, { B: rows }), zerosOf);
  for (let column = 0; column < Math.min(length, Math.ceil(most / rows)); column++) {
    const indices = Array.from({ length: rows }, (_, row) => row * length + column);
    const examples = indices.map((index) => data.at(index < data.size ? index : 0));
    const results = await run(examples, state, indices);
    scorer.add(examples.slice(0, indices.filter((index) => index < data.size).length), results);
    state = mapValues(carried, (_, name) => results[name] as Feeds[string]);
  }
}

const mapValues = <A, B>(record: Readonly<Record<string, A>>, change: (value: A, name: string) => B) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]));

/** Compiles what `problem` measures of `model`, without training's noise. */
export async function measurement<H extends Head>(
  problem: Problem<H>,
  model: Heads[H],
  batch: number,
  run: GraphOptions,
): Promise<Measurement> {
  const carried = carriedSpecs(problem, model);
  const names = new Set(Object.keys(carried));
  const program = await RowProgram.create(
    model.parts,
    { ...problem.batch, ...carried },
    (all) => {
      const entries = Object.entries(all);
      const { carry, after } = carryThrough(Object.fromEntries(entries.filter(([name]) => names.has(name))));
      const rows = Object.fromEntries(entries.filter(([name]) => !names.has(name)));
      return { ...problem.measure(model, rows, carry), ...after };
    },
    run,
  );
  return {
    async run(values, data, most = Number.POSITIVE_INFINITY) {
      const scorer = problem.scorer();
      const each = (examples: readonly unknown[], state: Feeds, numbers: readonly number[]) =>
        program.run({ ...problem.collate(examples), ...state }, values, numbers);
      const reading = { data, scorer, most, run: each };
      await (problem.order === "streams" ? inStreams(reading, carried) : inBatches(reading, batch));
      return {
        scores: scorer.scores(),
        pictures: scorer.pictures?.() ?? {},
        calibration: scorer.calibration?.(),
      };
    },
    release: () => program.release(),
  };
}
