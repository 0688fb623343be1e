/** What was made, where a person finds it: pictures as a grid in a PNG, texts as lines. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { reason, writeAtomic } from "../../checkpoint/node-files.ts";
import { encodePng, grid, type Picture, resized } from "../../data/index.ts";
import { CheckpointError, ConfigError } from "../../errors.ts";
import type { Made } from "../../tasks/latent.ts";
import { emit } from "../io.ts";
import type { Latent } from "./open.ts";

/** Throws ConfigError for another ending, CheckpointError where no file of that name can be written: before anything is computed. */
export async function requireFile(flag: string, path: string, ...endings: readonly string[]): Promise<void> {
  if (endings.length > 0 && !endings.some((ending) => path.toLowerCase().endsWith(ending)))
    throw new ConfigError(`${flag}: expected a file that ends in ${endings.join(" or ")}, got ${JSON.stringify(path)}`);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw new CheckpointError(`${flag} ${path}: it is a folder; name a file in it`);
  await access(dirname(path), constants.W_OK).catch((cause: unknown) => {
    throw new CheckpointError(`${flag} ${path}: ${dirname(path)}: ${reason(cause)}; name a file in a folder of yours`, {
      cause,
    });
  });
}

/** Rows of what was made that stand together, as long as each other but for the last. */
type Block<M extends Made> = readonly (readonly M[])[];

/** Pixels of the longer side of a picture that can be looked at, and of a grid at most. */
const [SEEN, LARGEST] = [64, 8192];

/** How often pixels are repeated unless somebody says. */
function scaleFor({ width, height }: Picture, whole: Picture): number {
  const wish = Math.ceil(SEEN / Math.max(width, height));
  return Math.max(1, Math.min(wish, Math.floor(LARGEST / Math.max(whole.width, whole.height))));
}

/** Where pictures go, and how large they became. */
interface Drawn {
  readonly out: string;
  readonly width: number;
  readonly height: number;
  readonly scale: number;
}

/** Pixels between pictures of a block, and between blocks, before they are enlarged. */
const [GAP, WIDE_GAP] = [1, 4];

async function drawGrid(path: string, blocks: readonly Block<Picture>[], given: unknown): Promise<Drawn> {
  const parts = blocks.map((rows) => grid(rows.flat(), rows[0]?.length ?? 1, GAP));
  const whole = grid(parts, 1, WIDE_GAP);
  const scale = typeof given === "number" ? given : scaleFor(blocks[0]?.[0]?.[0] ?? whole, whole);
  const large = resized(whole, whole.width * scale, whole.height * scale, "nearest");
  await writeAtomic(path, [await encodePng(large)]);
  return { out: path, width: large.width, height: large.height, scale };
}

/** A text on each line, a blank one between blocks. */
const lines = (blocks: readonly Block<string>[]): string =>
  blocks.map((rows) => `${rows.flat().join("\n")}\n`).join("\n");

async function putTexts(blocks: readonly Block<string>[], { flags, io }: Latent): Promise<{ out?: string }> {
  const { out } = flags;
  if (out === undefined) {
    if (!flags.json) io.out(lines(blocks));
    return {};
  }
  await writeAtomic(out, [new TextEncoder().encode(lines(blocks))]);
  return { out };
}

/** The texts of what was made, for JSON; pictures are in a file. */
export function textsIn(made: readonly Made[]): { texts?: string[] } {
  const texts = made.filter((one) => typeof one === "string");
  return texts.length > 0 ? { texts } : {};
}

/** Where what a verb makes goes, unless somebody says. */
export async function requireOutput({ run, flags, task }: Latent, verb: string): Promise<string> {
  const path = flags.out ?? join(run, `${verb}.png`);
  if (task.reads === "files") await requireFile("--out", path, ".png");
  else if (flags.out !== undefined) await requireFile("--out", path);
  return path;
}

/**
 * Writes blocks of what was made, and says on standard output where: `what` it is, or with --json everything of `event`. Texts go to
 * standard output where no file is named.
 */
export async function put(
  blocks: readonly Block<Made>[],
  path: string,
  { what, event }: { readonly what: string; readonly event: object },
  latent: Latent,
): Promise<void> {
  const { flags, io, notes } = latent;
  const only = <M extends Made>(is: (made: Made) => made is M) =>
    blocks.map((rows) => rows.map((row) => row.filter(is)));
  const texts = only((made) => typeof made === "string");
  const ofTexts = texts.flat(2).length > 0;
  const placed = ofTexts
    ? await putTexts(texts, latent)
    : await drawGrid(
        path,
        only((made) => typeof made !== "string"),
        flags.scale,
      );
  notes.clear();
  if (flags.json) emit(io, { ...event, ...placed });
  else if (placed.out !== undefined) io.out(`${what} -> ${placed.out}\n`);
}
