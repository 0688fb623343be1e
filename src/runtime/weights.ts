/** Weights as constants of a compiled graph: from arrays, or mapped from files by the engine. */
import { platform } from "#runtime";
import { ConfigError, DTypeError, quoted, ShapeError, shown } from "../errors.ts";
import type { Constants } from "../onnx/index.ts";
import { bytesOf, requireRecord, type StorageType, storedBytes } from "../tensor/index.ts";
import { type HostTensor, isHostTensor, type MappedFiles } from "./session.ts";

/** Numbers in a file, which are mapped and never read into JavaScript. */
export interface FileWeight {
  readonly dtype: StorageType;
  readonly shape: readonly number[];
  /** Path of the file, and which of its bytes. */
  readonly file: string;
  readonly offset: number;
}

/** Numbers as bytes, little endian. */
export interface StoredWeight {
  readonly dtype: StorageType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** What a compiled graph may keep as a constant. */
export type Weight = HostTensor | FileWeight | StoredWeight;

/** Weights by the names of the inputs whose place they take. */
export type Weights = Readonly<Record<string, Weight>>;

/** Weights where the engine finds them. */
export interface Placed {
  readonly constants: Constants;
  /** Bytes handed over, by the name that the model knows them under. */
  readonly data: readonly { readonly path: string; readonly data: Uint8Array }[];
  readonly files: MappedFiles | undefined;
}

const lengthOf = ({ dtype, shape }: Weight): number =>
  storedBytes(
    dtype,
    shape.reduce((a, b) => a * b, 1),
  ) ?? 0;

const isShape = (sizes: unknown): boolean =>
  Array.isArray(sizes) && sizes.every((size) => Number.isSafeInteger(size) && size >= 0);

/** Whether there are as many numbers as the shape says. */
function isWhole(weight: HostTensor | StoredWeight): boolean {
  if (!("bytes" in weight)) return isHostTensor(weight);
  return weight.bytes instanceof Uint8Array && weight.bytes.length === lengthOf(weight);
}

/** Throws ShapeError, DTypeError or ConfigError where `weight` is none. */
function requireWeight(name: string, weight: Weight): void {
  if (!isShape(weight?.shape))
    throw new ShapeError(`weights: ${quoted(name)}: expected a tensor, got ${shown(weight)}; use array(values)`);
  if (storedBytes(weight.dtype, 0) === undefined)
    throw new DTypeError(`weights: ${quoted(name)}: there is no type ${shown(weight.dtype)}; use f32, f16 or bf16`);
  if ("file" in weight) requirePlace(name, weight);
  else if (!isWhole(weight))
    throw new ShapeError(
      `weights: ${quoted(name)}: expected the ${lengthOf(weight)} bytes of ${weight.dtype}[${weight.shape}], got others; give numbers of that shape`,
    );
}

function requirePlace(name: string, { file, offset }: FileWeight): void {
  if (typeof file === "string" && file !== "" && Number.isSafeInteger(offset) && offset >= 0) return;
  throw new ConfigError(
    `weights: ${quoted(name)}: expected a file and an offset in bytes, got ${shown(file)} and ${shown(offset)}`,
  );
}

/** Opens the files of `weights` and says where everything is. Throws what does not fit, CheckpointError for files. */
export async function placeWeights(weights: Weights): Promise<Placed> {
  const entries = Object.entries(requireRecord("compile", "weights by name", weights));
  for (const [name, weight] of entries) requireWeight(name, weight);
  const ends = new Map<string, number>();
  for (const [, weight] of entries)
    if ("file" in weight) ends.set(weight.file, Math.max(ends.get(weight.file) ?? 0, weight.offset + lengthOf(weight)));
  const files = ends.size > 0 ? await mapFiles(ends) : undefined;
  const data: { path: string; data: Uint8Array }[] = [];
  const constants = entries.map(([name, weight], i) => {
    const { dtype, shape } = weight;
    const length = lengthOf(weight);
    if ("file" in weight) {
      const location = files?.locations.get(weight.file) ?? "";
      return [name, { dtype, shape, data: { location, offset: weight.offset, length } }] as const;
    }
    if (length === 0 && "data" in weight) return [name, weight] as const;
    const path = `weights-${i}`;
    data.push({ path, data: "bytes" in weight ? weight.bytes : bytesOf(weight.data) });
    return [name, { dtype, shape, data: { location: path, offset: 0, length } }] as const;
  });
  return { constants: Object.fromEntries(constants), data, files };
}

function mapFiles(ends: ReadonlyMap<string, number>): Promise<MappedFiles> {
  if (platform.mapFiles) return platform.mapFiles(ends);
  throw new ConfigError("weights: a page has no files; give arrays or bytes");
}
