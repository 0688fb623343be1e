/**
 * How a loss at the end of a sequence depends on the hidden state at each step before.
 *
 * B rows · T steps · I input width · H hidden width
 */
import { gradient, scan } from "../graph/index.ts";
import { namedParameters } from "../nn/index.ts";
import { curves } from "../pictures/index.ts";
import { compile, type Feeds, type HostTensor, initialValues, stream } from "../runtime/index.ts";
import { input } from "../tensor/index.ts";
import { CELLS, type CellName, type CellOptions, cellOf } from "./cells.ts";
import type { ExperimentWatch } from "./experiment.ts";
import { upTo } from "./options.ts";
import { scaleToRadius } from "./radius.ts";

/** What is measured. */
export interface Flow extends CellOptions {
  readonly length: number;
  readonly hidden: number;
  readonly batch: number;
  /** Deviation of the inputs, which are normal. */
  readonly scale: number;
  /** The spectral radius that recurrent matrices are scaled to; as torch.nn initialises them if left out. */
  readonly radius?: number | undefined;
}

/** Width of the inputs. */
const I = 8;

function normal(shape: readonly number[], scale: number, seed: number, site: string): HostTensor {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  stream(seed, 0, site).fillNormal(data);
  return { data: data.map((value) => value * scale), shape, dtype: "f32" };
}

/** Initial values of a cell, its recurrent matrices scaled. */
function valuesOf(parts: object, { hidden: H, radius }: Flow, seed: number): Feeds {
  const values = initialValues(namedParameters(parts), seed);
  if (radius !== undefined) scaleToRadius(values.weight_hh?.data as Float32Array, H, radius);
  return values;
}

/**
 * ‖∂L/∂h‖ at lags 0 to T-1 before the end, geometric means over the rows, where L = v·h at the last step and v is normal.
 * The hidden state of each step gets a zero added to it, whose gradient is that of the state.
 */
export async function gradientFlow(
  name: CellName,
  flow: Flow,
  seed: number,
  { threads, signal }: ExperimentWatch,
): Promise<number[]> {
  const { length: T, hidden: H, batch: B, scale } = flow;
  const cell = cellOf(name, I, H, flow);
  const [xs, nudges, v] = [input("xs", [B, T, I]), input("nudges", [B, T, H]), input("v", [B, H])];
  const [last] = scan(
    (state, { x, nudge }: { x: typeof xs; nudge: typeof xs }) => {
      const next = cell.step(state, x, nudge);
      return [next, cell.hidden(next)];
    },
    cell.first(B),
    { x: xs, nudge: nudges },
  );
  const [found] = gradient(cell.hidden(last).mul(v).sum(), [nudges]);
  if (!found) throw new Error("internal: no gradient");
  const parameters = namedParameters(cell.parts);
  await using program = await compile({ xs, nudges, v, ...parameters }, { found }, threads ? { threads } : {});
  signal?.throwIfAborted();
  const { found: gradients } = await program.run({
    xs: normal([B, T, I], scale, seed, "inputs"),
    nudges: { data: new Float32Array(B * T * H), shape: [B, T, H], dtype: "f32" },
    v: normal([B, H], 1, seed, "direction"),
    ...valuesOf(cell.parts, flow, seed),
  });
  return byLag(gradients.data as Float32Array, B, T);
}

/** Gradients [B, T, H] -> geometric means over the rows of their norms, the last step first. Squares of float32 may be 0. */
function byLag(gradients: Float32Array, B: number, T: number): number[] {
  const H = gradients.length / (B * T);
  const norm = (b: number, t: number) => Math.hypot(...gradients.subarray((b * T + t) * H, (b * T + t + 1) * H));
  return Array.from({ length: T }, (_, lag) => {
    const logs = Array.from({ length: B }, (_, b) => Math.log(norm(b, T - 1 - lag)));
    return Math.exp(logs.reduce((a, b) => a + b, 0) / B);
  });
}

/** The factor per step that best fits norms over lags: least squares in the logarithm. Lags with a norm of 0 are left out. */
export function factorPerStep(norms: readonly number[]): number {
  const points = norms.flatMap((norm, lag) =>
    norm > 0 && Number.isFinite(norm) ? [[lag, Math.log(norm)] as const] : [],
  );
  const mean = (k: 0 | 1) => points.reduce((sum, point) => sum + point[k], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const slope =
    points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
  return Math.exp(slope);
}

/** Means of several lists of numbers, in the logarithm. */
const geometricMeans = (lists: readonly (readonly number[])[]): number[] =>
  (lists[0] ?? []).map((_, i) => Math.exp(lists.reduce((sum, list) => sum + Math.log(list[i] ?? 0), 0) / lists.length));

/** Norms by lag of every cell, geometric means over the seeds. `what` is said of the steps while they are computed. */
export async function gradientFlows(
  flow: Flow & { readonly seeds: number },
  what: string,
  watch: ExperimentWatch,
): Promise<Record<CellName, number[]>> {
  const norms: Partial<Record<CellName, number[]>> = {};
  for (const cell of CELLS) {
    watch.onNote?.(`gradients through ${flow.length} steps of ${cell}${what}`);
    const all = [];
    for (const seed of upTo(flow.seeds)) all.push(await gradientFlow(cell, flow, seed, watch));
    norms[cell] = geometricMeans(all);
  }
  return norms as Record<CellName, number[]>;
}

/** A curve of norms by lag for each cell, as SVG. */
export const flowPicture = (title: string, norms: Readonly<Record<CellName, number[]>>): string =>
  curves(
    title,
    CELLS.map((cell) => ({ name: cell, points: norms[cell].map((norm, lag) => [lag, norm] as const) })),
    { x: "steps before the loss", y: "norm of the gradient", log: true },
  ) ?? "";
