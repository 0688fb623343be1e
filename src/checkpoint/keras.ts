/**
 * Models that Keras saved: a zip of `config.json`, `metadata.json` and `model.weights.h5` (`.keras`, Keras 3), or one HDF5
 * file with the configuration as an attribute (`.h5`, Keras 2 and 3), or the weights alone (`.weights.h5`).
 *
 * A configuration names its layers; the weights of `.keras` stand under the names of their classes, numbered: the second
 * LSTM is `layers/lstm_1` whatever its name.
 */
import type { UnzipFileInfo } from "fflate";
import { z } from "zod";
import { CheckpointError, ConfigError, quoted, shown } from "../errors.ts";
import type { HostTensor } from "../runtime/index.ts";
import { checked, isRecord, probability, such, whole } from "../schema.ts";
import { fromKeras, type RecurrentKind } from "./gate-orders.ts";
import { type Hdf5, isHdf5, readHdf5 } from "./hdf5.ts";
import { type Conversion, type ImportedLayer, ImportedLayers } from "./imported.ts";
import { parseJson } from "./json-scanner.ts";

type Values = Readonly<Record<string, unknown>>;

const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b;

const ENTRIES = ["config.json", "metadata.json", "model.weights.h5"];
const MOST_ENTRIES = 10_000;
/** Deflate makes nothing more than 1032 times smaller. */
const MOST_RATIO = 1032;

/** The parts of a `.keras` file by name. */
async function unzipped(bytes: Uint8Array): Promise<Readonly<Record<string, Uint8Array>>> {
  const { unzipSync } = await import("fflate");
  let seen = 0;
  const filter = ({ name, size, originalSize }: UnzipFileInfo): boolean => {
    if (++seen > MOST_ENTRIES) throw new Error(`more than ${MOST_ENTRIES} files in it`);
    if (!ENTRIES.includes(name)) return false;
    if (size > bytes.length || originalSize > size * MOST_RATIO)
      throw new Error(`${name} claims ${originalSize} bytes`);
    return true;
  };
  try {
    return unzipSync(bytes, { filter });
  } catch (cause) {
    throw new CheckpointError(
      `readKeras: the zip is damaged or cut off (${(cause as Error).message}); copy or download it again`,
      {
        cause,
      },
    );
  }
}

/** A layer as a configuration has it. */
interface Stated {
  readonly kind: string;
  readonly config: Values;
}

/** The layers of a Sequential or functional model, in order. */
function layersOf(model: unknown): readonly Stated[] {
  const { config } = isRecord(model) ? model : {};
  const list = Array.isArray(config) ? config : isRecord(config) ? config.layers : undefined;
  if (!Array.isArray(list))
    throw new CheckpointError(
      "readKeras: expected a Sequential or functional model, got another; save its parts as such",
    );
  if (list.length > MOST_ENTRIES)
    throw new CheckpointError(`readKeras: expected at most ${MOST_ENTRIES} layers, got ${list.length}`);
  return list.map((entry: unknown) => {
    const { class_name: kind, config } = isRecord(entry) ? entry : {};
    if (typeof kind !== "string" || !isRecord(config) || typeof config.name !== "string")
      throw new CheckpointError(`readKeras: expected layers with class_name, config and name, got ${shown(entry)}`);
    return { kind, config };
  });
}

/** `SimpleRNN` -> `simple_rnn`, as Keras spells it. */
const snakeCase = (kind: string): string =>
  kind
    .replace(/\W+/g, "")
    .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();

/** What the variables of a layer are called, in the order in which they are numbered. */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  dense: ["kernel", "bias"],
  embedding: ["embeddings"],
  lstm: ["kernel", "recurrent_kernel", "bias"],
  gru: ["kernel", "recurrent_kernel", "bias"],
  simple_rnn: ["kernel", "recurrent_kernel", "bias"],
  bidirectional: ["kernel", "recurrent_kernel", "bias"],
};

/** `forward_layer/cell/vars/0` of a Bidirectional -> `forward/kernel`; `lstm/lstm_cell/kernel:0` -> `kernel`. */
function variableName(path: string, kind: string): string {
  const parts = path.split("/");
  const last = (parts.at(-1) ?? "").replace(/:\d+$/, "");
  const name = /^\d+$/.test(last) ? (VARIABLES[kind]?.[Number(last)] ?? last) : last;
  const side = parts.map((part) => /^(forward|backward)_/.exec(part)?.[1]).find(Boolean);
  return side ? `${side}/${name}` : name;
}

/** The numbers below `group`, by the names of variables; by their paths where two would have the same. */
function weightsIn({ tensors }: Hdf5, group: string, kind: string): Record<string, HostTensor> {
  const inside = [...tensors].filter(([path]) => path.startsWith(`${group}/`));
  const names = inside.map(([path]) => variableName(path.slice(group.length + 1), kind));
  const unique = new Set(names).size === names.length;
  return Object.fromEntries(
    inside.map(([path, value], i) => [(unique && names[i]) || path.slice(group.length + 1), value]),
  );
}

/** Where the weights of each layer stand, in the order of a configuration. */
function groupsOf(layers: readonly Stated[], isNumbered: boolean): string[] {
  const counts = new Map<string, number>();
  return layers.map(({ kind, config }) => {
    if (!isNumbered) return `model_weights/${config.name}`;
    const name = snakeCase(kind);
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return `layers/${name}${count === 0 ? "" : `_${count}`}`;
  });
}

function withConfiguration(model: unknown, file: Hdf5, isNumbered: boolean): Map<string, ImportedLayer> {
  const stated = layersOf(model);
  const groups = groupsOf(stated, isNumbered);
  return new Map(
    stated.map(({ kind, config }, i) => [
      String(config.name),
      { kind, config, weights: weightsIn(file, groups[i] ?? "", snakeCase(kind)) },
    ]),
  );
}

/** Layers of a file that has weights alone: by the names of their groups. */
function withoutConfiguration(file: Hdf5): Map<string, ImportedLayer> {
  const paths = [...file.tensors.keys()];
  const root = ["layers", "model_weights"].find((name) => paths.some((path) => path.startsWith(`${name}/`)));
  const start = root === undefined ? "" : `${root}/`;
  const names = new Set(
    paths.filter((path) => path.startsWith(start)).map((path) => path.slice(start.length).split("/")[0]),
  );
  return new Map(
    [...names].map((name = "") => [
      name,
      { kind: "", config: {}, weights: weightsIn(file, start + name, name.replace(/_\d+$/, "")) },
    ]),
  );
}

const no = (expected: string) => such<false>(expected, (value) => value === false).default(false);

const RECURRENT = {
  units: whole(1, 2 ** 24),
  use_bias: z.boolean().default(true),
  dropout: probability().default(0),
  recurrent_dropout: probability().default(0),
  go_backwards: no("false, as no layer here only reads backwards; turn the input round"),
};
const SHARED = z.object(RECURRENT);
const GATED = { ...RECURRENT, activation: z.enum(["tanh"]).default("tanh") };

/** Configurations by class; other keys say how a layer is called or trained. */
const SCHEMAS = {
  SimpleRNN: z.object({ ...RECURRENT, activation: z.enum(["tanh", "relu"]).default("tanh") }),
  LSTM: z.object({ ...GATED, recurrent_activation: z.enum(["sigmoid", "hard_sigmoid"]).default("sigmoid") }),
  GRU: z.object({
    ...GATED,
    recurrent_activation: z.enum(["sigmoid", "hard_sigmoid"]).default("sigmoid"),
    reset_after: z.boolean().default(false),
  }),
};
type Recurrent = keyof typeof SCHEMAS;

const isRecurrent = (kind: unknown): kind is Recurrent => typeof kind === "string" && Object.hasOwn(SCHEMAS, kind);

/** `min(max(0.2x + 0.5, 0), 1)` up to Keras 2, `min(max(x/6 + 0.5, 0), 1)` from 3 on. */
function gateOptions(what: string, activation: string, major: number): Values {
  if (activation === "sigmoid") return {};
  if (major < 3) return { recurrentActivation: "hard-sigmoid" };
  throw new ConfigError(
    `${what}: recurrent_activation: hard_sigmoid of Keras ${major} has the slope 1/6, and no layer here has; train it with "sigmoid"`,
  );
}

const sharedOptions = (given: Values, what: string): Values => {
  const { use_bias: bias, dropout: inputDropout, recurrent_dropout: recurrentDropout } = checked(SHARED, given, what);
  return { bias, inputDropout, recurrentDropout };
};

/** Kind and options of the layer here. */
function recurrentOptions(kind: Recurrent, given: Values, what: string, major: number) {
  const shared = sharedOptions(given, what);
  if (kind === "SimpleRNN") {
    const { activation: nonlinearity, units } = checked(SCHEMAS[kind], given, what);
    return { maker: "RNN" as RecurrentKind, units, options: { ...shared, nonlinearity } };
  }
  const { units, recurrent_activation } = checked(SCHEMAS[kind], given, what);
  const options = { ...shared, ...gateOptions(what, recurrent_activation, major) };
  if (kind === "LSTM") return { maker: kind, units, options };
  const { reset_after } = checked(SCHEMAS.GRU, given, what);
  return { maker: kind, units, options: { ...options, reset: reset_after ? "after" : "before" } };
}

const inputSize = (weights: Readonly<Record<string, HostTensor>>, name: string): number => weights[name]?.shape[0] ?? 0;

function convertRecurrent(
  kind: Recurrent,
  { config, weights }: ImportedLayer,
  what: string,
  major: number,
): Conversion {
  const { maker, units, options } = recurrentOptions(kind, config, what, major);
  return { maker, args: [inputSize(weights, "kernel"), units, options], values: fromKeras(maker, weights) };
}

/** The weights of one direction. */
const side = (weights: Readonly<Record<string, HostTensor>>, name: string): Record<string, HostTensor> =>
  Object.fromEntries(
    Object.entries(weights).flatMap(([key, value]) =>
      key.startsWith(`${name}/`) ? [[key.slice(name.length + 1), value]] : [],
    ),
  );

const MERGES = { concat: "concat", sum: "sum", mul: "mul", ave: "average" } as const;
const BOTH = z.object({ merge_mode: z.enum(["concat", "sum", "mul", "ave"]).default("concat") });

/** Throws ConfigError where the layer that reads backwards was given options of its own. */
function requireAlike(what: string, kind: Recurrent, options: object, backwards: unknown, major: number): void {
  if (backwards === undefined || backwards === null) return;
  const { class_name: other, config } = isRecord(backwards) ? backwards : {};
  const own = isRecord(config) ? recurrentOptions(kind, { ...config, go_backwards: false }, what, major) : {};
  if (other !== kind || JSON.stringify(own) !== JSON.stringify(options))
    throw new ConfigError(`${what}: expected two directions with the same options, got others for the backward layer`);
}

function convertBidirectional({ config, weights }: ImportedLayer, what: string, major: number): Conversion {
  const { class_name: kind, config: inner } = isRecord(config.layer) ? config.layer : {};
  if (!isRecurrent(kind) || !isRecord(inner))
    throw new ConfigError(`${what}: expected a Bidirectional LSTM, GRU or SimpleRNN, got one of ${shown(kind)}`);
  const merge = MERGES[checked(BOTH, config, what).merge_mode];
  const both = recurrentOptions(kind, inner, what, major);
  requireAlike(what, kind, both, config.backward_layer, major);
  const { maker, units, options } = both;
  const [forwards, backwards] = [side(weights, "forward"), side(weights, "backward")];
  return {
    maker,
    args: [inputSize(forwards, "kernel"), units, { ...options, bidirectional: true, merge }],
    values: { ...fromKeras(maker, forwards), ...fromKeras(maker, backwards, { reverse: true }) },
  };
}

const DENSE = z.object({ units: whole(1, 2 ** 24), use_bias: z.boolean().default(true) });
const EMBEDDING = z.object({ input_dim: whole(1, 2 ** 31), output_dim: whole(1, 2 ** 24) });

/** A layer of a file by a major version of Keras as one of ours. */
const convert =
  (major: number) =>
  (layer: ImportedLayer, what: string): Conversion => {
    const { kind, config, weights } = layer;
    if (isRecurrent(kind)) return convertRecurrent(kind, layer, what, major);
    if (kind === "Bidirectional") return convertBidirectional(layer, what, major);
    if (kind === "Dense") {
      const { units, use_bias: bias } = checked(DENSE, config, what);
      return {
        maker: "Linear",
        args: [inputSize(weights, "kernel"), units, { bias }],
        values: fromKeras("Linear", weights),
      };
    }
    if (kind === "Embedding") {
      const { input_dim, output_dim } = checked(EMBEDDING, config, what);
      return { maker: "Embedding", args: [input_dim, output_dim], values: fromKeras("Embedding", weights) };
    }
    throw new ConfigError(
      kind === ""
        ? `${what}: the file has weights without the model's configuration; make the layer and use fromKeras(kind, file.layers.get(name).weights)`
        : `${what}: expected Dense, Embedding, LSTM, GRU, SimpleRNN or Bidirectional, got ${quoted(kind)}; its numbers are file.layers.get(name).weights`,
    );
  };

/** `"3.15.1"` -> 3. Files that do not say are of Keras 2. */
const majorOf = (version: unknown): number => Number.parseInt(typeof version === "string" ? version : "2", 10) || 2;

const WEIGHTS_ONLY = /^(?!optimizer|metrics|_)/;

async function readArchive(bytes: Uint8Array): Promise<ImportedLayers> {
  const { "config.json": config, "metadata.json": metadata, "model.weights.h5": weights } = await unzipped(bytes);
  if (!config || !weights)
    throw new CheckpointError(
      "readKeras: expected a zip with config.json and model.weights.h5, got another; files of PyTorch are converted to safetensors",
    );
  const { keras_version: version } = metadata ? (parseJson(metadata, "metadata.json") as Values) : {};
  const file = await readHdf5(weights, /^layers(\/|$)/);
  return new ImportedLayers(withConfiguration(parseJson(config, "config.json"), file, true), convert(majorOf(version)));
}

async function readLegacy(bytes: Uint8Array): Promise<ImportedLayers> {
  const file = await readHdf5(bytes, WEIGHTS_ONLY);
  const { model_config: config, keras_version: version } = file.attributes;
  const layers =
    config === undefined
      ? withoutConfiguration(file)
      : withConfiguration(parseJson(new TextEncoder().encode(config), "model_config"), file, false);
  return new ImportedLayers(layers, convert(majorOf(version)));
}

/**
 * The layers of a file that Keras wrote: `.keras`, `.h5` or `.weights.h5`. Throws CheckpointError for what is none, or is
 * damaged.
 */
export async function readKeras(bytes: Uint8Array): Promise<ImportedLayers> {
  if (!(bytes instanceof Uint8Array))
    throw new CheckpointError(`readKeras: expected bytes, got ${shown(bytes)}; give a Uint8Array`);
  if (isZip(bytes)) return readArchive(bytes);
  if (isHdf5(bytes)) return readLegacy(bytes);
  throw new CheckpointError("readKeras: expected a .keras or .h5 file, got another; readSafetensors reads safetensors");
}
