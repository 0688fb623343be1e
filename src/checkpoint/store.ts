/** Where a run is kept. A folder on disk is one such place; a browser may have another. */
import type { CheckpointNames } from "../models/index.ts";
import type { HostTensor } from "../runtime/index.ts";
import type { StoredTensor } from "./safetensors.ts";

type Values = Readonly<Record<string, HostTensor>>;
export type Json = Readonly<Record<string, unknown>>;

/** What going on needs. */
export interface SavedState {
  readonly parameters: Values;
  readonly slots: Values;
  /** Step, options, best validation loss and whatever else the trainer keeps, as JSON. */
  readonly trainer: Json;
}

/** What describes a model, as JSON. */
export interface Description {
  readonly config: Json;
  readonly tokenizer: Json;
}

/** Keeps a run: what describes the model, its weights, the state of the training, and a log. */
export interface Store {
  /** What to call it in messages and commands. */
  readonly where: string;
  /** Prepares the place. Throws CheckpointError where it holds a run already or cannot be written. */
  create(config: Json, tokenizer: object): Promise<void>;
  /** Replaces the state as a whole. */
  saveState(state: SavedState): Promise<void>;
  /** Replaces the weights, the last or the best, as a whole. */
  saveWeights(kind: "last" | "best", parameters: Values, names: CheckpointNames): Promise<void>;
  log(event: object): Promise<void>;
  loadState(): Promise<SavedState>;
  loadDescription(): Promise<Description>;
  loadWeights(): Promise<ReadonlyMap<string, StoredTensor>>;
}
