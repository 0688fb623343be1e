/** Files of pictures in Node, by sharp (libvips). */
import { DataError } from "../errors.ts";
import type { Codec, Pixels } from "./codec.ts";

/** sharp, which is loaded when the first picture is decoded. Throws DataError where it has no binary. */
const loadSharp = async () =>
  (
    await import("sharp").catch((cause: Error) => {
      const [why] = cause.message.split("\n");
      throw new DataError(`pictures: sharp did not load (${why}); install it for this platform, or give IDX files`, {
        cause,
      });
    })
  ).default;

/** From inks as Pillow does: R = (255 - K) - C (255 - K) / 255. */
function fromInks({ width, height, data }: Pixels): Pixels {
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const light = 255 - (data[4 * i + 3] ?? 0);
    for (let c = 0; c < 3; c++) {
      const product = (data[4 * i + c] ?? 0) * light + 128;
      pixels[3 * i + c] = light - ((product + (product >> 8)) >> 8);
    }
  }
  return { width, height, channels: 3, data: pixels };
}

export const codec: Codec = {
  async decode(bytes, { width, height, cmyk }) {
    const sharp = await loadSharp();
    const opened = sharp(bytes, { failOn: "error", ignoreIcc: true, limitInputPixels: width * height });
    const upright = opened.autoOrient();
    const colored = cmyk ? upright.pipelineColourspace("cmyk").toColourspace("cmyk") : upright;
    const { data, info } = await colored.raw().toBuffer({ resolveWithObject: true });
    const pixels = { width: info.width, height: info.height, channels: info.channels, data: new Uint8Array(data) };
    return cmyk ? fromInks(pixels) : pixels;
  },
  async encode({ width, height, channels, data }, format) {
    const sharp = await loadSharp();
    const raw = sharp(data, { raw: { width, height, channels: channels as 1 | 3 | 4 } });
    const image = channels === 1 ? raw.toColourspace("b-w") : raw;
    const written =
      format === "PNG"
        ? image.png({ compressionLevel: 9, adaptiveFiltering: true })
        : image.webp({ lossless: true, exact: true });
    return new Uint8Array(await written.toBuffer());
  },
};
