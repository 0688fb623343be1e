/** Trainings without a disk: a store in memory, and what comes out of them as plain values. */
import type { Json, SavedState, Store, StoredTensor } from "../../src/checkpoint/index.ts";

/** Everything that comes, in a list. */
export async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export interface Memory extends Store {
  /** Every state that was saved, in order. */
  readonly states: SavedState[];
  readonly logged: object[];
  /** The weights that were saved last, of either kind. */
  readonly weights: Map<"last" | "best", ReadonlyMap<string, StoredTensor>>;
  files: Readonly<Record<string, Json>>;
}

const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const copies = (values: SavedState["weights"]) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { ...value, data: value.data.slice() }]));

const copyOf = ({ weights, buffers, slots, averages, trainer }: SavedState): SavedState => ({
  weights: copies(weights),
  buffers: copies(buffers),
  slots: copies(slots),
  averages: copies(averages),
  trainer: plain(trainer),
});

/** A store in memory, which keeps copies. */
export function memory(): Memory {
  const newest = async (): Promise<SavedState> => {
    const state = store.states.at(-1);
    if (!state) throw new Error("nothing saved");
    return copyOf(state);
  };
  const store: Memory = {
    where: "memory",
    states: [],
    logged: [],
    weights: new Map(),
    files: {},
    async create(files) {
      store.files = plain(files);
    },
    async saveState(state) {
      store.states.push(copyOf(state));
    },
    async saveWeights(kind, entries) {
      const kept = entries.map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }] as const);
      store.weights.set(kind, new Map(kept));
    },
    async saveFile(kind, name, content) {
      if (kind === "last") store.files = { ...store.files, [name]: plain(content) };
    },
    async log(event) {
      store.logged.push(plain(event));
    },
    loadState: newest,
    loadTrainer: async () => store.states.at(-1)?.trainer,
    loadFile: async (name) => store.files[name],
    loadWeights: async () => store.weights.get("last") ?? Promise.reject(new Error("nothing saved")),
  };
  return store;
}

/** Every number of a state, bit for bit. */
export function bytes(state: SavedState | undefined): [string, string][] {
  const { weights = {}, buffers = {}, slots = {}, averages = {} } = state ?? {};
  return Object.entries({ weights, buffers, slots, averages }).flatMap(([group, values]) =>
    Object.entries(values).map(([name, { data }]): [string, string] => [
      `${group} ${name}`,
      Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64"),
    ]),
  );
}
