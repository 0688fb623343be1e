/** Pictures from IDX files, folders and tables, and what is said of those that cannot be read. */
import { describe, expect, test } from "vitest";
import { asSource, imagesOf, readPictures } from "../../src/data/index.ts";
import { DataError } from "../../src/errors.ts";
import { openSource } from "../../src/files/index.ts";

/** An IDX file of bytes. */
const idx = (shape: readonly number[], data: readonly number[]): Uint8Array =>
  Uint8Array.of(0, 0, 8, shape.length, ...shape.flatMap((size) => [0, 0, size >> 8, size & 255]), ...data);

const none = () => {
  throw new Error("no names here");
};
type File = { name: string; bytes: Uint8Array };
const inMemory = (files: readonly File[]) => asSource({ name: "set", files }, none);

/** Reads what cannot be read, and gives the one line that says so. */
async function refusal(reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(DataError);
  const { message } = error as DataError;
  expect(message).not.toContain("\n");
  return message;
}

const IMAGES = { name: "train-images-idx3-ubyte", bytes: idx([2, 1, 3], [0, 51, 255, 1, 2, 3]) };
const LABELS = { name: "train-labels-idx1-ubyte", bytes: idx([2], [7, 3]) };

describe("IDX files", () => {
  test("pictures and the labels beside them", async () => {
    const read = await readPictures(inMemory([IMAGES, LABELS]));
    expect(read).toMatchObject({ name: "set", width: 3, height: 1, channels: 1, classes: ["3", "7"] });
    expect(read.pictures[0]).toEqual({
      ...{ name: "0", width: 3, height: 1, channels: 1, data: Uint8Array.of(0, 51, 255), label: "7" },
    });
    expect(imagesOf(read.pictures)).toEqual({
      data: Float32Array.of(0, 0.2, 1, 1 / 255, 2 / 255, 3 / 255),
      shape: [2, 1, 1, 3],
      dtype: "f32",
    });
  });

  test("channels last in the file, first among the numbers", async () => {
    const bytes = idx([1, 2, 1, 3], [0, 51, 102, 153, 204, 255]);
    const { pictures, channels } = await readPictures(inMemory([{ name: "images-idx4-ubyte", bytes }]));
    expect(channels).toBe(3);
    expect(pictures[0]?.label).toBeUndefined();
    const { data, shape } = imagesOf(pictures);
    expect(shape).toEqual([1, 3, 2, 1]);
    expect(Array.from(data as Float32Array, (value) => Math.round(value * 5))).toEqual([0, 3, 1, 4, 2, 5]);
  });

  test("of several files the one to train on; otherwise one must be named", async () => {
    const others = [{ name: "t10k-images-idx3-ubyte", bytes: idx([1, 1, 1], [9]) }];
    expect((await readPictures(inMemory([...others, IMAGES]))).pictures).toHaveLength(2);
    const twice = [...others, { name: "a-images-idx3-ubyte", bytes: idx([1, 1, 1], [9]) }];
    expect(await refusal(readPictures(inMemory(twice)))).toMatch(/t10k-images-idx3-ubyte and a-images.*name the one/);
  });

  test("the digest tells pixels, labels and sizes apart", async () => {
    const digestOf = async (...files: File[]) => (await readPictures(inMemory(files))).digest;
    const digests = await Promise.all([
      digestOf(IMAGES, LABELS),
      digestOf(IMAGES),
      digestOf(IMAGES, { ...LABELS, bytes: idx([2], [7, 4]) }),
      digestOf({ ...IMAGES, bytes: idx([2, 3, 1], [0, 51, 255, 1, 2, 3]) }),
      digestOf({ ...IMAGES, bytes: idx([2, 1, 3], [0, 51, 255, 1, 2, 4]) }),
    ]);
    expect(new Set(digests).size).toBe(digests.length);
    expect(await digestOf(LABELS, IMAGES)).toBe(digests[0]);
  });

  test("what is cut off, of another count or no picture is refused", async () => {
    const read = (...files: File[]) => refusal(readPictures(inMemory(files)));
    expect(await read({ ...IMAGES, bytes: IMAGES.bytes.subarray(0, -1) })).toMatch(
      /expected 6 numbers.*got 5.*cut off/,
    );
    expect(await read(IMAGES, { ...LABELS, bytes: idx([3], [1, 2, 3]) })).toMatch(/labels of the 2 pictures.*got 3/);
    expect(await read({ ...IMAGES, bytes: idx([2, 1, 3, 2], Array(12).fill(0)) })).toMatch(/got \[2, 1, 3, 2\]/);
    expect(await read({ ...IMAGES, bytes: idx([0, 1, 3], []) })).toMatch(/expected pictures, got none/);
    expect(await read({ ...IMAGES, bytes: Uint8Array.of(0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0) })).toMatch(/type 13/);
  });

  test("MNIST's, where DESCENT_DATA holds it", async ({ skip }) => {
    const dataDir = process.env.DESCENT_DATA;
    if (!dataDir) return skip("set DESCENT_DATA to a folder with mnist/train20k-images-idx3-ubyte.gz and its labels");
    const { pictures, ...set } = await readPictures(openSource("mnist", { dataDir }));
    expect(set).toMatchObject({ width: 28, height: 28, channels: 1, classes: [..."0123456789"] });
    expect(pictures).toHaveLength(20_000);
    const [image, ...labels] = pictures.slice(0, 5);
    expect([image, ...labels].map((picture) => picture?.label)).toEqual(["5", "0", "4", "1", "9"]); // as everywhere
    expect(image?.data.reduce((sum, value) => sum + value, 0)).toBe(27_525);
  });
});
