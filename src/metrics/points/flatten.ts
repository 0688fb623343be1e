/**
 * Points of many dimensions in a plane: by their two strongest principal components, or so that neighbours stay neighbours (UMAP,
 * McInnes, Healy & Melville 2018, by umap-js).
 *
 * N points · D dimensions
 */
import { DataError } from "../../errors.ts";
import { requireOptions } from "../../nn/arguments.ts";
import { stream } from "../../runtime/random.ts";
import { requireSignal } from "../../schema.ts";
import { pca } from "./pca.ts";
import { type Points, requirePoints, type Table, tableOf } from "./points.ts";
import { strongest } from "./strongest.ts";
import { turn } from "./turn.ts";

/** How points come into a plane. */
export interface FlattenOptions {
  /** Default: points of one or two dimensions as they are, others by `"pca"`. */
  readonly how?: "pca" | "umap";
  /** Of `"umap"`; default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/** Points in a plane. */
export interface Flat {
  /** [N, 2], row by row. */
  readonly at: Float64Array;
  /** What the axes show. */
  readonly axes: readonly [across: string, up: string];
}

/** As many as umap-js arranges in less than a minute. */
export const MOST_OF_UMAP = 5000;
const NEIGHBOURS = 15;

/** Uniform numbers of a stream, one after the other. */
function uniform(seed: number): () => number {
  const numbers = stream(seed, 0, "umap");
  const block = new Float64Array(1024);
  let used = 0;
  return () => {
    if (used % block.length === 0) numbers.fillUniform(block, used);
    return block[used++ % block.length] ?? 0;
  };
}

async function byUmap({ N, D, at }: Table, seed: number, signal?: AbortSignal): Promise<Flat> {
  if (N < 4 || N > MOST_OF_UMAP)
    throw new DataError(`flatten: expected 4 to ${MOST_OF_UMAP} points for umap, got ${N}; give so many, or use pca`);
  const { UMAP } = await import("umap-js");
  const umap = new UMAP({ nComponents: 2, nNeighbors: Math.min(NEIGHBOURS, N - 1), random: uniform(seed) });
  const epochs = umap.initializeFit(Array.from({ length: N }, (_, n) => Array.from(at.subarray(n * D, (n + 1) * D))));
  for (let epoch = 0; epoch < epochs; epoch++) {
    umap.step();
    await turn(signal);
  }
  return { at: Float64Array.from(umap.getEmbedding().flat()), axes: ["UMAP 1", "UMAP 2"] };
}

const percent = (share: number | undefined): string => `${Math.round(100 * (share ?? 0))} % of the variance`;

/** More dimensions than this take minutes, unless only the strongest components are looked for. */
const MANY = 256;

function byComponents(points: Points, table: Table): Flat {
  const found = table.D > MANY ? strongest(table, 2) : pca(points, 2);
  const { shares } = found;
  const at = "at" in found ? found.at : found.project(points);
  return { at, axes: [`component 1, ${percent(shares[0])}`, `component 2, ${percent(shares[1])}`] };
}

/** Points of one or two dimensions as they are. */
function asTheyAre({ N, D, at }: Table): Flat {
  if (D === 2) return { at, axes: ["dimension 0", "dimension 1"] };
  return {
    at: Float64Array.from({ length: 2 * N }, (_, i) => (i % 2 === 0 ? (at[i / 2] ?? 0) : 0)),
    axes: ["dimension 0", ""],
  };
}

/**
 * Points [N, D] in a plane, deterministic by seed. Throws ConfigError, DataError where there are too few or, for `"umap"`, too many, and
 * the signal's reason.
 */
export async function flatten(points: Points, options: FlattenOptions = {}): Promise<Flat> {
  requireOptions("flatten", options, { how: ["pca", "umap"], seed: "number", signal: "any" });
  const { how, seed = 0, signal } = options;
  requireSignal(signal, "flatten");
  const table = tableOf("flatten", points);
  requirePoints("flatten", table);
  if (how === "umap") return byUmap(table, seed, signal);
  return table.D <= 2 ? asTheyAre(table) : byComponents(points, table);
}
