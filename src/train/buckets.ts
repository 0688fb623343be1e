/** Programs for batches of several sizes: each set of sizes is traced and compiled when it comes for the first time. */
import { z } from "zod";
import { ConfigError, nearest, ShapeError } from "../errors.ts";
import { checkFeed, type Feeds, type Program } from "../runtime/index.ts";
import { checked, requireRecord, whole } from "../schema.ts";
import type { Feeder } from "./feeder.ts";
import type { BatchSpecs } from "./plan.ts";

/** A step's graph for one set of sizes. */
export interface Bucket {
  readonly program: Program;
  readonly feeder: Feeder;
  readonly reached: readonly string[];
}

/** Programs that are kept; the one that was used the longest time ago goes first. */
const MOST = 16;

export type Sizes = Readonly<Record<string, number>>;

/** The named sizes of `specs`. */
export const namedSizes = (specs: BatchSpecs): string[] => [
  ...new Set(Object.values(specs).flatMap(({ shape }) => shape.filter((dim) => typeof dim === "string"))),
];

/** The sizes that a batch has. Throws ConfigError for a surplus feed, ShapeError for one that does not fit. */
function sizesOf(specs: BatchSpecs, feeds: Feeds): Sizes {
  requireRecord(feeds, "step: a batch");
  const surplus = Object.keys(feeds).find((name) => !Object.hasOwn(specs, name));
  if (surplus !== undefined)
    throw new ConfigError(
      `step: feed "${surplus}" is not in the batch${nearest(surplus, Object.keys(specs))}; leave it out or add it to batch`,
    );
  const sizes: Record<string, number> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const { shape } = checkFeed(name, spec, feeds[name]);
    for (const [axis, dim] of spec.shape.entries()) {
      const size = shape[axis] ?? 0;
      if (typeof dim === "string" && (sizes[dim] ?? size) !== size)
        throw new ShapeError(
          `step: "${dim}" is ${size} in "${name}" and ${sizes[dim]} in another feed; feed the same size`,
        );
      if (typeof dim === "string") sizes[dim] = size;
    }
  }
  return sizes;
}

/** Throws ConfigError for what are no sizes of `specs` by name. */
export function requireSizes(specs: BatchSpecs, sizes: Sizes): void {
  const size = whole(1, Number.MAX_SAFE_INTEGER).optional();
  checked(z.strictObject(Object.fromEntries(namedSizes(specs).map((name) => [name, size]))), sizes, "step: sizes");
}

/** `specs` with numbers for names. */
export const fixSizes = (specs: BatchSpecs, sizes: Sizes): BatchSpecs =>
  Object.fromEntries(
    Object.entries(specs).map(([name, { shape, dtype }]) => [
      name,
      { shape: shape.map((dim) => (typeof dim === "string" ? (sizes[dim] ?? dim) : dim)), dtype },
    ]),
  );

export class Buckets {
  readonly #specs: BatchSpecs;
  readonly #make: (batch: BatchSpecs) => Promise<Bucket>;
  readonly #made = new Map<string, Bucket>();
  constructor(specs: BatchSpecs, make: (batch: BatchSpecs) => Promise<Bucket>) {
    this.#specs = specs;
    this.#make = make;
  }

  /** The program for the sizes of `feeds`. */
  async of(feeds: Feeds): Promise<Bucket> {
    return this.at(sizesOf(this.#specs, feeds));
  }

  /** The program for `sizes`. */
  async at(sizes: Sizes): Promise<Bucket> {
    const batch = fixSizes(this.#specs, sizes);
    const missing = namedSizes(batch)[0];
    if (missing !== undefined)
      throw new ConfigError(`step: expected a number for the size ${missing}, got none; give it`);
    const key = JSON.stringify(batch);
    const bucket = this.#made.get(key) ?? (await this.#make(batch));
    this.#made.delete(key);
    this.#made.set(key, bucket); // the last one is the newest
    const [oldest] = this.#made.keys();
    if (this.#made.size > MOST && oldest !== undefined) {
      await this.#made.get(oldest)?.program.release();
      this.#made.delete(oldest);
    }
    return bucket;
  }

  /** The one that was used last. */
  get last(): Bucket | undefined {
    return [...this.#made.values()].at(-1);
  }

  async release(): Promise<void> {
    const buckets = [...this.#made.values()];
    this.#made.clear();
    await Promise.all(buckets.map(({ program }) => program.release()));
  }
}
