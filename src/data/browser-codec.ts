/** Files of pictures in a page, by the browser. A canvas rounds colors where alpha is neither 0 nor 255. */
import { DataError } from "../errors.ts";
import type { Codec } from "./codec.ts";

function contextOf(width: number, height: number, alpha: boolean) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { alpha, willReadFrequently: true });
  if (!context) throw new DataError(`pictures: the browser gives no canvas of ${width}x${height}; make it smaller`);
  return { canvas, context };
}

export const codec: Codec = {
  async decode(bytes, { channels }) {
    const file = new Blob([bytes as Uint8Array<ArrayBuffer>]);
    const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", imageOrientation: "from-image" });
    const { width, height } = bitmap;
    const { context } = contextOf(width, height, channels === 4);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const { data } = context.getImageData(0, 0, width, height);
    return { width, height, channels: 4, data: new Uint8Array(data.buffer) };
  },
  async encode({ name, width, height, channels, data }, format) {
    if (format !== "PNG") throw new DataError(`picture ${name}: a page writes PNG alone, got ${format}; write PNG`);
    const { canvas, context } = contextOf(width, height, channels === 4);
    const image = context.createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      const at = i * channels;
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = data[at + (channels === 1 ? 0 : c)] ?? 0;
      image.data[4 * i + 3] = channels === 4 ? (data[at + 3] ?? 0) : 255;
    }
    context.putImageData(image, 0, 0);
    return new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
  },
};
