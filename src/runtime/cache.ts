/**
 * Keys and values on the host that grow by what each run gives. The size "S" of a spec counts places; a run takes all of
 * them in and gives the new ones out, which are written behind those that each row has. Nothing else moves: engines that
 * are given a result's place (1.30) still return copies of it, and for a whole cache that costs more than the attention.
 */
import type { Spec } from "../graph/index.ts";
import { type Engine, nextName, type OrtTensor, toOrt } from "./session.ts";

/** Places are made so many at a time; what is not filled is computed with in vain. */
const PLACES = 64;
/** From so many numbers on, copying them at once beats a loop. */
const RUN = 64;

/** What lies together: rows · before runs of `size` · after numbers. */
interface Layout {
  readonly before: number;
  readonly after: number;
}

interface Entry extends Layout {
  readonly spec: Spec;
  data: Float32Array;
}

const product = (sizes: readonly unknown[]): number => sizes.reduce((a: number, size) => a * Number(size), 1);

function layoutOf({ shape }: Spec): Layout {
  const axis = shape.indexOf("S");
  return { before: product(shape.slice(1, axis)), after: product(shape.slice(axis + 1)) };
}

export const isCache = ({ shape }: Spec): boolean => shape.includes("S");

export class Cache {
  readonly #engine: Engine;
  #rows: number;
  readonly #entries = new Map<string, Entry>();
  #places = 1;

  /** Room for `rows` rows of what `specs` name, [B, .., S, ..] of f32. */
  constructor(engine: Engine, specs: Readonly<Record<string, Spec>>, rows: number) {
    this.#engine = engine;
    this.#rows = rows;
    for (const [name, spec] of Object.entries(specs)) {
      const layout = layoutOf(spec);
      this.#entries.set(name, { spec, ...layout, data: new Float32Array(rows * layout.before * layout.after) });
    }
  }

  /** What is fed, by name. */
  get inputs(): Record<string, OrtTensor> {
    const sizes: Readonly<Record<string, number>> = { B: this.#rows, S: this.#places };
    const fed = [...this.#entries].map(([name, { spec, data }]) => {
      const shape = spec.shape.map((dim) => (typeof dim === "number" ? dim : (sizes[dim] ?? 0)));
      return [name, toOrt(this.#engine, { data, shape, dtype: spec.dtype })];
    });
    return Object.fromEntries(fed);
  }

  /** Writes the first `counts` of each row's new values behind the `filled` places that it has. */
  append(results: Readonly<Record<string, OrtTensor>>, filled: Int32Array, counts: Int32Array): void {
    this.#reserve(Math.max(...filled.map((places, row) => places + (counts[row] ?? 0))));
    for (const [name, entry] of this.#entries) {
      const next = results[nextName(name)];
      if (!next) throw new Error(`internal: the run gave nothing new for ${name}`);
      const width = next.size / (this.#rows * entry.before * entry.after);
      const source = { data: next.data as Float32Array, width };
      for (let row = 0; row < this.#rows; row++)
        copyRow(source, { data: entry.data, width: this.#places }, entry, {
          row,
          at: filled[row] ?? 0,
          count: counts[row] ?? 0,
        });
    }
  }

  /** Row i becomes what row rows[i] was; there are as many rows as these. */
  take(rows: Int32Array): void {
    for (const entry of this.#entries.values()) {
      const size = entry.before * this.#places * entry.after;
      const data = new Float32Array(rows.length * size);
      for (const [i, row] of rows.entries()) data.set(entry.data.subarray(row * size, (row + 1) * size), i * size);
      entry.data = data;
    }
    this.#rows = rows.length;
  }

  #reserve(places: number): void {
    if (places <= this.#places) return;
    const width = Math.ceil(places / PLACES) * PLACES;
    for (const entry of this.#entries.values()) {
      const data = new Float32Array(this.#rows * entry.before * width * entry.after);
      for (let row = 0; row < this.#rows; row++)
        copyRow({ data: entry.data, width: this.#places }, { data, width }, entry, { row, at: 0, count: this.#places });
      entry.data = data;
    }
    this.#places = width;
  }
}

interface Numbers {
  readonly data: Float32Array;
  /** Places of a row. */
  readonly width: number;
}

/** The first `count` places of a row, to the places from `at` on. */
function copyRow(
  from: Numbers,
  to: Numbers,
  { before, after }: Layout,
  { row, at, count }: { row: number; at: number; count: number },
): void {
  const length = count * after;
  for (let run = row * before; run < (row + 1) * before; run++) {
    const [source, target] = [run * from.width * after, (run * to.width + at) * after];
    if (length >= RUN) to.data.set(from.data.subarray(source, source + length), target);
    else for (let i = 0; i < length; i++) to.data[target + i] = from.data[source + i] as number;
  }
}
