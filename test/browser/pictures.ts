/** Files of pictures as a page reads and writes them; the same files are read in Node by test/data/picture-codec.test.ts. */
import { decodePicture, encodePng, encodeWebp, readPictures } from "../../src/browser.ts";
import { DataError } from "../../src/errors.ts";
import { png } from "../support/png.ts";

/** Throws where values are further apart than `within`. */
function same(what: string, got: ArrayLike<number>, expected: readonly number[], within = 0): void {
  const near =
    got.length === expected.length && expected.every((value, i) => Math.abs(value - (got[i] ?? 0)) <= within);
  if (!near) throw new Error(`${what}: expected ${expected}, got ${Array.from(got)}`);
}

async function refused(what: string, act: () => Promise<unknown>, expected: RegExp): Promise<void> {
  const error = await act().catch((cause: unknown) => cause);
  const fits = error instanceof DataError && expected.test(error.message) && !error.message.includes("\n");
  if (!fits) throw new Error(`${what}: expected DataError ${expected}, got ${String(error)}`);
}

/** A file of the browser's own making: left half `left`, right half `right`. */
async function drawn(type: string, left: string, right: string): Promise<Uint8Array> {
  const canvas = new OffscreenCanvas(32, 16);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  for (const [x, color] of [
    [0, left],
    [16, right],
  ] as const) {
    context.fillStyle = color;
    context.fillRect(x, 0, 16, 16);
  }
  return new Uint8Array(await (await canvas.convertToBlob({ type, quality: 1 })).arrayBuffer());
}

/** A JPEG with Exif (CIPA DC-008) that says its orientation and nothing else. */
const oriented = (jpeg: Uint8Array, orientation: number): Uint8Array => {
  const exif = [
    0x45,
    0x78,
    0x69,
    0x66,
    0,
    0,
    0x4d,
    0x4d,
    0,
    42,
    0,
    0,
    0,
    8,
    0,
    1,
    1,
    0x12,
    0,
    3,
    0,
    0,
    0,
    1,
    0,
    orientation,
    0,
    0,
    0,
    0,
    0,
    0,
  ];
  return Uint8Array.of(0xff, 0xd8, 0xff, 0xe1, 0, exif.length + 2, ...exif, ...jpeg.subarray(2));
};

async function pngs(): Promise<void> {
  const files: Record<string, [bytes: Uint8Array, channels: number, values: number[], within?: number]> = {
    gray: [png({ width: 3, height: 1 }, [[0, 51, 255]]), 1, [0, 51, 255]],
    color: [png({ width: 2, height: 1, color: 2 }, [[1, 2, 3, 40, 50, 60]]), 3, [1, 2, 3, 40, 50, 60]],
    alpha: [png({ width: 2, height: 1, color: 6 }, [[1, 2, 3, 255, 0, 0, 0, 0]]), 4, [1, 2, 3, 255, 0, 0, 0, 0]],
    "half alpha": [png({ width: 1, height: 1, color: 6 }, [[100, 150, 200, 128]]), 4, [100, 150, 200, 128], 2],
    gamma: [png({ width: 2, height: 1, more: [["gAMA", [0, 0, 0x27, 0x10]]] }, [[50, 150]]), 1, [50, 150]],
    "16 bits": [png({ width: 3, height: 1, bits: 16 }, [[0, 255, 1, 255, 255, 0]]), 1, [0, 1, 255], 1],
    palette: [
      png({ width: 2, height: 1, color: 3, more: [["PLTE", [1, 2, 3, 40, 50, 60]]] }, [[1, 0]]),
      3,
      [40, 50, 60, 1, 2, 3],
    ],
  };
  for (const [what, [bytes, channels, values, within]] of Object.entries(files)) {
    const picture = await decodePicture(bytes, "a.png");
    if (picture.channels !== channels) throw new Error(`${what}: got ${picture.channels} channels`);
    same(what, picture.data, values, within);
  }
}

async function others(): Promise<void> {
  const turned = await decodePicture(oriented(await drawn("image/jpeg", "#c8c8c8", "#141414"), 6), "a.jpg");
  same("size", [turned.width, turned.height, turned.channels], [16, 32, 3]);
  same("orientation", [turned.data[0] ?? 0, turned.data.at(-1) ?? 0], [200, 20], 2); // left is now above
  const webp = await decodePicture(await drawn("image/webp", "#c8c8c8", "#141414"), "a.webp");
  same("webp", [webp.width, webp.height, webp.data[0] ?? 0], [32, 16, 200], 2);
}

async function damaged(): Promise<void> {
  const whole = png({ width: 40, height: 40 }, Array(40).fill(Array.from({ length: 40 }, (_, i) => i)));
  const broken = whole.slice();
  broken[60] = (broken[60] ?? 0) ^ 0x55;
  const moving = png({ width: 1, height: 1, more: [["acTL", [0, 0, 0, 2, 0, 0, 0, 0]]] }, [[9]]);
  const read = (bytes: Uint8Array) => () => decodePicture(bytes, "a.png");
  await refused("cut off", read(whole.subarray(0, 900)), /^picture a\.png: .*cut off/);
  await refused("broken", read(broken), /^picture a\.png: expected a whole PNG, got a damaged one/);
  await refused("animation", read(moving), /got an animation/);
  await refused("bomb", read(png({ width: 60_000, height: 60_000 }, [[0]])), /got 60000x60000/);
  await refused("text", read(new TextEncoder().encode("hello")), /expected PNG, JPEG or WebP/);
}

/** All of it; throws what is wrong. */
export async function pictures(): Promise<void> {
  await pngs();
  await others();
  await damaged();
  const color = { name: "a", width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 40, 50, 60) };
  const gray = { name: "a", width: 6, height: 1, channels: 1, data: color.data };
  for (const picture of [color, gray])
    same("written", (await decodePicture(await encodePng(picture), "a.png")).data, [...picture.data]);
  await refused("webp", () => encodeWebp(color), /a page writes PNG alone/);
  const files = [
    { name: "cat/a.png", bytes: png({ width: 2, height: 1 }, [[9, 9]]) },
    { name: "dog/a.png", bytes: png({ width: 1, height: 1 }, [[7]]) },
  ];
  const read = await readPictures({ name: "pets", files }, { size: "2" });
  same(
    "folder",
    read.pictures.flatMap(({ data }) => [...data]),
    [9, 9, 9, 9, 7, 7, 7, 7],
  );
  if (read.classes.join() !== "cat,dog") throw new Error(`classes: got ${read.classes}`);
}
