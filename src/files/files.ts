/** Where names of files lead: to the disk in Node, nowhere in a page. `#files` is one or the other. */
import type { Store } from "../checkpoint/index.ts";
import type { Source } from "../data/index.ts";

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
