/** Layers of another library's file as layers here, made with the options that compute the same. */
import { CheckpointError, ConfigError, nearest, quoted, shown } from "../errors.ts";
import { Embedding, GRU, Linear, LSTM, namedParameters, namedState, RNN } from "../nn/index.ts";
import type { Feeds, HostTensor } from "../runtime/index.ts";
import { type DType, formatShape, hostArray, sameShape, type Tensor } from "../tensor/index.ts";

const makers = { RNN, LSTM, GRU, Linear, Embedding } as const;

/** A maker of layers that files of other libraries have. */
export type ImportedMaker = (typeof makers)[keyof typeof makers];

/** A layer as its file has it. */
export interface ImportedLayer {
  /** What the file calls it: `LSTM`, `Dense`; empty where it does not say. */
  readonly kind: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Its numbers under the file's names, in the file's layout. */
  readonly weights: Feeds;
}

/** What makes the same here. */
export interface Conversion {
  readonly maker: keyof typeof makers;
  readonly args: readonly unknown[];
  readonly values: Feeds;
}

const cast = (value: HostTensor, dtype: DType): HostTensor =>
  value.dtype === dtype ? value : { data: hostArray(value.data as Float32Array, dtype), shape: value.shape, dtype };

/** The layers of a file. */
export class ImportedLayers {
  /** All of them by name. */
  readonly layers: ReadonlyMap<string, ImportedLayer>;
  readonly #convert: (layer: ImportedLayer, what: string) => Conversion;
  readonly #values = new Map<Tensor, HostTensor>();

  constructor(layers: ReadonlyMap<string, ImportedLayer>, convert: (layer: ImportedLayer, what: string) => Conversion) {
    this.layers = layers;
    this.#convert = convert;
  }

  /**
   * The layer called `name` as one of ours, by its maker: `file.layer("lstm_1", LSTM)`. Throws CheckpointError where the
   * file has no such layer, or one of another kind, ConfigError where it computes what no layer here does.
   */
  layer<M extends ImportedMaker>(name: string, maker: M): ReturnType<M> {
    const found = this.layers.get(name);
    if (!found) {
      const known = [...this.layers.keys()].slice(0, 12).map(quoted).join(", ");
      throw new CheckpointError(
        `layer: expected the name of a layer${typeof name === "string" ? nearest(name, this.layers.keys()) : ""}, got ${shown(name)}; the file has ${known || "none"}`,
      );
    }
    const what = `layer ${quoted(name)}`;
    const conversion = this.#convert(found, what);
    if (makers[conversion.maker] !== maker)
      throw new CheckpointError(`${what}: it is ${conversion.maker} here; give that as the second argument`);
    const layer = (maker as (...args: readonly unknown[]) => object)(...conversion.args);
    this.#keep(what, layer, conversion.values);
    return layer as ReturnType<M>;
  }

  #keep(what: string, layer: object, values: Feeds): void {
    for (const [path, tensor] of Object.entries(namedParameters(layer))) {
      const value = values[path];
      if (!value || !sameShape(value.shape, tensor.shape))
        throw new CheckpointError(
          `${what}: expected ${path} ${formatShape(tensor.shape)}, got ${value ? formatShape(value.shape) : "nothing"}; its weights and its configuration do not belong together`,
        );
      this.#values.set(tensor, cast(value, tensor.dtype));
    }
  }

  /** The values of those parameters of `model` that are in layers made by `layer`, by path. Throws ConfigError for none. */
  values(model: object): Record<string, HostTensor> {
    const found = Object.entries(namedState(model)).flatMap(([path, tensor]) => {
      const value = this.#values.get(tensor);
      return value ? [[path, value] as const] : [];
    });
    if (found.length === 0)
      throw new ConfigError(
        "values: expected a model with layers of this file, got none; make them with layer(name, maker)",
      );
    return Object.fromEntries(found);
  }
}
