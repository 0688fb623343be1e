/** What people call a run or data -> a store or a source. */
import { files } from "#files";
import type { Store } from "../checkpoint/index.ts";
import { asSource, type DataGiven, gunzipped, parseIdx, type Source } from "../data/index.ts";
import { ConfigError, shown } from "../errors.ts";
import type { HostTensor } from "../runtime/index.ts";
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

export { type FindOptions, finding } from "./files.ts";
export { loadWeights, saveWeights } from "./weights.ts";
