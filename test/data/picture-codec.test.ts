/** Files of pictures: what is read of them, and what is said of those that cannot be. */
import { describe, expect, test } from "vitest";
import { decodePicture, encodePng, encodeWebp, type Picture } from "../../src/data/index.ts";
import { writePng } from "../../src/data/png.ts";
import { DataError } from "../../src/errors.ts";
import { stream } from "../../src/runtime/index.ts";
import { bytesFrom, drawn } from "../support/pictures.ts";
import { png } from "../support/png.ts";

const decode = (bytes: Uint8Array): Promise<Picture> => decodePicture(bytes, "a.png");
const valuesOf = async (bytes: Uint8Array): Promise<number[]> => [...(await decode(bytes)).data];

async function refusal(bytes: Uint8Array): Promise<string> {
  const error = await decode(bytes).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(DataError);
  const { message } = error as DataError;
  expect(message).toMatch(/^picture a\.png: expected .*; /);
  expect(message).not.toMatch(/[\n/\\]/);
  return message;
}

const COLORS = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 99, 199];
const still = (width: number, height: number, channels: number, data: readonly number[]): Picture => ({
  ...{ name: "a.png", width, height, channels, data: Uint8Array.from(data) },
});

describe("PNG", () => {
  test("gray, colors, and either with alpha", async () => {
    expect(await decode(png({ width: 3, height: 1 }, [[0, 51, 255]]))).toEqual(still(3, 1, 1, [0, 51, 255]));
    expect(await decode(png({ width: 2, height: 2, color: 2 }, [COLORS.slice(0, 6), COLORS.slice(6)]))).toEqual(
      still(2, 2, 3, COLORS),
    );
    expect(await decode(png({ width: 2, height: 1, color: 6 }, [[1, 2, 3, 0, 4, 5, 6, 100]]))).toEqual(
      still(2, 1, 4, [1, 2, 3, 0, 4, 5, 6, 100]),
    );
    expect(await decode(png({ width: 2, height: 1, color: 4 }, [[10, 128, 20, 255]]))).toEqual(
      still(2, 1, 4, [10, 10, 10, 128, 20, 20, 20, 255]),
    );
  });

  test("few bits are stretched to 8, of 16 the upper 8 are kept", async () => {
    expect(await valuesOf(png({ width: 8, height: 1, bits: 1 }, [[0b10110001]]))).toEqual([
      255, 0, 255, 255, 0, 0, 0, 255,
    ]);
    expect(await valuesOf(png({ width: 4, height: 1, bits: 2 }, [[0b00011011]]))).toEqual([0, 85, 170, 255]);
    expect(await valuesOf(png({ width: 2, height: 1, bits: 4 }, [[0x1f]]))).toEqual([17, 255]);
    expect(await valuesOf(png({ width: 3, height: 1, bits: 16 }, [[0, 255, 1, 255, 255, 0]]))).toEqual([0, 1, 255]);
    expect(await valuesOf(png({ width: 1, height: 1, bits: 16, color: 2 }, [[7, 200, 8, 0, 9, 255]]))).toEqual([
      7, 8, 9,
    ]);
  });

  test("palettes, transparent or not", async () => {
    const more = [["PLTE", [1, 2, 3, 40, 50, 60]]] as const;
    expect(await decode(png({ width: 2, height: 1, color: 3, more }, [[1, 0]]))).toEqual(
      still(2, 1, 3, [40, 50, 60, 1, 2, 3]),
    );
    const clear = png({ width: 2, height: 1, color: 3, more: [...more, ["tRNS", [7]]] }, [[1, 0]]);
    expect(await decode(clear)).toEqual(still(2, 1, 4, [40, 50, 60, 255, 1, 2, 3, 7]));
  });

  test("a gamma and a profile change nothing", async () => {
    const gamma = png({ width: 2, height: 1, more: [["gAMA", [0, 0, 0x27, 0x10]]] }, [[50, 150]]);
    expect(await valuesOf(gamma)).toEqual([50, 150]);
    const wide = await bytesFrom(drawn(1, 1, 3, [200, 50, 10]).withIccProfile("p3").png());
    const plain = await bytesFrom(drawn(1, 1, 3, [200, 50, 10]).png());
    expect(await valuesOf(plain)).toEqual([200, 50, 10]);
    expect(wide.length).toBeGreaterThan(plain.length);
    expect(await valuesOf(wide)).not.toEqual([200, 50, 10]); // the numbers of that profile, as they are stored
  });

  test("an animation is refused, one frame of it is none", async () => {
    const frames = (count: number) =>
      png({ width: 1, height: 1, more: [["acTL", [0, 0, 0, count, 0, 0, 0, 0]]] }, [[9]]);
    expect(await refusal(frames(2))).toMatch(/expected a still picture, got an animation/);
    expect(await valuesOf(frames(1))).toEqual([9]);
  });

  test("one that claims 60,000 by 60,000 pixels is refused before anything is set aside", async () => {
    const bomb = png({ width: 60_000, height: 60_000 }, [[0]]);
    const start = performance.now();
    expect(await refusal(bomb)).toMatch(/expected at most 67108864 pixels, got 60000x60000/);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(await refusal(png({ width: 0, height: 3 }, [[]]))).toMatch(/got 0x3/);
  });

  test("what is cut off or damaged is refused", async () => {
    const whole = png({ width: 40, height: 40 }, Array(40).fill([...stream(1, 0, "x").integers(40, 256)]));
    for (const size of [9, 20, 40, whole.length - 13, whole.length - 1])
      expect(await refusal(whole.subarray(0, size))).toMatch(/expected a whole PNG, got one that is cut off/);
    const damaged = whole.slice();
    damaged[60] = (damaged[60] ?? 0) ^ 0x55;
    expect(await refusal(damaged)).toMatch(/expected a whole PNG, got a damaged one/);
  });
});

describe("JPEG", () => {
  const flat = (channels: 1 | 3, color: readonly number[]) => drawn(8, 8, channels, Array(64).fill(color).flat());

  test("gray and colors", async () => {
    const gray = await decode(await bytesFrom(flat(1, [77]).toColourspace("b-w").jpeg()));
    expect(gray).toEqual(still(8, 8, 1, Array(64).fill(77)));
    const { channels, data } = await decode(await bytesFrom(flat(3, [200, 50, 10]).jpeg({ quality: 100 })));
    expect(channels).toBe(3);
    expect(Math.abs((data[0] ?? 0) - 200)).toBeLessThanOrEqual(1);
  });

  test("Exif's orientation is applied, all eight", async () => {
    // the left upper corner is 200; where it is shown follows from the standard's table of rows and columns
    const corner: Record<number, [x: number, y: number]> = {
      ...{ 1: [0, 0], 2: [1, 0], 3: [1, 1], 4: [0, 1], 5: [0, 0], 6: [1, 0], 7: [1, 1], 8: [0, 1] },
    };
    const stored = Array.from({ length: 32 * 16 }, (_, i) => (i % 32 < 16 && i < 32 * 8 ? 200 : 20));
    for (const [orientation, [x, y]] of Object.entries(corner)) {
      const image = drawn(32, 16, 1, stored)
        .toColourspace("b-w")
        .withMetadata({ orientation: Number(orientation) });
      const { width, height, channels, data } = await decode(await bytesFrom(image.jpeg({ quality: 100 })));
      expect([width, height]).toEqual(Number(orientation) > 4 ? [16, 32] : [32, 16]);
      const at = (right: number, down: number) =>
        data[channels * (Math.floor(((down + 0.5) * height) / 2) * width + Math.floor(((right + 0.5) * width) / 2))] ??
        0;
      const bright = [0, 1].flatMap((down) =>
        [0, 1].filter((right) => at(right, down) > 100).map((right) => [right, down]),
      );
      expect(bright).toEqual([[x, y]]);
    }
  });

  test("inks become colors by (255 - ink) (255 - black) / 255", async () => {
    const file = await bytesFrom(flat(3, [200, 50, 10]).toColourspace("cmyk").jpeg({ quality: 100 }));
    const { channels, data } = await decode(file);
    expect(channels).toBe(3);
    const [c = 0, m = 0, y = 0, k = 0] = await drawnInks(file);
    [c, m, y].forEach((ink, i) => {
      expect(data[i]).toBe(255 - k - Math.round((ink * (255 - k)) / 255));
    });
  });

  test("bytes between the parts, which cameras leave, change nothing", async () => {
    const whole = await bytesFrom(drawn(16, 16, 3, stream(1, 0, "x").integers(768, 256)).jpeg());
    const table = whole.findIndex((byte, i) => byte === 0xff && whole[i + 1] === 0xc4);
    for (const at of [2, table, whole.length - 2]) {
      const loose = Uint8Array.of(...whole.subarray(0, at), 1, 2, 3, ...whole.subarray(at), 7);
      expect(await decode(loose)).toEqual(await decode(whole));
    }
  });

  test("one without its end, and one of 12 bits, are refused", async () => {
    const whole = await bytesFrom(flat(3, [1, 2, 3]).jpeg());
    for (const size of [3, 30, whole.length - 30, whole.length - 2])
      expect(await refusal(whole.subarray(0, size))).toMatch(/JPEG, got/);
    const deep = whole.slice();
    const frame = deep.findIndex((byte, i) => byte === 0xff && (deep[i + 1] === 0xc0 || deep[i + 1] === 0xc2));
    deep[frame + 4] = 12;
    expect(await refusal(deep)).toMatch(/JPEG of 8 bits, got 12/);
  });
});

/** The inks of the first pixel. */
async function drawnInks(file: Uint8Array): Promise<number[]> {
  const { default: sharp } = await import("sharp");
  return [...(await sharp(file).pipelineColourspace("cmyk").toColourspace("cmyk").raw().toBuffer()).subarray(0, 4)];
}

describe("WebP", () => {
  test("lossless, with alpha and without", async () => {
    const opaque = await bytesFrom(drawn(2, 2, 3, COLORS).webp({ lossless: true }));
    expect(await decode(opaque)).toEqual(still(2, 2, 3, COLORS));
    const clear = [1, 2, 3, 0, 4, 5, 6, 100];
    const file = await bytesFrom(drawn(2, 1, 4, clear).webp({ lossless: true, exact: true }));
    expect(await decode(file)).toEqual(still(2, 1, 4, clear));
    const lossy = await decode(await bytesFrom(drawn(16, 8, 3, Array(384).fill(99)).webp()));
    expect(lossy).toMatchObject({ width: 16, height: 8, channels: 3 });
  });

  test("an animation, what is cut off and what is damaged are refused", async () => {
    const { default: sharp } = await import("sharp");
    const frames = Uint8Array.from({ length: 4 * 8 * 3 }, (_, i) => (i < 48 ? 200 : 20));
    const raw = { width: 4, height: 8, channels: 3, pageHeight: 4 } as const;
    const moving = await bytesFrom(sharp(frames, { raw }).webp({ loop: 0, delay: [10, 10] }));
    expect(await refusal(moving)).toMatch(/expected a still picture, got an animation/);
    const whole = await bytesFrom(drawn(16, 8, 3, stream(1, 0, "x").integers(384, 256)).webp({ lossless: true }));
    expect(await refusal(whole.subarray(0, -5))).toMatch(/expected a whole WebP, got one that is cut off/);
    const damaged = whole.slice();
    damaged.fill(0xff, 25);
    expect(await refusal(damaged)).toMatch(/WebP|pixels/);
  });
});

test("other files are named as what they are", async () => {
  const text = (content: string) => new TextEncoder().encode(content.padEnd(40, "."));
  expect(await refusal(new Uint8Array())).toMatch(/expected a picture, got an empty file/);
  expect(await refusal(text("hello"))).toMatch(/expected PNG, JPEG or WebP, got bytes of none of them/);
  expect(await refusal(text("GIF89a"))).toMatch(/got a GIF; save it as PNG/);
  expect(await refusal(text("<svg xmlns="))).toMatch(/got a SVG/);
  expect(await refusal(text("....ftypavif"))).toMatch(/got a AVIF/);
});

test("what is written is read as it was: gray, colors and alpha, as PNG and as WebP", async () => {
  for (const channels of [1, 3, 4]) {
    const picture = still(7, 5, channels, [...stream(channels, 0, "pixels").integers(35 * channels, 256)]);
    expect(await decode(await encodePng(picture))).toEqual(picture);
    expect(await decode(await writePng(picture))).toEqual(picture); // what a page writes
    const back = await decode(await encodeWebp(picture));
    if (channels > 1) expect(back).toEqual(picture);
    else expect([...back.data].filter((_, i) => i % 3 === 0)).toEqual([...picture.data]); // WebP has no gray
  }
});

test("random bytes, and files cut off or changed anywhere, give a picture or one line", async () => {
  const draw = stream(8, 0, "damage");
  const smooth = Array.from({ length: 20 * 10 * 3 }, (_, i) => (i * 7) % 256);
  const image = () => drawn(20, 10, 3, smooth);
  const whole = [
    await bytesFrom(image().png()),
    await bytesFrom(image().jpeg()),
    await bytesFrom(image().jpeg({ progressive: true })),
    await bytesFrom(image().webp()),
    await bytesFrom(image().webp({ lossless: true })),
  ];
  const damaged = whole.flatMap((bytes, kind) =>
    Array.from({ length: 60 }, (_, n) => {
      const [at = 0, value = 0, cut = 0] = draw.integers(3, 2 ** 30, 3 * (60 * kind + n));
      const copy = bytes.slice(0, n % 3 === 0 ? cut % bytes.length : bytes.length);
      if (n % 3 > 0) copy[at % bytes.length] = value % 256;
      if (n % 3 > 1) copy.fill(value % 256, at % bytes.length, (at % bytes.length) + (cut % 20));
      return copy;
    }),
  );
  const starts = whole.map((bytes) => bytes.subarray(0, 16));
  const random = Array.from({ length: 60 }, (_, n) =>
    Uint8Array.of(...(starts[n % 6] ?? []), ...draw.integers(80, 256, 10_000 + 80 * n)),
  );
  let read = 0;
  for (const bytes of [...damaged, ...random]) {
    const outcome = await decode(bytes).catch((cause: unknown) => cause);
    if (outcome instanceof Error) {
      expect(outcome).toBeInstanceOf(DataError);
      expect(outcome.message).toMatch(/^picture a\.png: expected [^\n]*; [^\n]*$/);
    } else read++;
  }
  expect(read).toBeGreaterThan(0);
}, 60_000);
