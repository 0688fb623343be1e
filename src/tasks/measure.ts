/** Scores of a model over a data set. */
import { type Dataset, spread } from "../data/index.ts";
import type { Head, Heads } from "../models/index.ts";
import type { Feeds, GraphOptions } from "../runtime/index.ts";
import type { Scores } from "../train/index.ts";
import { RowProgram } from "./batched.ts";
import type { Pictures, Problem } from "./task.ts";

/** What was measured of a model. */
export interface Measured {
  readonly scores: Scores;
  readonly pictures: Pictures;
}

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

/** Compiles what `problem` measures of `model`, without training's noise. */
export async function measurement<H extends Head>(
  problem: Problem<H>,
  model: Heads[H],
  batch: number,
  run: GraphOptions,
): Promise<Measurement> {
  const program = await RowProgram.create(model.parts, problem.batch, (rows) => problem.measure(model, rows), run);
  return {
    async run(values, data, most = Number.POSITIVE_INFINITY) {
      const indices = inOrder(data, most);
      const scorer = problem.scorer();
      for (let from = 0; from < indices.length; from += batch) {
        const examples = indices.slice(from, from + batch).map((index) => data.at(index));
        scorer.add(examples, await program.run(problem.collate(examples), values));
      }
      return { scores: scorer.scores(), pictures: scorer.pictures?.() ?? {} };
    },
    release: () => program.release(),
  };
}
