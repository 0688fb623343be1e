/** What people call a run or data -> a store or a source. */

import { z } from "zod";
import { files } from "#files";
import type { Store } from "../checkpoint/index.ts";
import {
  asSource,
  type DataGiven,
  gunzipped,
  type PictureOptions,
  type Pictures,
  type PictureWatch,
  parseIdx,
  pictureOptions,
  readPictures as readFrom,
  type Source,
} from "../data/index.ts";
import { ConfigError, shown } from "../errors.ts";
import type { HostTensor } from "../runtime/index.ts";
import { abortable, callable, checked } from "../schema.ts";
import { type FindOptions, requirePath } from "./files.ts";

/** `given` as a store; a name leads to a folder. Throws ConfigError on anything else. */
export function asStore(given: Store | string): Store {
  if (typeof given === "string") return files.store(given);
  if (typeof given?.saveState === "function") return given;
  throw new ConfigError(
    `store: expected the name of a folder or a Store, got ${shown(given)}; give folder("runs/first")`,
  );
}

/** `given` as a source; a name leads to a file or a named set. Throws ConfigError on anything else. */
export const openSource = (given: DataGiven, options: FindOptions): Source =>
  asSource(given, (name) => files.source(name, options));

/** The numbers of an IDX file, gzipped or not, as f32 in the file's shape. Throws DataError. */
export const loadIdx = async (path: string): Promise<HostTensor> =>
  parseIdx(await gunzipped(await files.read(requirePath("loadIdx", path)), path), path);

const reading = z.strictObject({
  ...pictureOptions,
  dataDir: z.string().optional(),
  signal: abortable().optional(),
  onProgress: callable<(note: string) => void>("a note").optional(),
});

/** How pictures are found and read: `onProgress` is told how many files are decoded. */
export interface ReadPicturesOptions extends PictureOptions, PictureWatch {
  /** A folder that may hold the named sets already. */
  readonly dataDir?: string | undefined;
}

/** The pictures of a file, folder or named set, or of what is in memory, all of one size. Throws DataError naming the file. */
export async function readPictures(given: DataGiven, options: ReadPicturesOptions = {}): Promise<Pictures> {
  const { dataDir, signal, onProgress, ...how } = checked(reading, options, "readPictures");
  return readFrom(openSource(given, { dataDir, signal }), how, { signal, onProgress });
}

export { type FindOptions, finding } from "./files.ts";
export { loadWeights, saveWeights } from "./weights.ts";
