/** Where names of files lead: to the disk in Node, nowhere in a page. `#files` is one or the other. */
import { z } from "zod";
import type { Store } from "../checkpoint/index.ts";
import type { Source } from "../data/index.ts";
import { ConfigError, shown } from "../errors.ts";
import { abortable, callable } from "../schema.ts";

/** What `FindOptions` must be. */
export const finding = {
  dataDir: z.string().optional(),
  signal: abortable().optional(),
  onProgress: callable<(received: number, total: number) => void>("bytes received and expected").optional(),
};

/** How named data sets are found and fetched. */
export interface FindOptions {
  /** A folder that may hold the named sets already. */
  readonly dataDir?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes received and expected, while a set is downloaded. */
  readonly onProgress?: ((received: number, total: number) => void) | undefined;
}

export interface Files {
  /** The source called `name`: a file or a named set. It is read when its text is asked for. */
  source(name: string, options?: FindOptions): Source;
  /** The run in the folder `path`. */
  store(path: string): Store;
  /** Replaces a file as a whole. Throws CheckpointError. */
  write(path: string, chunks: Iterable<Uint8Array>): Promise<void>;
  /** All of a file. Throws CheckpointError. */
  read(path: string): Promise<Uint8Array>;
}

/** `path`, where it is the name of a file. Throws ConfigError. */
export function requirePath(what: string, path: string): string {
  if (typeof path === "string" && path !== "") return path;
  throw new ConfigError(`${what}: expected the name of a file, got ${shown(path)}; give a path`);
}
