/** `descent probe`: what codes of pictures hold of their labels, beside what pixels hold. */
import { folder } from "../checkpoint/node-run.ts";
import { ConfigError } from "../errors.ts";
import { describe } from "../tasks/open.ts";
import { probe as measure, type Probed, type ProbedSamples } from "../tasks/probe.ts";
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
  readonly samples?: number | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

const SCORES = { linear: "linear", nearest: "neighbours", nmi: "NMI", ari: "ARI" } as const;
const [NAME, CELL] = [22, 12];

/** Under a table of codes that were made with labels. */
const TOLD = "the model is conditional: its encoder is told the label of every picture, and codes may hold it\n";

function report({ train, test, classes, latent, conditional, codes, pixels }: Probed): string {
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
    ...(conditional ? [TOLD] : []),
  ].join("");
}

/** How samples look to the small classifier. */
function sampleReport({
  count,
  accuracy,
  frechet,
  frechet_of_pictures,
  sample_accuracy,
  by_class,
}: ProbedSamples): string {
  const each = Object.entries(by_class ?? {}).map(([label, share]) => `${cell(label)} ${share.toFixed(2)}`);
  return [
    `\n${grouped(count)} samples, in the features of a small classifier trained here (accuracy ${accuracy.toFixed(4)}):\n`,
    `Frechet distance ${frechet.toFixed(2)}; of pictures learned from ${frechet_of_pictures.toFixed(2)}\n`,
    ...(sample_accuracy === undefined
      ? []
      : [`taken for the class asked for: ${sample_accuracy.toFixed(4)} (${each.join(", ")})\n`]),
  ].join("");
}

/** Throws ConfigError where a run has no codes of pictures. */
async function requirePictures(run: string, { command }: IO): Promise<void> {
  const { task } = await describe(folder(run));
  if (task.name === "reconstruct") return;
  throw new ConfigError(
    `probe ${run}: expected the run of an autoencoder of pictures (task reconstruct), got one of task ${task.name}; train one with ${command} train vae`,
  );
}

export async function probe(run: string, flags: ProbeFlags, io: IO, stop: Interruption): Promise<void> {
  const { json, quiet, device, threads, ...options } = flags;
  const notes = createNotes(io, quiet === true);
  try {
    await requirePictures(run, io);
    const found = await measure(folder(run), {
      ...{ data: options.data, val: options.val, dataDir: options.dataDir },
      ...{ most: options.most, k: options.k, seed: options.seed, samples: options.samples },
      ...(await place({ device, threads }, io)),
      signal: stop.signal,
      onProgress: (note) => notes.show(note),
    });
    notes.clear();
    if (json) emit(io, { run, ...found });
    else io.out(report(found) + (found.samples ? sampleReport(found.samples) : ""));
  } finally {
    notes.clear();
  }
}
