/** `descent probe`: what codes of pictures hold of their labels, beside what pixels hold. */
import { folder } from "../checkpoint/node-run.ts";
import { probe as measure, type Probed } from "../tasks/probe.ts";
import { type DeviceFlags, place } from "./device.ts";
import { cell, grouped } from "./format.ts";
import type { Interruption } from "./interruption.ts";
import { emit, type IO } from "./io.ts";
import { createNotes } from "./notes.ts";

export interface ProbeFlags extends DeviceFlags {
  readonly data?: string | undefined;
  readonly val?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly most?: number | undefined;
  readonly k?: number | undefined;
  readonly seed?: number | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

const SCORES = { linear: "linear", nearest: "neighbours", nmi: "NMI", ari: "ARI" } as const;
const [NAME, CELL] = [22, 12];

function report({ train, test, classes, latent, codes, pixels }: Probed): string {
  const keys = Object.keys(SCORES) as (keyof typeof SCORES)[];
  const line = (name: string, cells: readonly string[]) =>
    `${name.padEnd(NAME)}${cells.map((text) => text.padStart(CELL)).join("")}\n`;
  const row = (name: string, scores: Probed["codes"]) =>
    line(
      name,
      keys.map((key) => scores[key].toFixed(4)),
    );
  return [
    `${grouped(test.pictures)} pictures of ${cell(test.data)}, in ${classes} classes, after ${grouped(train.pictures)} of ${cell(train.data)}\n\n`,
    line(
      "",
      keys.map((key) => SCORES[key]),
    ),
    row(`codes of ${latent} numbers`, codes),
    row("pixels", pixels),
    "\nlinear, neighbours: share of labels told; NMI, ARI: how k-means agrees with labels, 1 at most\n",
  ].join("");
}

export async function probe(run: string, flags: ProbeFlags, io: IO, stop: Interruption): Promise<void> {
  const { json, quiet, device, threads, ...options } = flags;
  const notes = createNotes(io, quiet === true);
  try {
    const found = await measure(folder(run), {
      ...{ data: options.data, val: options.val, dataDir: options.dataDir },
      ...{ most: options.most, k: options.k, seed: options.seed },
      ...(await place({ device, threads }, io)),
      signal: stop.signal,
      onProgress: (note) => notes.show(note),
    });
    notes.clear();
    if (json) emit(io, { run, ...found });
    else io.out(report(found));
  } finally {
    notes.clear();
  }
}
