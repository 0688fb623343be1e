/** A task as one file: from a table of numbers a, b and y, a model that gives y for any a and b. */
import { z } from "zod";
import { type Dataset, divided, listed, type Row, readTable, type Source, textDigest } from "../../src/data/index.ts";
import { DataError } from "../../src/errors.ts";
import { meanSquaredError } from "../../src/nn/index.ts";
import { type Feeds, type HostTensor, stream } from "../../src/runtime/index.ts";
import { checked, real, whole } from "../../src/schema.ts";
import { grouped, RowProgram, rowOf } from "../../src/tasks/batched.ts";
import type { Predictor, Problem, Task } from "../../src/tasks/index.ts";

const options = z.strictObject({
  target: z.string().default("y").describe("column of the product"),
  share: real(0.1, 0.9).default(0.5).describe("share that is only measured"),
});
type Options = z.output<typeof options>;

const prediction = z.strictObject({ digits: whole(0, 10).default(3).describe("digits after the point") });

interface Product {
  readonly a: number;
  readonly b: number;
  readonly y: number;
}

function numberIn(row: Row, column: string): number {
  const value = Number(row[column] === "" ? Number.NaN : row[column]);
  if (Number.isFinite(value)) return value;
  throw new DataError(`products: expected a number as ${column}, got ${JSON.stringify(row[column]) ?? "nothing"}`);
}

const f32 = (numbers: readonly number[], shape: readonly number[]): HostTensor => ({
  data: Float32Array.from(numbers),
  shape,
  dtype: "f32",
});
const inputs = (rows: readonly { a: number; b: number }[]): Feeds => ({
  x1: f32(
    rows.map(({ a }) => a),
    [rows.length, 1],
  ),
  x2: f32(
    rows.map(({ b }) => b),
    [rows.length, 1],
  ),
});

function problem({ target, share }: Options): Problem<"pairs", Product, "x1" | "x2" | "y"> {
  const read = async (source: Source): Promise<Dataset<Product>> => {
    const { rows } = await readTable(source, ["a", "b", target]);
    const read = rows.map((row) => ({ a: numberIn(row, "a"), b: numberIn(row, "b"), y: numberIn(row, target) }));
    return listed(read, textDigest(JSON.stringify(read)));
  };
  return {
    config: { width: 1 },
    files: {},
    async split(train, validation, seed) {
      const data = await read(train);
      if (validation) return { train: data, validation: await read(validation) };
      const [first, rest] = divided(data, share, stream(seed, 0, "split").permutation(data.size));
      return { train: first, validation: rest };
    },
    examples: read,
    order: "epochs",
    batch: {
      x1: { shape: ["B", 1], dtype: "f32" },
      x2: { shape: ["B", 1], dtype: "f32" },
      y: { shape: ["B"], dtype: "f32" },
    },
    collate: (rows) => ({
      ...inputs(rows),
      y: f32(
        rows.map(({ y }) => y),
        [rows.length],
      ),
    }),
    loss: (model, { x1, x2, y }) => meanSquaredError(model.forward({ x1, x2 }).y, y),
    measure: (model, { x1, x2 }) => ({ product: model.forward({ x1, x2 }).y }),
    scorer() {
      const errors: number[] = [];
      return {
        add: (rows, { product }) => void errors.push(...rows.map(({ y }, i) => (Number(product?.data[i]) - y) ** 2)),
        scores: () => ({ mse: errors.reduce((a, b) => a + b, 0) / errors.length }),
      };
    },
    async open(model, weights, run): Promise<Predictor<Row, { product: number }>> {
      const program = await RowProgram.create(
        model.parts,
        model.inputs,
        (batch) => ({ ...model.forward(batch as never) }),
        { ...run, weights },
      );
      return {
        async *predict(given, { signal, onProgress: _, ...rest } = {}) {
          const { digits } = checked(prediction, rest, "option");
          for await (const group of grouped(given, 16)) {
            signal?.throwIfAborted();
            const rows = group.map((row) => ({ a: numberIn(row, "a"), b: numberIn(row, "b") }));
            const { y } = await program.run(inputs(rows));
            for (const i of rows.keys()) yield { product: Number((y && rowOf(y, i)[0])?.toFixed(digits)) };
          }
        },
        line: ({ product }) => String(product),
        release: () => program.release(),
        [Symbol.asyncDispose]: () => program.release(),
      };
    },
  };
}

export const products: Task<"pairs", Product, typeof options, "x1" | "x2" | "y"> = {
  name: "products",
  about: "a number from two numbers",
  head: "pairs",
  options,
  prediction,
  defaults: { epochs: 80, batch: 8, lr: 0.1 },
  unit: "pairs",
  scores: { mse: "lower" },
  best: "mse",
  learn: async (_, chosen) => problem(chosen),
  reopen: async (_, chosen) => problem(chosen),
};
