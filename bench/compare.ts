/**
 * Descent beside the peers: for each row all of them make their steps in turns, A B C A B C ..., while the others wait,
 * so that what slows the machine for a while slows all of them.
 */
import { writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import type { Device } from "../src/runtime/index.ts";
import { type Contestant, contestants, descent, missing, type Peak, Peer, type Ready } from "./peer.ts";
import { median, percent, show, table } from "./table.ts";

export interface CompareOptions {
  readonly device: Device;
  readonly threads: number;
  readonly rows: readonly string[];
  readonly peers: readonly string[];
  readonly rounds: number;
  /** How long any answer may take. */
  readonly limitMs: number;
  /** File for everything measured. */
  readonly json?: string | undefined;
}

/** About how long a turn takes; at least one step, at most `MOST` steps. */
const TURN_MS = 400;
const MOST = 25;
/** Steps longer than this are made in `FEW` rounds only. */
const SLOW_MS = 3000;
const FEW = 3;
/** Thread pools wait actively for less than this after their last work. */
const SETTLE_MS = 60;

/** One peer at one row: ready with its turns, or the reason why not. */
interface Entry {
  readonly contestant: Contestant;
  readonly peer?: Peer;
  readonly ready?: Ready;
  error?: string;
  steps: number;
  rounds: number;
  peakMB: number;
  /** Median step of each round. */
  readonly turns: number[];
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Starts a peer, makes its row ready, and finds out how many steps fill a turn. */
async function enter(
  contestant: Contestant,
  row: string,
  { device, threads, limitMs, rounds }: CompareOptions,
): Promise<Entry> {
  const entry: Entry = { contestant, steps: 1, rounds, peakMB: Number.NaN, turns: [] };
  const lacking = missing(contestant);
  if (lacking) return { ...entry, error: lacking };
  const peer = new Peer(contestant, threads, limitMs);
  try {
    const ready = await peer.ready({ row, threads, mode: contestant.mode, ...(contestant === descent && { device }) });
    const { ms, peakMB } = await peer.go(2);
    const step = Math.min(...ms);
    const steps = Math.min(MOST, Math.max(1, Math.round(TURN_MS / step)));
    return { ...entry, peer, ready, steps, peakMB, rounds: step > SLOW_MS ? Math.min(FEW, rounds) : rounds };
  } catch (error) {
    await peer.stop();
    return { ...entry, error: message(error) };
  }
}

async function turn(entry: Entry): Promise<void> {
  if (!entry.peer || entry.error) return;
  await wait(SETTLE_MS);
  try {
    const { ms, peakMB } = await entry.peer.go(entry.steps);
    entry.turns.push(median(ms));
    entry.peakMB = peakMB;
  } catch (error) {
    entry.error = message(error);
  }
}

/** All rounds of one row. */
async function measure(row: string, options: CompareOptions, taking: readonly Contestant[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  try {
    for (const contestant of taking) {
      note(`${row}: ${contestant.name} gets ready`);
      entries.push(await enter(contestant, row, options));
    }
    for (let round = 0; round < options.rounds; round++) {
      note(`${row}: round ${round + 1} of ${options.rounds}`);
      for (const entry of entries) if (round < entry.rounds) await turn(entry);
    }
  } finally {
    for (const { peer } of entries) await peer?.stop();
    note("");
  }
  return entries;
}

/** Progress on one line, on a terminal only. */
function note(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Median over rounds of Descent's step by the peer's, in the same round. */
const ratio = (ours: readonly number[], theirs: readonly number[]): number =>
  median(theirs.slice(0, ours.length).map((ms, round) => (ours[round] ?? Number.NaN) / ms));

/** The largest relative difference of losses, step by step. */
const lossDifference = (ours: readonly number[], theirs: readonly number[]): number =>
  Math.max(...theirs.slice(0, ours.length).map((loss, i) => Math.abs(loss - (ours[i] ?? Number.NaN)) / Math.abs(loss)));

/** What the table says of an entry. */
interface Line {
  readonly row: string;
  readonly peer: string;
  readonly error?: string | undefined;
  readonly note?: string | undefined;
  readonly stepMs: number;
  /** Descent's step by this one's: below 1 Descent is faster. */
  readonly ratio: number;
  readonly perSecond?: number | undefined;
  readonly gflops?: number | undefined;
  readonly ofPeak?: number | undefined;
  readonly compileMs?: number | undefined;
  readonly peakMB: number;
  readonly lossDifference?: number | undefined;
  readonly turns: readonly number[];
}

function lineOf(row: string, entry: Entry, ours: Entry | undefined, peak: Peak | undefined): Line {
  const { contestant, ready, error, turns, peakMB } = entry;
  const stepMs = median(turns);
  const { flops, tokens } = ours?.ready ?? {};
  const gflops = flops === undefined ? undefined : flops / stepMs / 1e6;
  const most = peak?.fmaGflops ?? peak?.matmulGflops;
  return {
    row,
    peer: contestant.name,
    error,
    note: ready?.note,
    stepMs,
    ratio: ratio(ours?.turns ?? [], turns),
    perSecond: tokens === undefined ? undefined : (tokens / stepMs) * 1000,
    gflops,
    ofPeak: gflops === undefined || most === undefined ? undefined : gflops / most,
    compileMs: ready?.compileMs,
    peakMB,
    lossDifference: ready && ours?.ready ? lossDifference(ours.ready.losses, ready.losses) : undefined,
    turns,
  };
}

const header = [
  "row",
  "peer",
  "step ms",
  "Descent / it",
  "tokens/s",
  "GFLOP/s",
  "of peak",
  "compile ms",
  "peak MB",
  "loss differs by",
];

function cells(line: Line): string[] {
  const { row, peer, stepMs, ratio, perSecond, gflops, ofPeak, compileMs, peakMB, lossDifference } = line;
  const measured = line.turns.length > 0;
  return [
    row,
    peer,
    ...[stepMs, ratio, perSecond === undefined ? undefined : Math.round(perSecond), gflops].map(show),
    measured ? percent(ofPeak) : "-",
    show(compileMs === undefined ? undefined : Math.round(compileMs)),
    show(Math.round(peakMB)),
    lossDifference === undefined ? "-" : lossDifference === 0 ? "0" : lossDifference.toExponential(0),
  ];
}

async function machinePeak({ threads, limitMs }: CompareOptions, taking: readonly Contestant[]) {
  const torch = taking.find(({ name }) => name.startsWith("torch"));
  if (!torch || missing(torch)) return undefined;
  const peer = new Peer(torch, threads, limitMs);
  try {
    return await peer.peak();
  } finally {
    await peer.stop();
  }
}

/** Measures and prints. */
export async function compare(options: CompareOptions): Promise<void> {
  const taking = [descent, ...contestants.filter(({ name }) => options.peers.includes(name))];
  const peak = await machinePeak(options, taking);
  if (peak) console.log(peakLine(peak, options.threads));
  const lines: Line[] = [];
  for (const row of options.rows) {
    const entries = await measure(row, options, taking);
    const ours = entries.find(({ contestant }) => contestant === descent);
    lines.push(...entries.map((entry) => lineOf(row, entry, ours, peak)));
    if (options.json) writeFileSync(options.json, `${JSON.stringify({ options, peak, lines }, null, 2)}\n`);
  }
  console.log(`\n${table(header, lines.map(cells), 2)}\n`);
  console.log(
    "Descent / it: median over rounds of Descent's step by the peer's in the same round; below 1 Descent is faster.",
  );
  for (const complaint of complaints(lines)) console.log(complaint);
}

const peakLine = ({ fmaGflops, matmulGflops }: Peak, threads: number): string =>
  `Peak with ${threads} threads: ${show(fmaGflops)} GFLOP/s of multiply-adds, ${show(matmulGflops)} in PyTorch's matrix product.`;

/** What went wrong, each reason once. */
function complaints(lines: readonly Line[]): string[] {
  const failed = lines.filter(({ error }) => error).map(({ row, peer, error }) => [`${peer}: ${error}`, row] as const);
  const reasons = new Map<string, string[]>();
  for (const [reason, row] of failed) reasons.set(reason, [...(reasons.get(reason) ?? []), row]);
  return [...reasons].map(([reason, rows]) => `${reason} (${rows.join(", ")})`);
}
