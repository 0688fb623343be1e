/** Names of files in Node. */
import { readFileBounded, writeAtomic } from "../checkpoint/node-files.ts";
import { folder } from "../checkpoint/node-run.ts";
import { formatOf } from "../data/index.ts";
import { loadText } from "../data/node-data.ts";
import type { Files } from "./files.ts";

/** As much as a run's weights may be. */
const MOST_BYTES = 64 * 2 ** 30;

export const files: Files = {
  source(name, { dataDir, signal, onProgress } = {}) {
    let text: Promise<string> | undefined;
    const load = () =>
      loadText(name, { ...(dataDir && { dataDir }), ...(signal && { signal }), ...(onProgress && { onProgress }) });
    return {
      name,
      format: formatOf(name),
      text: () => {
        text ??= load().then((loaded) => loaded.text);
        return text;
      },
    };
  },
  store: folder,
  write: writeAtomic,
  read: (path) => readFileBounded(path, MOST_BYTES),
};
