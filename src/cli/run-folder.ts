/** Where a new run is kept: the folder that was named, or the first free one of its model. */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Store } from "../checkpoint/index.ts";
import { exists, makeFolder, reason } from "../checkpoint/node-files.ts";
import { folder } from "../checkpoint/node-run.ts";
import { CheckpointError } from "../errors.ts";

/** Makes `path` and says whether it is ours: another training may take the same name at the same time. */
async function take(path: string): Promise<boolean> {
  try {
    await makeFolder(dirname(path));
    await mkdir(path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST" && (await exists(path))) return false;
    throw new CheckpointError(`run ${path}: ${reason(cause)}; choose a folder you may write to with --out`, { cause });
  }
}

/** Makes `<parent>/<model>-<n>` with the first n that is free, from 1 on. */
export async function freshFolder(model: string, parent = "runs"): Promise<Store> {
  for (let n = 1; ; n++) {
    const path = join(parent, `${model}-${n}`);
    if (!(await exists(path)) && (await take(path))) return folder(path);
  }
}
