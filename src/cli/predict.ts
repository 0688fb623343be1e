/** `descent predict`, and commands that ask for one task: an answer for every line or row that comes in, as it comes. */
import { folder, writePictures } from "../checkpoint/node-run.ts";
import { openSource } from "../files/index.ts";
import type { Predictor, Task } from "../tasks/index.ts";
import { describe, open } from "../tasks/open.ts";
import { type DeviceFlags, place } from "./device.ts";
import { flagsOf } from "./flags.ts";
import { BlankLines, fileOf, filesOf, inputsOf, placed } from "./inputs.ts";
import type { Interruption } from "./interruption.ts";
import { emit, type IO } from "./io.ts";

export interface PredictFlags extends DeviceFlags {
  readonly json?: true | undefined;
  /** Folder for pictures. */
  readonly pictures?: string | undefined;
  readonly [option: string]: unknown;
}

/** Writes the picture of answer `number`, and says whether it has one. */
async function draw(predictor: Predictor, answer: unknown, folder: string, number: number): Promise<boolean> {
  const picture = predictor.picture?.(answer);
  if (picture !== undefined) await writePictures(folder, { [number]: picture });
  return picture !== undefined;
}

/** Where pictures are, if not here. */
const instead = ({ codes, reads }: Task, run: string, { command }: IO): string =>
  codes && reads === "files"
    ? `as predict gives numbers; use ${command} reconstruct ${run}`
    : "as the answers of this run have no pictures";

/** `asked` is the task, where the command says it. */
export async function predict(
  run: string,
  inputs: readonly string[],
  flags: PredictFlags,
  io: IO,
  stop: Interruption,
  asked?: string,
): Promise<void> {
  const store = folder(run);
  const { task, options: trained } = await describe(store, asked);
  const predictor = await open(store, { ...(await place(flags, io)), ...(asked !== undefined && { task: asked }) });
  const signal = AbortSignal.any([stop.signal, io.closed]);
  const options = { ...flagsOf(task.prediction, flags), signal };
  const blank = new BlankLines();
  const names = inputs.length ? inputs : ["-"];
  const find = task.codes ? async (name: string) => openSource(name, { signal }) : fileOf; // pictures come in folders and sets
  const given = task.reads === "files" ? filesOf(names, io.stdin, find) : inputsOf(names, io.stdin, trained, blank);
  let [count, drawn] = [0, 0];
  try {
    for await (const answer of predictor.predict(given, options)) {
      if (signal.aborted) break;
      count++;
      if (flags.pictures !== undefined && (await draw(predictor, answer, flags.pictures, count))) drawn++;
      if (flags.json) emit(io, answer as object);
      else io.out(`${blank.above()}${predictor.line(answer)}\n`);
    }
    if (!flags.json && !signal.aborted) io.out(blank.below());
    if (flags.pictures !== undefined && count > 0 && drawn === 0)
      io.err(`--pictures: nothing was drawn, ${instead(task, run, io)}\n`);
  } catch (error) {
    throw placed(error);
  } finally {
    await predictor.release();
  }
}
