/** Pictures from IDX files, folders and tables, and what is said of those that cannot be read. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  asSource,
  grid,
  imagesOf,
  normalized,
  type Picture,
  type Pictures,
  picturesOf,
  readPictures,
} from "../../src/data/index.ts";
import { DataError } from "../../src/errors.ts";
import { openSource } from "../../src/files/index.ts";
import { stream } from "../../src/runtime/index.ts";
import { bytesFrom, drawn, idx } from "../support/pictures.ts";
import { png } from "../support/png.ts";

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

const rowsOf = (values: readonly number[], width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, y) => values.slice(y * width, (y + 1) * width));

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

  test("drawn digits, by name", async () => {
    const { pictures, ...set } = await readPictures(openSource("digits:50:1", {}));
    expect(set).toMatchObject({ name: "digits:50:1", width: 28, height: 28, channels: 1 });
    expect(pictures).toHaveLength(50);
    expect(pictures.every(({ label }) => set.classes.includes(label ?? ""))).toBe(true);
  });

  test("damage anywhere gives pictures or one line", async () => {
    const draw = stream(1, 0, "idx");
    const [images, labels] = [IMAGES, LABELS].map(({ bytes }) => bytes) as [Uint8Array, Uint8Array];
    for (let n = 0; n < 200; n++) {
      const [at = 0, value = 0, cut = 0] = draw.integers(3, 2 ** 30, 3 * n);
      const damaged = [images, labels].map((bytes, i) => {
        const copy = bytes.slice(0, n % 2 === i ? bytes.length : cut % (bytes.length + 1));
        if (copy.length > 0) copy[at % copy.length] = value % 256;
        return copy;
      }) as [Uint8Array, Uint8Array];
      const files = [
        { ...IMAGES, bytes: damaged[0] },
        { ...LABELS, bytes: damaged[1] },
      ];
      const outcome = await readPictures(inMemory(files)).catch((cause: unknown) => cause);
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(DataError);
    }
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

describe("folders", () => {
  const gray = (values: readonly number[], width = values.length) =>
    png({ width, height: values.length / width }, rowsOf(values, width));
  const file = (name: string, values: readonly number[], width?: number): File => ({
    name,
    bytes: gray(values, width),
  });
  const read = (files: readonly (File | { name: string; text: string })[], options = {}) =>
    readPictures(asSource({ name: "set", files }, none), options);
  const summary = ({ pictures }: Pictures) => pictures.map(({ name, label, data }) => [name, label, [...data]]);

  test("a folder for each class, hidden files and others passed over", async () => {
    const files = [
      ...[file("dog/a.png", [1, 2]), file("cat/b.png", [3, 4]), file("cat/.c.png", [5, 6])],
      ...[file(".thumbnails/b.png", [5, 6]), file("__MACOSX/cat/b.png", [5, 6]), { name: "README.md", text: "dogs" }],
    ];
    const found = await read(files);
    expect(found.classes).toEqual(["cat", "dog"]);
    expect(summary(found)).toEqual([
      ["dog/a.png", "dog", [1, 2]],
      ["cat/b.png", "cat", [3, 4]],
    ]);
  });

  test("a folder without classes has no labels", async () => {
    const found = await read([file("a.png", [1, 2]), file("b.png", [3, 4])]);
    expect(found.classes).toEqual([]);
    expect(found.pictures[0]).not.toHaveProperty("label");
    expect((await read([file("train/images/a.png", [1, 2]), file("train/images/b.png", [3, 4])])).classes).toEqual([]);
    expect(await refusal(read([file("a.png", [1]), file("cat/b.png", [3])]))).toMatch(
      /a\.png beside cat\/b\.png; move/,
    );
  });

  test("the bytes tell what a picture is, not its name", async () => {
    const webp = await bytesFrom(drawn(1, 1, 3, [1, 2, 3]).webp({ lossless: true }));
    expect(summary(await read([{ name: "a.png", bytes: webp }]))).toEqual([["a.png", undefined, [1, 2, 3]]]);
    expect(
      await refusal(read([file("a.png", [1]), { name: "b.jpg", bytes: new TextEncoder().encode("no picture") }])),
    ).toMatch(/^picture b\.jpg: expected PNG, JPEG or WebP, got bytes of none of them/);
  });

  test("an empty folder, and one of other files", async () => {
    expect(await refusal(read([]))).toMatch(/expected PNG, JPEG or WebP files, IDX or csv, got none among 0 files/);
    expect(await refusal(read([{ name: "a.txt", text: "a" }]))).toMatch(/got none among 1 files/);
  });

  test("sizes and channels that differ are refused unless one is asked for", async () => {
    const sizes = [file("a.png", [9, 9, 9, 9], 2), file("b.png", Array(16).fill(9), 4)];
    expect(await refusal(read(sizes))).toMatch(
      /a\.png of 2x2 with 1 channel and b\.png of 4x4.*give a size, such as size=2x2/,
    );
    const same = await read(sizes, { size: "3x2" });
    expect(same).toMatchObject({ width: 3, height: 2, channels: 1 });
    expect(same.pictures.map(({ data }) => [...data])).toEqual([Array(6).fill(9), Array(6).fill(9)]);
    const colors = [
      file("a.png", [0, 100], 2),
      { name: "b.png", bytes: png({ width: 2, height: 1, color: 2 }, [[255, 0, 0, 0, 0, 255]]) },
      { name: "c.png", bytes: png({ width: 2, height: 1, color: 6 }, [[255, 0, 0, 255, 1, 2, 3, 0]]) },
    ];
    expect(await refusal(read(colors))).toMatch(/give color=rgb or gray/);
    expect(summary(await read(colors, { color: "gray" })).map(([, , data]) => data)).toEqual([
      [0, 100],
      [76, 29],
      [76, 255],
    ]);
    expect((await read(colors, { color: "rgb" })).pictures.map(({ data }) => [...data.subarray(3)])).toEqual([
      [100, 100, 100],
      [0, 0, 255],
      [255, 255, 255],
    ]);
  });

  test("a picture of one pixel, and one of 10,000 by 1", async () => {
    expect(await read([file("a.png", [7])])).toMatchObject({ width: 1, height: 1, channels: 1 });
    const long = await read([file("a.png", Array(10_000).fill(7))], { size: "28" });
    expect(new Set(long.pictures[0]?.data)).toEqual(new Set([7]));
    for (const fit of ["cover", "contain"])
      expect(await read([file("a.png", Array(10_000).fill(7))], { size: "28x20", fit })).toMatchObject({
        width: 28,
        height: 20,
      });
  });

  test("one picture alone", async () => {
    const found = await readPictures(asSource(file("a.png", [1, 2]), none));
    expect(summary(found)).toEqual([["a.png", undefined, [1, 2]]]);
  });

  test("a table of paths and labels, in the folder or given itself", async () => {
    const files = [file("x/a.png", [1]), file("b.png", [2]), file("unused.png", [3])];
    const table = { name: "list.csv", text: "path,label\nx/a.png,yes\n./b.png,no\nx\\a.png,no\n" };
    const found = await read([...files, table]);
    expect(summary(found)).toEqual([
      ["x/a.png", "yes", [1]],
      ["b.png", "no", [2]],
      ["x/a.png", "no", [1]],
    ]);
    const [, , , own] = (await asSource({ name: "set", files: [...files, table] }, none).files?.()) ?? [];
    expect(own && summary(await readPictures(own))).toEqual(summary(found));
    const lines = { name: "metadata.jsonl", text: '{"file_name": "b.png", "kind": "no"}\n' };
    expect(summary(await read([...files, lines], { label: "kind" }))).toEqual([["b.png", "no", [2]]]);
    expect(summary(await read([...files, lines]))).toEqual([["b.png", undefined, [2]]]);
    const bare = { name: "list.csv", text: "x/a.png,yes\nb.png,no\n" };
    expect(summary(await read([...files, bare]))).toEqual(summary(found).slice(0, 2));
    expect(await refusal(read([...files, table, bare]))).toMatch(/expected one table, got list.csv and list.csv/);
  });

  test("a table that names what is not there or outside its folder, or leaves out a label", async () => {
    const told = (text: string) =>
      refusal(read([file("a.png", [1]), { name: "list.csv", text: `path,label\n${text}\n` }]));
    expect(await told("b.png,x")).toMatch(/^table list\.csv, line 2: .*none of that name/);
    for (const path of ["../a.png", "/etc/passwd", "x/../../a.png", "C:\\a.png", "..\\a.png"])
      expect(await told(`${path},x`)).toMatch(/^table list\.csv, line 2: .*stay in it/);
    expect(await told("a.png,\na.png,x")).toMatch(/line 2: expected a label in column label, got nothing/);
    expect(await told(",x")).toMatch(/line 2: expected a path in column path/);
    const alone = asSource({ name: "list.csv", text: "path,label\na.png,x\n" }, none);
    expect(await refusal(readPictures(alone))).toMatch(/pictures lie beside it, got a table alone/);
  });

  test("rows of pixels, with a header or without", async () => {
    const rows = "7,0,51,102,255\n3,1,2,3,4\n";
    const expected = [
      ["0", "7", [0, 51, 102, 255]],
      ["1", "3", [1, 2, 3, 4]],
    ];
    const table = (text: string, options = {}) => readPictures(asSource({ name: "train.csv", text }, none), options);
    expect(summary(await table(rows))).toEqual(expected);
    expect(summary(await table(`label,pixel0,pixel1,pixel2,pixel3\r\n${rows}`))).toEqual(expected);
    const last = "p0,p1,p2,p3,digit\n0,51,102,255,7\n1,2,3,4,3\n";
    expect(summary(await table(last, { label: "digit" }))).toEqual(expected);
    expect(summary(await table("pixel0,pixel1,pixel2,pixel3\n1,2,3,4\n"))).toEqual([["0", undefined, [1, 2, 3, 4]]]);
    expect(await table(rows, { size: "4" })).toMatchObject({ width: 4, height: 4, channels: 1 });
    expect((await read([{ name: "train.csv", text: rows }])).classes).toEqual(["3", "7"]);
    expect(await refusal(table("7,0,51,102,256\n"))).toMatch(/line 1: expected pixels as whole numbers.*got "256"/);
    expect(await refusal(table("7,0,51,102,255\n3,1,2\n"))).toMatch(/line 2: expected 5 columns/);
    expect(await refusal(table("1,2,3\n"))).toMatch(/got 3 columns; a picture of 28x28 has 784/);
    expect(await refusal(table("label,p\n"))).toMatch(/expected pictures, got none/);
  });

  test("an abort stops, notes say how far it is", async () => {
    const files = Array.from({ length: 1000 }, (_, i) => file(`${i}.png`, [i % 256]));
    const notes: string[] = [];
    const source = asSource({ name: "set", files }, none);
    const { pictures } = await readPictures(source, {}, { onProgress: (note) => notes.push(note) });
    expect(pictures.map(({ data }) => data[0])).toEqual(files.map((_, i) => i % 256)); // whichever came first
    expect(notes).toEqual(["pictures of set: 500 of 1000", "pictures of set: 1000 of 1000"]);
    const stop = new AbortController();
    const stopped = readPictures(
      source,
      {},
      { signal: stop.signal, onProgress: () => stop.abort(new Error("enough")) },
    );
    await expect(stopped).rejects.toThrow("enough");
  });

  test("on disk: folders of classes, a folder in the data directory, a table and what it may not name", async () => {
    const at = mkdtempSync(join(tmpdir(), "descent-pictures-"));
    try {
      mkdirSync(join(at, "pets/cat"), { recursive: true });
      mkdirSync(join(at, "pets/dog"));
      writeFileSync(join(at, "pets/cat/1.png"), gray([1]));
      writeFileSync(join(at, "pets/dog/1.png"), gray([2]));
      writeFileSync(join(at, "list.csv"), "path,label\npets/cat/1.png,a\npets/cow/1.png,b\n");
      writeFileSync(join(at, "out.csv"), `path,label\n${join(at, "pets/cat/1.png")},a\n`);
      const expected = [
        ["cat/1.png", "cat", [1]],
        ["dog/1.png", "dog", [2]],
      ];
      expect(summary(await readPictures(openSource(join(at, "pets"), {})))).toEqual(expected);
      expect(summary(await readPictures(openSource("pets", { dataDir: at })))).toEqual(expected);
      expect(await refusal(readPictures(openSource("cows", { dataDir: at })))).toMatch(
        /got none of that name; .*DESCENT_DATA/,
      );
      const table = (name: string) => refusal(readPictures(openSource(join(at, name), {})));
      expect(await table("list.csv")).toMatch(
        /line 3: expected the file "pets\/cow\/1\.png" beside the table, got none/,
      );
      expect(await table("out.csv")).toMatch(/line 2: .*stay in it/);
    } finally {
      rmSync(at, { recursive: true, force: true });
    }
  });
});

describe("numbers and pictures", () => {
  const still = (data: readonly number[], channels = 1): Picture => ({
    ...{ name: "a", width: data.length / channels, height: 1, channels, data: Uint8Array.from(data) },
  });

  test("there and back", () => {
    const pictures = [still([0, 1, 254, 255, 128, 7], 3), still([9, 8, 7, 6, 5, 4], 3)];
    expect(picturesOf(imagesOf(pictures))).toEqual(pictures.map((picture, i) => ({ ...picture, name: String(i) })));
    const beyond = { data: Float32Array.of(-1, 2, Number.NaN, 0.5), shape: [1, 1, 1, 4], dtype: "f32" as const };
    expect([...(picturesOf(beyond)[0]?.data ?? [])]).toEqual([0, 255, 0, 128]);
    expect(() => picturesOf({ ...beyond, shape: [4] })).toThrow(/expected floats \[B, C, H, W\].*got f32 \[4\]/);
    expect(() => imagesOf([])).toThrow(/expected pictures, got none/);
  });

  test("normalised by channel", () => {
    const images = imagesOf([still([0, 51, 255, 255, 51, 0], 3)]); // two pixels of three channels
    const { data } = normalized(images, [0.5, 0.2, 0], [0.5, 0.1, 2]);
    expect(Array.from(data as Float32Array, (value) => Math.round(value * 1000) / 1000)).toEqual([-1, 1, 0, 0, 0.5, 0]);
    expect(normalized(images, [0], [1])).toEqual(images);
    expect(() => normalized(images, [0, 1], [1])).toThrow(/expected mean as 1 or 3 numbers/);
    expect(() => normalized(images, [0], [0])).toThrow(/expected deviation/);
  });

  test("a grid", () => {
    const laid = grid([still([1, 2]), still([3, 4]), still([5, 6])], 2);
    expect(laid).toMatchObject({ width: 5, height: 3, channels: 1 });
    expect([...laid.data]).toEqual([1, 2, 0, 3, 4, 0, 0, 0, 0, 0, 5, 6, 0, 0, 0]);
    expect([...grid([still([1, 2]), still([3, 4])], 9, 0).data]).toEqual([1, 2, 3, 4]);
    expect(() => grid([still([1])], 0)).toThrow(/expected columns/);
    expect(() => grid([still([1]), still([1, 2])], 1)).toThrow(/pictures of one size/);
  });
});
