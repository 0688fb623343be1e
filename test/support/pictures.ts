/** Files of pictures, made here. */
import sharp from "sharp";

/** An IDX file of bytes. */
export const idx = (shape: readonly number[], data: ArrayLike<number>): Uint8Array =>
  Uint8Array.of(0, 0, 8, shape.length, ...shape.flatMap((size) => [0, 0, size >> 8, size & 255]), ...Array.from(data));

/** Pixels for sharp to write. */
export const drawn = (width: number, height: number, channels: 1 | 3 | 4, data: ArrayLike<number>) =>
  sharp(Uint8Array.from(data), { raw: { width, height, channels } });

/** The bytes of what sharp wrote. */
export const bytesFrom = async (image: { toBuffer(): Promise<Buffer> }): Promise<Uint8Array> =>
  new Uint8Array(await image.toBuffer());
