/**
 * How cost grows with length, width and vocabulary, beside how the mathematics grows. A column headed × is a ratio to
 * the first line of its group; where time grows more than operations, or memory more than what must be kept, it shows.
 */
import { writeFileSync } from "node:fs";
import type { Device } from "../src/runtime/index.ts";
import { descent, Peer, type Ready } from "./peer.ts";
import type { Sizes } from "./rows.ts";
import { median, show, table } from "./table.ts";

export interface GrowthOptions {
  readonly device: Device;
  readonly threads: number;
  readonly limitMs: number;
  readonly json?: string | undefined;
}

interface Group {
  readonly title: string;
  readonly row: string;
  /** What grows, as the column is headed. */
  readonly what: string;
  readonly sizes: readonly (readonly [label: number, sizes: Sizes])[];
}

const grow = (values: readonly number[], sizes: (value: number) => Sizes): Group["sizes"] =>
  values.map((value) => [value, sizes(value)] as const);

const gpt = { row: "gpt-4x128" };
const groups: readonly Group[] = [
  {
    title: "LSTM by steps (batch 32, in 128, hidden 256)",
    row: "lstm",
    what: "T",
    sizes: grow([64, 256, 1024, 4096], (T) => ({ T })),
  },
  {
    title: "GPT by context (4 layers, width 128, batch 12, vocabulary 65)",
    ...gpt,
    what: "context",
    sizes: grow([64, 128, 256, 512, 1024], (T) => ({ T })),
  },
  {
    title: "GPT by width (4 layers, 4 heads, context 64, batch 12, vocabulary 65)",
    ...gpt,
    what: "width",
    sizes: grow([128, 256, 384, 512, 768], (C) => ({ C })),
  },
  {
    title: "GPT by vocabulary (4 layers, width 128, context 64, batch 12)",
    ...gpt,
    what: "vocabulary",
    sizes: grow([65, 1000, 8000, 32000], (V) => ({ V })),
  },
];

const TURN_MS = 3000;
const MOST = 30;
/** Growth beyond the mathematics' that is marked. */
const WORSE = 1.25;

interface Measured {
  readonly label: number;
  readonly stepMs: number;
  readonly peakMB: number;
  readonly ready: Ready;
}

/** One size in a process of its own. */
async function measure(
  row: string,
  label: number,
  sizes: Sizes,
  { device, threads, limitMs }: GrowthOptions,
): Promise<Measured> {
  const peer = new Peer(descent, threads, limitMs);
  try {
    const ready = await peer.ready({ row, sizes, device, threads, warmup: 1 });
    const [probe = TURN_MS] = (await peer.go(1)).ms;
    const { ms, peakMB } = await peer.go(Math.min(MOST, Math.max(3, Math.round(TURN_MS / probe))));
    return { label, stepMs: median(ms), peakMB, ready };
  } finally {
    await peer.stop();
  }
}

const memory = ({ peakMB, ready }: Measured): number => peakMB - (ready.baseMB ?? 0);
const times = (value: number, first: number): string => `${show(value / first)}`;
const mark = (cost: number, mathematics: number): string => (cost / mathematics > WORSE ? " !" : "");

function cells(measured: Measured, first: Measured): string[] {
  const { label, stepMs, ready } = measured;
  const flops = (ready.flops ?? Number.NaN) / (first.ready.flops ?? Number.NaN);
  const floor = (ready.floorMB ?? Number.NaN) / (first.ready.floorMB ?? Number.NaN);
  const [time, space] = [stepMs / first.stepMs, memory(measured) / memory(first)];
  return [
    String(label),
    show(stepMs),
    `${times(stepMs, first.stepMs)}${mark(time, flops)}`,
    show(flops),
    show((ready.flops ?? Number.NaN) / stepMs / 1e6),
    show(memory(measured)),
    `${show(space)}${mark(space, floor)}`,
    show(floor),
    show(ready.floorMB),
    show(ready.sessionMs),
    show(ready.traceMs),
  ];
}

const header = [
  "step ms",
  "time ×",
  "FLOP ×",
  "GFLOP/s",
  "MB",
  "MB ×",
  "floor ×",
  "floor MB",
  "session ms",
  "trace ms",
];

/** Measures and prints every group. */
export async function growth(options: GrowthOptions): Promise<void> {
  const all: { title: string; measured: Measured[] }[] = [];
  for (const { title, row, what, sizes } of groups) {
    const measured: Measured[] = [];
    console.log(`\n${title}\n`);
    for (const [label, changed] of sizes) {
      try {
        measured.push(await measure(row, label, changed, options));
      } catch (error) {
        console.log(`${what} ${label}: ${error instanceof Error ? error.message : error}`);
      }
    }
    const [first] = measured;
    if (first)
      console.log(
        table(
          [what, ...header],
          measured.map((one) => cells(one, first)),
        ),
      );
    all.push({ title, measured });
    if (options.json) writeFileSync(options.json, `${JSON.stringify(all, null, 2)}\n`);
  }
  console.log(
    `\nMB: peak of the process without what it held before the row. floor: state, gradients, what backward needs.`,
  );
  console.log(`!: grows more than ${WORSE} times as much as the mathematics.`);
}
