/** Files packed with gzip. */
import { DataError } from "../errors.ts";

/** Most bytes that a packed file may hold. */
const MOST = 2 ** 31;

/** `bytes` unpacked where they are gzipped. Throws DataError where they are damaged, cut off, or hold more than 2 GiB. */
export async function gunzipped(bytes: Uint8Array, name: string): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("gzip"));
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    for await (const piece of stream) {
      size += piece.length;
      if (size > MOST) throw new Error(`it holds more than ${MOST} bytes`);
      pieces.push(piece);
    }
  } catch (cause) {
    throw new DataError(
      `gzip ${name}: it is damaged or cut off (${(cause as Error).message}); copy or download it again`,
      {
        cause,
      },
    );
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
