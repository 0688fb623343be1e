/** Safetensors files of which only the header is read, for Node only. */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { CheckpointError } from "../errors.ts";
import { readStart, withFile } from "./node-files.ts";
import { dataStart, type Header, parseHeader, type StoredTensor, type TensorInfo } from "./safetensors.ts";

/** Enough for the length of the header, and to name what is no safetensors file. */
const HEAD_BYTES = 512;

/** The checked header alone, without reading the numbers. Throws CheckpointError. */
export async function readHeader(path: string): Promise<Header> {
  const size = await withFile("reading", path, constants.O_RDONLY, async (_, found) => found.size);
  const start = dataStart(await readStart(path, Math.min(size, HEAD_BYTES)), size);
  return parseHeader(await readStart(path, start), size);
}

/** A tensor in a file, read when its bytes are asked for. */
class MappedTensor implements StoredTensor {
  readonly dtype: StoredTensor["dtype"];
  readonly shape: readonly number[];
  readonly place: { readonly file: string; readonly offset: number };
  readonly #length: number;
  constructor(file: string, start: number, { dtype, shape, begin, end }: TensorInfo) {
    this.dtype = dtype;
    this.shape = shape;
    this.place = { file, offset: start + begin };
    this.#length = end - begin;
  }

  get data(): Uint8Array {
    const { file, offset } = this.place;
    const bytes = new Uint8Array(this.#length);
    const descriptor = openSync(file, "r");
    try {
      for (let at = 0; at < bytes.length; ) {
        const read = readSync(descriptor, bytes, at, bytes.length - at, offset + at);
        if (read === 0) throw new CheckpointError(`reading ${file}: the file was cut off while it was read`);
        at += read;
      }
    } finally {
      closeSync(descriptor);
    }
    return bytes;
  }
}

/** The tensors of a file, whose bytes stay there, in their order. */
export async function mapSafetensors(
  path: string,
): Promise<{ tensors: Map<string, StoredTensor>; metadata: Map<string, string> }> {
  const { tensors, metadata, dataStart: start } = await readHeader(path);
  const mapped = [...tensors].map(([name, info]): [string, StoredTensor] => [
    name,
    new MappedTensor(path, start, info),
  ]);
  return { tensors: new Map(mapped), metadata };
}
