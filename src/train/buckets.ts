/** Programs for batches of several sizes, each compiled when sizes come for which there is none yet. */
import { z } from "zod";
import { ConfigError, nearest, ShapeError } from "../errors.ts";
import { checkFeed, type Feeds, type Program } from "../runtime/index.ts";
import { checked, requireRecord, whole } from "../schema.ts";
import type { Feeder } from "./feeder.ts";
import { type BatchGraph, fixSizes, type Graphs, type Scope, type Sizes } from "./graphs.ts";
import type { BatchSpecs } from "./plan.ts";

/** A step's graph, compiled. */
export interface Bucket {
  readonly scope: Scope;
  readonly program: Program;
  readonly feeder: Feeder;
  readonly reached: readonly string[];
}

/** Programs that are kept; the one that was used the longest time ago goes first. */
const MOST = 16;

/** The named sizes of `specs`. */
export const namedSizes = (specs: BatchSpecs): string[] => [
  ...new Set(Object.values(specs).flatMap(({ shape }) => shape.filter((dim) => typeof dim === "string"))),
];

/** The sizes that a batch has. Throws ConfigError for a surplus feed, ShapeError for one that does not fit. */
export function sizesOf(specs: BatchSpecs, feeds: Feeds): Sizes {
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

export class Buckets {
  readonly #specs: BatchSpecs;
  readonly #graphs: Graphs;
  readonly #compile: (graph: BatchGraph) => Promise<Bucket>;
  readonly #made = new Map<string, Bucket>();
  #first: BatchGraph | undefined;
  #bytes = 0;
  /** `first` is the graph that comes first, where it is known. */
  constructor(specs: BatchSpecs, { graphs, first }: Traced, compile: (graph: BatchGraph) => Promise<Bucket>) {
    this.#specs = specs;
    this.#graphs = graphs;
    this.#first = first;
    this.#compile = compile;
  }

  /** The program for the sizes of `feeds`. */
  async of(feeds: Feeds): Promise<Bucket> {
    return this.at(sizesOf(this.#specs, feeds));
  }

  /** The program for `sizes`. Throws ConfigError where its step needs more memory than there is. */
  async at(sizes: Sizes): Promise<Bucket> {
    const missing = namedSizes(fixSizes(this.#specs, sizes))[0];
    if (missing !== undefined)
      throw new ConfigError(`step: expected a number for the size ${missing}, got none; give it`);
    const known = this.#known(sizes);
    if (known) return this.#use(known, sizes);
    const graph = this.#first ?? this.#graphs.at(sizes);
    this.#first = undefined;
    graph.scope.bytes(sizes); // throws where there is too little memory
    return this.#use(await this.#compile(graph), sizes);
  }

  #known(sizes: Sizes): Bucket | undefined {
    const made = this.#graphs.specs(sizes).map((batch) => this.#made.get(JSON.stringify(batch)));
    return made.find((bucket) => bucket?.scope.serves(sizes));
  }

  async #use(bucket: Bucket, sizes: Sizes): Promise<Bucket> {
    this.#bytes = Math.max(this.#bytes, bucket.scope.bytes(sizes));
    const key = JSON.stringify(bucket.scope.batch);
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

  /** About how many bytes a step needs at its peak, the largest of those sizes that came. */
  get bytes(): number {
    return this.#bytes;
  }

  async release(): Promise<void> {
    const buckets = [...this.#made.values()];
    this.#made.clear();
    await Promise.all(buckets.map(({ program }) => program.release()));
  }
}

/** What programs are made from. */
export interface Traced {
  readonly graphs: Graphs;
  readonly first: BatchGraph | undefined;
}
