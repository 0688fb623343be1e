/** `descent info`: what a run holds and how far it is. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { folder, isRun, loadTrainer } from "../checkpoint/node-run.ts";
import { namedParameters } from "../nn/index.ts";
import { describe as describeModel } from "../tasks/open.ts";
import { parseRecord, type TrainerRecord } from "../tasks/record.ts";
import { sizeOf } from "../tensor/index.ts";
import { bestText, grouped, size, table } from "./format.ts";
import type { IO } from "./io.ts";

interface Entry {
  readonly file: string;
  readonly bytes: number;
}

/** Files below `path`, hidden ones left out. */
async function files(path: string): Promise<Entry[]> {
  const names = (await readdir(path, { recursive: true })).filter((name) => !/(^|[\\/])\./.test(name)).sort();
  const found = await Promise.all(names.map(async (file) => ({ file, status: await stat(join(path, file)) })));
  return found.filter(({ status }) => status.isFile()).map(({ file, status }) => ({ file, bytes: status.size }));
}

async function describe(run: string) {
  const { config, model, architecture, task, options } = await describeModel(folder(run));
  const record = (await isRun(run)) ? parseRecord(await loadTrainer(run), run) : undefined;
  const sizes = Object.values(namedParameters(model.parts)).map(({ shape }) => Number(sizeOf(shape)));
  return {
    run,
    model: architecture.modelType,
    task: task.name,
    parameters: sizes.reduce((a, b) => a + b, 0),
    config,
    options,
    step: record?.step ?? null,
    best: record?.best ?? null,
    data: record?.train.name ?? null,
    settings: record?.settings ?? null,
    files: await files(run),
  };
}

type Description = Awaited<ReturnType<typeof describe>>;

const progress = ({ step, settings }: Description): string =>
  step === null ? "not known: there is no training state" : `${step} of ${settings?.steps}`;

const best = (record: TrainerRecord["best"]): string => (record ? bestText(record) : "none yet");

const values = (record: object): string =>
  Object.entries(record)
    .map(([key, value]) => `${key} ${value}`)
    .join(", ");

function rows(found: Description): [string, string][] {
  return [
    ["model", found.model],
    ["parameters", grouped(found.parameters)],
    ["task", found.task],
    ["config", values(found.config)],
    ["options", values(found.options)],
    ["step", progress(found)],
    ["best score", best(found.best)],
    ...(found.data === null ? [] : [["data", found.data] as [string, string]]),
    ...(found.settings === null ? [] : [["training", values(found.settings)] as [string, string]]),
    ...found.files.map(({ file, bytes }, i): [string, string] => [i ? "" : "files", `${file}, ${size(bytes)}`]),
  ];
}

export async function info(run: string, { json }: { json?: true | undefined }, io: IO): Promise<void> {
  const found = await describe(run);
  io.out(json ? `${JSON.stringify(found)}\n` : table(rows(found)));
}
