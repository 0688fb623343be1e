/** `descent embed`: codes as a table or an array, and as points in a plane. */
import { writeAtomic } from "../../checkpoint/node-files.ts";
import { writeNpy } from "../../data/index.ts";
import { ConfigError, DataError, nearest, quoted } from "../../errors.ts";
import { flatten, MOST_OF_UMAP } from "../../metrics/points/index.ts";
import { plane } from "../../pictures/index.ts";
import type { Coded } from "../../tasks/latent.ts";
import { flagsOf } from "../flags.ts";
import { counted, grouped } from "../format.ts";
import type { Interruption } from "../interruption.ts";
import { emit, type IO } from "../io.ts";
import { evenly, inputsIn, type Latent, type LatentFlags, withLatent } from "./open.ts";
import { requireFile } from "./output.ts";

const FORMATS = ["csv", "npy"] as const;
/** Between notes of how far it is. */
const NOTED = 500;
const WAYS = ["pca", "umap"] as const;

function oneOf<K extends string>(flag: string, known: readonly K[], given: unknown): K | undefined {
  if (given === undefined) return undefined;
  const found = known.find((name) => name === given);
  if (found !== undefined) return found;
  throw new ConfigError(
    `${flag}: expected ${known.join(" or ")}, got ${quoted(String(given))}${nearest(String(given), known)}`,
  );
}

/** The kind of file that is asked for. Throws ConfigError. */
function formatFor({ out, format }: LatentFlags): (typeof FORMATS)[number] {
  const named = oneOf("--format", FORMATS, format);
  const ending = FORMATS.find((known) => out?.toLowerCase().endsWith(`.${known}`));
  if (named === undefined && ending === undefined && out !== undefined)
    throw new ConfigError(
      `--out: expected a file that ends in .csv or .npy, got ${JSON.stringify(out)}; or say --format`,
    );
  if (named === "npy" && out === undefined)
    throw new ConfigError("--format npy: it is no text; name a file with --out");
  return named ?? ending ?? "csv";
}

/** A cell of a csv file (RFC 4180). */
const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** A number of f32 in as many digits as tell it from its neighbours. */
const digits = (value: number): string => String(Number(value.toPrecision(9)));

const nameOf = ({ name, text }: Coded): string => name ?? text ?? "";

/** A line of names, and one for each code: what it is of, its label where there are labels, its numbers. */
function csv(coded: readonly Coded[], numbers = true): string {
  const [first] = coded;
  const labelled = coded.some(({ label }) => label !== undefined);
  const head = [
    first?.text === undefined ? "name" : "text",
    ...(labelled ? ["label"] : []),
    ...(numbers ? (first?.code ?? []).map((_, l) => `z${l}`) : []),
  ];
  const rows = coded.map((one) => [
    cell(nameOf(one)),
    ...(labelled ? [cell(one.label ?? "")] : []),
    ...(numbers ? one.code.map(digits) : []),
  ]);
  return [head, ...rows].map((row) => `${row.join(",")}\n`).join("");
}

const arrayOf = (coded: readonly Coded[]) => {
  const L = coded[0]?.code.length ?? 0;
  const data = new Float32Array(coded.length * L);
  for (const [i, { code }] of coded.entries()) data.set(code, i * L);
  return { data, shape: [coded.length, L], dtype: "f32" } as const;
};

const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Codes as an SVG, by principal components or UMAP. */
async function drawn(coded: readonly Coded[], { run, flags, notes, watch, io }: Latent): Promise<string> {
  const how = oneOf("--by", WAYS, flags.by);
  const shown = evenly(coded, MOST_OF_UMAP);
  const least = how === "umap" ? 4 : 2;
  if (shown.length < least)
    throw new DataError(`--plot: expected at least ${least} codes, got ${shown.length}; give more pictures or texts`);
  if (shown.length < coded.length && !flags.quiet)
    io.err(`plot: ${grouped(shown.length)} of ${grouped(coded.length)} points, evenly chosen\n`);
  if (how === "umap") notes.show(`umap: arranging ${grouped(shown.length)} points`);
  const { at, axes } = await flatten(arrayOf(shown), {
    ...(how && { how }),
    ...{ seed: Number(flags.seed ?? 0), signal: watch.signal },
  });
  const spots = shown.map(({ label }, i) => ({ x: at[2 * i] ?? 0, y: at[2 * i + 1] ?? 0, label }));
  return plane(`${run}: ${grouped(shown.length)} codes`, spots, axes) ?? "";
}

export const embed = (
  run: string,
  files: readonly string[],
  flags: LatentFlags,
  io: IO,
  stop: Interruption,
): Promise<void> =>
  withLatent("embed", run, flags, io, stop, async (latent) => {
    const format = formatFor(flags);
    oneOf("--by", WAYS, flags.by);
    const [out, plot] = [flags.out, flags.plot as string | undefined];
    if (out !== undefined) await requireFile("--out", out);
    if (plot !== undefined) await requireFile("--plot", plot, ".svg");
    const coded = await codesOf(latent, files);
    const svg = plot === undefined ? "" : await drawn(coded, latent);
    const said: string[] = [];
    if (out !== undefined) said.push(...(await write(out, format, coded)));
    if (plot !== undefined) {
      await writeAtomic(plot, [encoded(svg)]);
      said.push(`plane -> ${plot}`);
    }
    latent.notes.clear();
    if (flags.json) for (const one of coded) emit(io, one);
    else io.out(said.length > 0 ? said.map((line) => `${line}\n`).join("") : csv(coded));
  });

async function codesOf(latent: Latent, files: readonly string[]): Promise<Coded[]> {
  const { codes, predictor, flags, notes, watch } = latent;
  const inputs = await inputsIn(latent, files);
  const coded: Coded[] = [];
  for await (const one of predictor.embed(inputs, { ...flagsOf(codes.embed, flags), ...watch })) {
    coded.push(one);
    if (coded.length % NOTED === 0) notes.show(`codes: ${grouped(coded.length)} of ${grouped(inputs.length)}`);
  }
  return coded;
}

/** Writes codes; beside an array, which holds nothing but numbers, a table of what they are of. */
async function write(out: string, format: (typeof FORMATS)[number], coded: readonly Coded[]): Promise<string[]> {
  const what = `${counted(coded.length, "code")} of ${counted(coded[0]?.code.length ?? 0, "dimension")}`;
  if (format === "csv") {
    await writeAtomic(out, [encoded(csv(coded))]);
    return [`${what} -> ${out}`];
  }
  const names = `${out.replace(/\.npy$/i, "")}.names.csv`;
  await writeAtomic(out, [writeNpy(arrayOf(coded))]);
  await writeAtomic(names, [encoded(csv(coded, false))]);
  return [`${what} -> ${out}`, `what they are of -> ${names}`];
}
