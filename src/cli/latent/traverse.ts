/** `descent traverse`: one dimension of a code after the other. */
import { change } from "../../tasks/latent.ts";
import { flagsOf } from "../flags.ts";
import { counted } from "../format.ts";
import type { Interruption } from "../interruption.ts";
import type { IO } from "../io.ts";
import { inputOf, type LatentFlags, withLatent } from "./open.ts";
import { put, requireOutput, textsIn } from "./output.ts";

/** Rows that are looked at. */
const MOST_ROWS = 32;

/** What each row is of, and how much it changes. */
const table = (dimensions: readonly { readonly dimension: number; readonly change: number }[]): string =>
  [["dimension", "change"], ...dimensions.map(({ dimension, change }) => [dimension, change.toFixed(4)])]
    .map(([name, value]) => `${String(name).padStart(9)}${String(value).padStart(10)}\n`)
    .join("");

export const traverse = (
  run: string,
  a: string | undefined,
  flags: LatentFlags,
  io: IO,
  stop: Interruption,
): Promise<void> =>
  withLatent("traverse", run, flags, io, stop, async (latent) => {
    const { codes, predictor, watch } = latent;
    const out = await requireOutput(latent, "traverse");
    const given = a === undefined ? undefined : inputOf(latent, a);
    const named = flags.dimensions as readonly number[] | undefined;
    const made = await predictor.traverse(given, { ...flagsOf(codes.traverse, flags), ...watch });
    const rows = made.map((row, i) => ({ row, dimension: named?.[i] ?? i, change: change(row) }));
    if (!named) rows.sort((one, other) => other.change - one.change || one.dimension - other.dimension);
    const kept = rows.slice(0, Number(flags.rows ?? (named ? rows.length : MOST_ROWS)));
    const dimensions = kept.map(({ dimension, change, row }) => ({
      dimension,
      change: Number(change.toPrecision(4)),
      ...textsIn(row),
    }));
    const texts = typeof made[0]?.[0] === "string";
    const [from, to] = [flags.from ?? -3, flags.to ?? 3];
    const what = `${kept.length < made.length ? `${kept.length} of ` : ""}${counted(made.length, "row")} from ${from} to ${to}${a === undefined ? "" : ` around the code of ${a}`}`;
    const event = { run, start: a ?? null, from, to, steps: kept[0]?.row.length ?? 0, dimensions };
    const all = kept.map(({ row }) => row);
    if (!flags.json) io.out(table(dimensions));
    await put(texts ? all.map((row) => [row]) : [all], out, { what, event }, latent);
  });
