/** A claim about models, measured: what a textbook says of them, as numbers that anybody can make again. */
import type { z } from "zod";
import type { Json } from "../checkpoint/index.ts";

/** How an experiment is watched and stopped. */
export interface ExperimentWatch {
  readonly signal?: AbortSignal | undefined;
  /** A line about what is being done. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Threads inside one operation. Default: all processors. */
  readonly threads?: number | undefined;
}

/** A row of a table by the names of its columns. */
export type Result = Readonly<Record<string, string | number>>;

/** What came out. */
export interface Findings {
  /** What the numbers say, in a sentence. */
  readonly summary: string;
  /** Rows with the same columns. */
  readonly table: readonly Result[];
  /** All that was measured. */
  readonly values: Json;
  /** SVG text. */
  readonly picture: string;
}

/** One experiment. `S` is the schema of its options. */
export interface Experiment<S extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  /** One line for help: the question. */
  readonly about: string;
  /** What it is based on. */
  readonly source: string;
  readonly options: S;
  /** Equal options give equal numbers, times aside. */
  run(options: z.output<S>, watch: ExperimentWatch): Promise<Findings>;
}
