/** What goes from batch to batch where a problem reads its examples as streams: buffers in training, inputs while measuring. */
import { ConfigError } from "../errors.ts";
import type { Spec } from "../graph/index.ts";
import type { Head, Heads } from "../models/index.ts";
import { constantInit, update } from "../nn/index.ts";
import type { Named } from "../onnx/index.ts";
import { buffer, type Tensor } from "../tensor/index.ts";
import { type BatchSpecs, fixSizes, mapNames } from "../train/index.ts";
import type { Carry, Problem } from "./task.ts";

const PREFIX = "carried.";
const plain = (name: string): string => name.slice(PREFIX.length);

/** The specs of what is carried, with rows "B", by the names that it has in a graph. */
export const carriedSpecs = <H extends Head>(problem: Problem<H>, model: Heads[H]): BatchSpecs =>
  mapNames(problem.carried?.(model) ?? {}, (name) => PREFIX + name);

/** Buffers for what is carried along `rows` streams, by the names that they have in a graph. */
export function carriedBuffers<H extends Head>(problem: Problem<H>, model: Heads[H], rows: number): Named {
  const specs = Object.entries(fixSizes(carriedSpecs(problem, model), { B: rows }));
  return Object.fromEntries(specs.map(([name, spec]) => [name, bufferOf(name, spec)]));
}

function bufferOf(name: string, { shape, dtype }: Spec): Tensor {
  if (dtype !== "bool") return buffer(shape.map(Number), constantInit(0), dtype);
  throw new ConfigError(
    `${name}: expected numbers to carry from batch to batch, got bool; cast them with .cast("i32")`,
  );
}

/** Each buffer takes the value that goes on. */
export const carryIn = (buffers: Named): Carry => ({
  before: mapNames(buffers, plain),
  next: (values) => {
    for (const [name, value] of Object.entries(values)) update(buffers[PREFIX + name] as Tensor, value);
  },
});

/** What comes in as inputs by the names of a graph, and all that goes on, by the same. */
export function carryThrough(inputs: Named): { carry: Carry; after: Named } {
  const after: Record<string, Tensor> = {};
  const next = (values: Named) =>
    void Object.assign(
      after,
      mapNames(values, (name) => PREFIX + name),
    );
  return { carry: { before: mapNames(inputs, plain), next }, after };
}
