/** Files of pictures in a page, by the browser. Its canvas rounds colors where alpha is neither 0 nor 255. */
import { DataError } from "../errors.ts";
import type { Codec } from "./codec.ts";
import { writePng } from "./png.ts";

export const codec: Codec = {
  async decode(bytes, { channels }) {
    const file = new Blob([bytes as Uint8Array<ArrayBuffer>]);
    const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", imageOrientation: "from-image" });
    const { width, height } = bitmap;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { alpha: channels === 4, willReadFrequently: true });
    if (!context) throw new DataError(`expected a canvas of ${width}x${height}, got none; make the picture smaller`);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const { data } = context.getImageData(0, 0, width, height);
    return { width, height, channels: 4, data: new Uint8Array(data.buffer) };
  },
  async encode(picture, format) {
    if (format === "PNG") return writePng(picture);
    throw new DataError(`picture ${picture.name}: a page writes PNG alone, got ${format}; write PNG`);
  },
};
