/** Pictures compressed and restored from the command line. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bitPng, otherFormats } from "../../src/compress/node-formats.ts";
import { decodePicture, encodePng, type Picture } from "../../src/data/index.ts";
import { picturesOf, type Size } from "../compress/subject.ts";
import { descent, workIn } from "./support.ts";

const size: Size = [1, 6, 5];
const pictures = picturesOf(size, 12, "two");

let place: ReturnType<typeof workIn>;

/** A run of a few steps on the pictures in `data`. */
async function trained(out: string, ...more: string[]): Promise<void> {
  const keys = "--set hidden_size=8 --set num_layers=1 --set latent=2 --steps 3 --batch 4 --threads 1 --quiet".split(
    " ",
  );
  const { code, err } = await descent(["train", "vae", "--data", "data", "--out", out, ...keys, ...more]);
  expect(err).not.toMatch(/expected/);
  expect(code).toBe(0);
}

beforeAll(async () => {
  place = workIn("compress");
  mkdirSync("data");
  for (const [i, picture] of pictures.entries()) writeFileSync(`data/${i}.png`, await encodePng(picture));
  await trained("runs/first");
  await trained("runs/second", "--seed", "1");
});
afterAll(() => place.leave());

const files = pictures.map((_, i) => `data/${i}.png`);
const restored = async (folder: string): Promise<Picture[]> => {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".png"));
  return Promise.all(names.map(async (name) => decodePicture(readFileSync(`${folder}/${name}`), name)));
};
const sorted = (all: readonly Picture[]) =>
  [...all].sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, data }) => [name, [...data]]);
const original = () => sorted(pictures.map((picture, i) => ({ ...picture, name: `${i}.png` })));

describe("compress and decompress", () => {
  test("files come back under their names, pixel for pixel, whatever place is asked for", async () => {
    const two = await descent([
      "compress",
      "runs/first",
      ...files,
      "-o",
      "two.dsc",
      "--threads",
      "2",
      "--device",
      "wasm",
    ]);
    expect(two.code).toBe(0);
    expect(two.out).toMatch(/^12 pictures of 5x6 -> two.dsc/);
    expect(two.out).toMatch(/negative ELBO +[\d.]+\n/);
    expect(two.out).toMatch(/PNG, each a file[\s\S]*gzip of all bits[\s\S]*WebP lossless/);
    const one = await descent(["compress", "runs/first", ...files, "-o", "one.dsc", "--threads", "1", "--no-compare"]);
    expect(one.out).not.toMatch(/PNG/);
    expect(readFileSync("one.dsc")).toEqual(readFileSync("two.dsc"));
    const back = await descent(["decompress", "two.dsc", "-o", "back", "--threads", "1"]); // the file names the run
    expect(back).toMatchObject({ code: 0, out: "12 pictures -> back\n" });
    expect(sorted(await restored("back"))).toEqual(original());
  });

  test("a folder, so many of it, as JSON", async () => {
    const made = await descent(["compress", "./runs/first/", "data", "-o", "folder.dsc", "--n", "5", "--json"]);
    const { pictures: count, values, bytes, rate, others } = JSON.parse(made.out);
    expect([count, values, bytes]).toEqual([5, 150, statSync("folder.dsc").size]);
    expect(Object.keys(rate)).toEqual(["net", "gross", "file", "elbo"]);
    expect(others).toHaveLength(5);
    const back = await descent(["decompress", "folder.dsc", "-o", "some", "--run", "runs/first", "--json"]);
    const { files: names } = JSON.parse(back.out);
    expect(names).toHaveLength(5);
    expect(sorted(await restored("some"))).toEqual(original().filter(([name]) => names.includes(name)));
  });

  test("folders of the same names stay apart", async () => {
    mkdirSync("more");
    writeFileSync("more/0.png", await encodePng(pictures[3] as Picture));
    await descent(["compress", "runs/first", "data", "more", "-o", "both.dsc"]);
    await descent(["decompress", "both.dsc", "-o", "both"]);
    const data = (name: string, i: number): void =>
      expect(all.find((found) => found.name === name)?.data).toEqual(pictures[i]?.data);
    const all = await restored("both");
    data("data/0.png", 0);
    data("more/0.png", 3);
  });

  test("pictures of an IDX file come back as files called by their numbers", async () => {
    const head = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 12, 0, 0, 0, 6, 0, 0, 0, 5);
    writeFileSync("test-images-idx3-ubyte", Buffer.concat([head, ...pictures.map(({ data }) => data)]));
    await descent(["compress", "runs/first", "test-images-idx3-ubyte", "-o", "idx.dsc"]);
    await descent(["decompress", "idx.dsc", "-o", "idx"]);
    expect(sorted(await restored("idx"))).toEqual(original());
    await descent(["compress", "runs/first", "test-images-idx3-ubyte", "-o", "last.dsc", "--skip", "9", "--n", "2"]);
    await descent(["decompress", "last.dsc", "-o", "last"]);
    expect(sorted(await restored("last"))).toEqual(
      original().filter(([name]) => name === "9.png" || name === "10.png"),
    );
  });

  test("grey levels are refused, or made black and white where that is asked for", async () => {
    const grey = picturesOf(size, 1, "all")[0] as Picture;
    writeFileSync("grey.png", await encodePng(grey));
    const refused = await descent(["compress", "runs/first", "grey.png", "-o", "grey.dsc"]);
    expect(refused.code).not.toBe(0);
    expect(refused.err).toMatch(/compress grey.png: .* levels 0 and 255.*likelihood=logistic.*\n$/);
    expect(existsSync("grey.dsc")).toBe(false);
    await descent(["compress", "runs/first", "grey.png", "-o", "grey.dsc", "--binarize"]);
    await descent(["decompress", "grey.dsc", "-o", "grey"]);
    expect((await restored("grey"))[0]?.data).toEqual(grey.data.map((level) => (level > 127 ? 255 : 0)));
  });
});

describe("what is refused leaves nothing behind", () => {
  const refused = async (...args: string[]): Promise<string> => {
    const before = readdirSync(".");
    const { code, err, out } = await descent(args);
    expect(code).not.toBe(0);
    expect(out).toBe("");
    expect(err.trim()).not.toContain("\n");
    expect(readdirSync(".")).toEqual(before);
    return err;
  };

  test("another run's model, a damaged file, no file, no run", async () => {
    await descent(["compress", "runs/first", "data", "-o", "a.dsc"]);
    expect(await refused("decompress", "a.dsc", "-o", "no", "--run", "runs/second")).toMatch(/got another vae/);
    writeFileSync("cut.dsc", readFileSync("a.dsc").subarray(0, -1));
    expect(await refused("decompress", "cut.dsc", "-o", "no")).toMatch(/damaged or cut off/);
    expect(await refused("decompress", "none.dsc", "-o", "no")).toMatch(/no such file/);
    expect(await refused("decompress", "data/0.png", "-o", "no")).toMatch(
      /expected a file that descent compress wrote/,
    );
    expect(await refused("decompress", "a.dsc", "-o", "no", "--run", "runs/third")).toMatch(/runs\/third/);
  });

  test("a folder that has something in it", async () => {
    await descent(["compress", "runs/first", "data", "-o", "a.dsc"]);
    expect(await refused("decompress", "a.dsc", "-o", "data")).toMatch(/expected an empty folder or none, got 12/);
    expect(await refused("decompress", "a.dsc", "-o", "a.dsc")).toMatch(/a part of the path is not a folder/);
  });

  test("a place where nothing can be written, before anything is computed", async () => {
    mkdirSync("taken.dsc", { recursive: true });
    const place = await refused("compress", "runs/first", "data", "-o", "taken.dsc");
    expect(place).toMatch(/^descent: --out taken.dsc: it is a folder; name a file in it$/m);
    const nowhere = await refused("compress", "runs/first", "data", "-o", "none/a.dsc");
    expect(nowhere).toMatch(/^descent: --out none\/a.dsc: none: no such file or folder/);
    await descent(["compress", "runs/first", "data", "-o", "a.dsc"]);
    if (process.platform === "linux")
      expect(await refused("decompress", "a.dsc", "-o", "/proc/restored", "--quiet")).toMatch(
        /^descent: --out \/proc\/restored: .*; nothing was written$/m,
      );
  });

  test("more pictures than there are, a run that makes no codes, pictures of another size", async () => {
    expect(await refused("compress", "runs/first", "data", "-o", "b.dsc", "--n", "99")).toMatch(
      /expected 99 pictures after 0, got 12 of 12/,
    );
    mkdirSync("wide");
    writeFileSync("wide/0.png", await encodePng(picturesOf([1, 6, 7], 1, "two")[0] as Picture));
    expect(await refused("compress", "runs/first", "wide", "-o", "b.dsc")).toMatch(
      /5x6 with 1 channel.*7x6 with 1 channel/,
    );
    writeFileSync("text.txt", "to be or not to be ".repeat(40));
    const tiny =
      "--set n_embd=8 --set n_layer=1 --set n_head=1 --context 8 --batch 2 --steps 1 --threads 1 --quiet".split(" ");
    await descent(["train", "gpt", "--data", "text.txt", "--out", "runs/gpt", ...tiny]);
    expect(await refused("compress", "runs/gpt", "data", "-o", "b.dsc")).toMatch(
      /expected a run whose model makes codes of images, got one of gpt2 for task language/,
    );
  });
});

describe("other formats", () => {
  test("a PNG of one bit is a PNG of the same picture", async () => {
    for (const [height, width] of [
      [6, 5],
      [1, 1],
      [3, 16],
      [2, 17],
    ] as const) {
      const [picture] = picturesOf([1, height, width], 1, "two") as [Picture];
      const found = await decodePicture(await bitPng(picture), "bits");
      expect([found.width, found.height, [...found.data]]).toEqual([width, height, [...picture.data]]);
    }
  });

  test("pictures of more levels are counted with 8 bits", async () => {
    const sizes = await otherFormats(picturesOf([3, 6, 5], 4, "all"));
    expect(sizes.map(({ name }) => name)).toContain("gzip of all levels");
    for (const { bytes } of sizes) expect(bytes).toBeGreaterThan(4 * 90 * 0.8); // noise does not become less
  });
});
