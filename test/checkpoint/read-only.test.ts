/** Folders that are taken away, or made read-only, while something is written there. */
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { writeAtomic } from "../../src/checkpoint/node-files.ts";
import { lockFolder } from "../../src/checkpoint/node-lock.ts";

/** As on a disk that can only be read: for whom may do everything, as in a container, no rights would say so. */
const disk = vi.hoisted(() => ({ readOnly: false }));
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const rm: typeof real.rm = async (path, options) => {
    if (disk.readOnly)
      throw Object.assign(new Error(`EROFS: read-only file system, unlink '${path}'`), { code: "EROFS" });
    return real.rm(path, options);
  };
  return { ...real, rm, default: { ...real, rm } };
});

let place = "";
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "descent-read-only-"));
});
afterEach(() => {
  disk.readOnly = false;
  rmSync(place, { recursive: true, force: true });
});

test("a lock that cannot be removed hides no other error", async () => {
  const run = join(place, "run");
  const training = async () => {
    await using _ = await lockFolder(run);
    disk.readOnly = true;
    throw new Error("the disk can only be read");
  };
  await expect(training()).rejects.toThrow(/^the disk can only be read$/);
});

test("writing into a folder that is gone says so", async () => {
  const run = join(place, "run");
  mkdirSync(run);
  await writeAtomic(join(run, "file"), [Uint8Array.of(1)]);
  renameSync(run, join(place, "elsewhere"));
  await expect(writeAtomic(join(run, "file"), [Uint8Array.of(2)])).rejects.toThrow(
    "no such file or folder (ENOENT); the folder is gone: it was removed or renamed",
  );
});
