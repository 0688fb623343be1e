/** Where a run is kept. A folder on disk is one such place; a browser may have another. */
import type { Feeds } from "../runtime/index.ts";
import type { StoredTensor } from "./safetensors.ts";

export type Json = Readonly<Record<string, unknown>>;

/** All that resuming needs. */
export interface SavedState {
  /** The numbers of all parameters. */
  readonly weights: Feeds;
  /** What a model carries that is not trained. */
  readonly buffers: Feeds;
  /** What the optimizer remembers. */
  readonly slots: Feeds;
  /** Moving averages of the weights. */
  readonly averages: Feeds;
  /** Step, options, best score and whatever else the trainer keeps, as JSON. */
  readonly trainer: Json;
}

/** Keeps a run: the files that describe the model, its weights, the state of the training, and a log. */
export interface Store {
  /** What to call it in messages and commands. */
  readonly where: string;
  /** Keeps other processes out until it is disposed of. Throws CheckpointError where one is there already. */
  lock?(): Promise<AsyncDisposable>;
  /**
   * Prepares the place and keeps JSON files by name, beside the last and beside the best weights. Throws CheckpointError
   * where it holds a run already or cannot be written.
   */
  create(files: Readonly<Record<string, Json>>): Promise<void>;
  /** Replaces the state as a whole. */
  saveState(state: SavedState): Promise<void>;
  /** Replaces the weights, the last or the best, as a whole. */
  saveWeights(kind: "last" | "best", entries: readonly (readonly [string, StoredTensor])[]): Promise<void>;
  /** Keeps a JSON file that was found later beside the last or the best weights, or replaces it. */
  saveFile?(kind: "last" | "best", name: string, content: Json): Promise<void>;
  log(event: object): Promise<void>;
  /** What was logged, in order. */
  readLog?(): Promise<readonly Json[]>;
  /** Keeps pictures, SVG texts by name, beside the run. */
  savePictures?(pictures: Readonly<Record<string, string>>): Promise<void>;
  loadState(): Promise<SavedState>;
  /** The trainer's part of the state alone; undefined where there is no state. */
  loadTrainer(): Promise<Json | undefined>;
  /** A JSON file by name; undefined where there is none. */
  loadFile(name: string): Promise<Json | undefined>;
  /** Any other small file by name; undefined where there is none. */
  loadBytes?(name: string): Promise<Uint8Array | undefined>;
  loadWeights(): Promise<ReadonlyMap<string, StoredTensor>>;
  /** The same with places in files, which the engine maps, so that the numbers are not read here. */
  mapWeights?(): Promise<ReadonlyMap<string, StoredTensor>>;
}
