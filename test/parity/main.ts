/**
 * Small checkpoints of every `model_type`, made by transformers from any seed, against what is computed here:
 *
 *   npm run parity -- --python VENV [--seed 1] [--only llama,llama-yarn] [--keep FOLDER] [--texts 1000] [--data FOLDER]
 *
 * Logits within 1e-4, padded on either side too, 64 greedy tokens after three prompts equal, gradients of every parameter
 * within 1e-3 of its largest, 12 texts by beams, penalties and draws of given numbers equal, log p of their tokens within
 * 1e-4, and the checkpoint written here gives transformers the same logits. Then tokenizers of the
 * published kinds, trained on random words, and with --data published vocabularies: the ids of random texts are those of
 * the Python library. Prints tables, and ends with 1 where something is off. What is made, `rows.py` and `fuzzed_text.py` list.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LIMITS, type Measured, measure, openCheckpoint, type Row, saveBack } from "./compare.ts";
import { agreements } from "./tokenizers.ts";

const { values: given } = parseArgs({
  options: {
    python: { type: "string" },
    seed: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    keep: { type: "string" },
    texts: { type: "string", default: "1000" },
    data: { type: "string" },
  },
});

const TEXTS = fileURLToPath(new URL("fuzzed_text.py", import.meta.url));
const SCRIPT = fileURLToPath(new URL("checkpoints.py", import.meta.url));

function interpreter(venv: string | undefined): string {
  const path = venv === undefined ? "" : join(venv, "bin", "python");
  if (existsSync(path)) return path;
  throw new Error(`--python: expected a virtual environment with torch and transformers, got ${venv ?? "none"}`);
}

/** What was found of one checkpoint: numbers, or why there are none. */
interface Found {
  readonly row: Row;
  readonly measured: readonly Measured[];
  readonly failure?: string;
}

async function examine(row: Row, folder: string): Promise<Found> {
  try {
    const checkpoint = await openCheckpoint(join(folder, row.name), row.kind);
    const measured = await measure(checkpoint, row.kind);
    await saveBack(checkpoint);
    return { row, measured };
  } catch (error) {
    return { row, measured: [], failure: error instanceof Error ? error.message : String(error) };
  }
}

interface Checked {
  readonly name: string;
  readonly logits: number;
  readonly odd: readonly string[];
}

/** What transformers says of what was written back, by name. */
function checked(python: string, folder: string): Map<string, Checked> {
  const lines = execFileSync(python, [SCRIPT, "check", folder], { encoding: "utf8" }).trim().split("\n");
  return new Map(
    lines.filter(Boolean).map((line) => [(JSON.parse(line) as Checked).name, JSON.parse(line) as Checked]),
  );
}

const isOff = ({ value, limit }: Measured): boolean => !(value <= limit);
const shown = (measured: Measured | undefined): string => {
  if (!measured) return "";
  const { value } = measured;
  return `${Number.isInteger(value) ? value : value.toExponential(1)}${isOff(measured) ? " !" : ""}`;
};

/** The check of what was written back as one more measurement. */
const savedOf = ({ logits, odd }: Checked): Measured => ({
  what: "saved",
  value: odd.length > 0 ? Number.POSITIVE_INFINITY : logits,
  limit: LIMITS.logits,
});

/** Rows of cells with columns of equal width. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

const COLUMNS = [
  "logits",
  "loss",
  "gradients",
  "padded left",
  "padded right",
  "greedy, of 192 wrong",
  "beams and draws, of 12 wrong",
  "log p",
  "beam, of 72 wrong",
  "saved",
];

const COUNTS = ["texts", "ids", "decoded", "said"] as const;

/** How many tokenizers give other ids. */
async function compareTokenizers(python: string, folder: string): Promise<number> {
  const more = given.data === undefined ? [] : ["--data", given.data];
  const options = ["--seed", given.seed, "--strings", given.texts, ...more];
  execFileSync(python, [TEXTS, folder, ...options], { stdio: ["ignore", "inherit", "inherit"] });
  const found = await agreements(folder);
  const cells = found.map(({ name, ...counts }) => [name, ...COUNTS.map((key) => String(counts[key]))]);
  console.log(aligned([["tokenizer", "texts", "same ids", "same text back", "same text of random ids"], ...cells]));
  for (const { name, example } of found) if (example) console.log(`${name}: ${example}`);
  return found.filter(({ texts, ids }) => ids < texts).length;
}

/** How many checkpoints are off. */
async function compareCheckpoints(python: string, folder: string): Promise<number> {
  const only = given.only ? ["--only", given.only] : [];
  execFileSync(python, [SCRIPT, "make", folder, "--seed", given.seed, ...only], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const rows = JSON.parse(readFileSync(join(folder, "rows.json"), "utf8")) as Row[];
  const found: Found[] = [];
  for (const row of rows) found.push(await examine(row, folder));
  const saved = checked(python, folder);
  const all = found.map(({ row, measured, failure }) => {
    const check = saved.get(row.name);
    return { row, failure, measured: check ? [...measured, savedOf(check)] : measured };
  });
  const cells = all.map(({ row, measured }) => [
    row.name,
    String(row.parameters),
    row.form,
    ...COLUMNS.map((column) => shown(measured.find(({ what }) => what === column))),
  ]);
  console.log(aligned([["checkpoint", "parameters", "stored as", ...COLUMNS], ...cells]));
  for (const { row, failure } of all) if (failure) console.log(`${row.name}: ${failure}`);
  const wrong = all.filter(
    ({ measured, failure }) => failure || !measured.some(({ what }) => what === "saved") || measured.some(isOff),
  );
  console.log(`${rows.length} checkpoints of seed ${given.seed}, ${wrong.length} off`);
  return wrong.length;
}

async function main(): Promise<number> {
  const python = interpreter(given.python);
  const folder = given.keep ?? mkdtempSync(join(tmpdir(), "descent-parity-"));
  const wrong = await compareCheckpoints(python, folder);
  const other = given.only ? 0 : await compareTokenizers(python, join(folder, "tokenizers"));
  if (given.keep === undefined) rmSync(folder, { recursive: true });
  return wrong + other > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
