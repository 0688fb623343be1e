/** Autoencoders from the command line: sampled, walked through, reconstructed, embedded; a line for whatever is wrong. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodePicture, encodePng } from "../../src/data/index.ts";
import { drawDigit } from "../../src/digits/index.ts";
import { descent, TINY, workIn } from "./support.ts";

let place: ReturnType<typeof workIn>;
const run = async (line: string) => {
  const { code, out, err } = await descent(line.split(" "));
  expect([line, code, code ? err : ""]).toEqual([line, 0, ""]);
  return { out, err };
};
/** The line of what goes wrong. */
const fails = async (line: string) => {
  const { code, out, err } = await descent(line.split(" "));
  expect([code, out, err.split("\n").length]).toEqual([2, "", 2]);
  return err.slice("descent: ".length, -1);
};
const pictureIn = async (path: string) => decodePicture(new Uint8Array(readFileSync(path)), path);
const sizeOf = async (path: string) => {
  const { width, height, channels } = await pictureIn(path);
  return [width, height, channels];
};

const SMALL =
  "--data digits:1000 --steps 250 --batch 50 --lr 0.005 --threads 1 --quiet --set latent=3 --set hidden_size=24";
beforeAll(async () => {
  place = workIn("latent");
  mkdirSync("strokes/3", { recursive: true });
  mkdirSync("strokes/5");
  mkdirSync("empty");
  for (const [i, label] of [3, 5, 3, 5, 3].entries()) {
    const { pixels } = drawDigit({ seed: 9, index: i, class: label });
    const png = await encodePng({ name: "", width: 28, height: 28, channels: 1, data: pixels });
    writeFileSync(`strokes/${label}/${i}.png`, png);
  }
  const [a, b] = ["strokes/3/0.png", "strokes/5/1.png"];
  writeFileSync("a.png", readFileSync(a));
  writeFileSync("b.png", readFileSync(b));
  await sharp(a).resize(20, 20).toFile("small.png");
  await run(`train vae ${SMALL} --out vae`);
  await run(`train vae --conditional ${SMALL} --out cond`);
  await run(`train gpt ${TINY.join(" ")} --steps 2 --quiet --out text`);
});
afterAll(() => place.leave());

describe("sample", () => {
  test("writes a grid into the run and says so", async () => {
    expect((await run("sample vae")).out).toBe("16 pictures -> vae/sample.png\n");
    expect(await sizeOf("vae/sample.png")).toEqual([3 * (4 * 28 + 3), 3 * (4 * 28 + 3), 1]); // each pixel thrice
  });

  test("is a function of the seed; --out, --columns, --scale and --json", async () => {
    const line = "sample vae -n 6 --columns 3 --scale 1 --json";
    const { out } = await run(`${line} --seed 4 --out four.png`);
    expect(JSON.parse(out)).toEqual({
      ...{ run: "vae", n: 6, seed: 4, class: null, columns: 3 },
      ...{ out: "four.png", width: 3 * 28 + 2, height: 2 * 28 + 1, scale: 1 },
    });
    await run(`${line} --seed 4 --out again.png`);
    await run(`${line} --seed 5 --out five.png`);
    expect(readFileSync("again.png")).toEqual(readFileSync("four.png"));
    expect((await pictureIn("five.png")).data).not.toEqual((await pictureIn("four.png")).data);
    await run("sample vae -n 2 --columns 2 --scale 1 --temperature 0 --out cold.png");
    const { data } = await pictureIn("cold.png"); // both are of the code 0
    for (let y = 0; y < 28; y++)
      expect([...data.subarray(y * 57, y * 57 + 28)]).toEqual([...data.subarray(y * 57 + 29, y * 57 + 57)]);
  });

  test("of a conditional model has a column for each class, or one class", async () => {
    const { out } = await run("sample cond --scale 1 --out all.png");
    expect(out).toBe("40 pictures, a column for each of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 -> all.png\n");
    expect(await sizeOf("all.png")).toEqual([10 * 28 + 9, 4 * 28 + 3, 1]);
    expect((await run("sample cond -n 1 --class 3 --out three.png")).out).toBe("1 picture -> three.png\n");
  });

  test("says in one line what is wrong", async () => {
    expect(await fails("sample vae -n 0")).toBe('option --n: expected a whole number from 1 to 1000000, got "0"');
    expect(await fails("sample vae --class 3")).toBe(
      'class: the model is not conditional, got "3"; train it with conditional=true',
    );
    expect(await fails("sample cond --class 33")).toBe(
      'class: expected one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, got "33" (did you mean "3"?)',
    );
    expect(await fails("sample text")).toMatch(
      /^sample text: expected the run of an autoencoder \(task reconstruct.*\), got one of task language; use descent generate$/,
    );
    expect(await fails("embed text a.png")).toMatch(/, got one of task language; train one with descent train vae$/);
    expect(await fails("sample vae --out missing/grid.png")).toBe(
      "--out missing/grid.png: missing: no such file or folder (ENOENT); name a file in a folder of yours",
    );
    expect(await fails("sample vae --out grid.jpg")).toBe('--out: expected a file that ends in .png, got "grid.jpg"');
    mkdirSync("folder.png", { recursive: true });
    expect(await fails("sample vae --out folder.png")).toBe("--out folder.png: it is a folder; name a file in it");
    expect(await fails("sample missing")).toMatch(/^missing: expected a run or checkpoint/);
    expect(await fails("sample vae --sed 3")).toMatch(/unknown option '--sed' \(Did you mean --seed\?\)/);
  });
});

describe("interpolate", () => {
  test("goes from what is made of one picture to what is made of the other, linear or spherical", async () => {
    const { out } = await run("interpolate vae a.png b.png --scale 1 --steps 4");
    expect(out).toBe("4 pictures from a.png to b.png, linear -> vae/interpolate.png\n");
    await run("interpolate vae a.png b.png --scale 1 --steps 4 --how spherical --out arc.png");
    await run("reconstruct vae a.png b.png --scale 1 --out both.png");
    const [line, arc, both] = await Promise.all(["vae/interpolate.png", "arc.png", "both.png"].map(pictureIn));
    expect([line?.width, line?.height]).toEqual([4 * 29 - 1, 28]);
    expect(arc?.data).not.toEqual(line?.data);
    for (let y = 0; y < 28; y++)
      for (let x = 0; x < 28; x++)
        for (const [start, column] of [
          [0, 0],
          [87, 29],
        ] as const) {
          const made = both?.data[(29 + y) * 57 + column + x] ?? 0;
          for (const walk of [line, arc])
            expect(Math.abs((walk?.data[y * 115 + start + x] ?? 999) - made)).toBeLessThanOrEqual(1);
        }
  });

  test("a conditional model is told the class of a picture that has none", async () => {
    expect(await fails("interpolate cond a.png b.png")).toMatch(
      /^picture a\.png: expected a label, as the model is conditional, of 0, 1, .*, got none; name its class$/,
    );
    const { out } = await run("interpolate cond a.png b.png --class 3 --json");
    expect(JSON.parse(out)).toMatchObject({ from: "a.png", to: "b.png", how: "linear", steps: 9 });
  });

  test("refuses a picture of another size, and one that is not there", async () => {
    expect(await fails("interpolate vae a.png small.png")).toMatch(
      /^picture small\.png: expected 28x28 with 1 channel as in training, got 20x20 with \d channels?; give pictures of that size$/,
    );
    expect(await fails("interpolate vae a.png missing.png")).toMatch(/^data missing\.png: expected a file/);
    expect(await fails("interpolate vae a.png")).toMatch(/missing required argument 'b'/);
    expect(await fails("interpolate vae a.png b.png --how round")).toMatch(/how: expected one of linear, spherical/);
    expect(existsSync("vae/missing.png")).toBe(false);
  });
});

describe("reconstruct", () => {
  test("puts originals above reconstructions, and fills up the last row", async () => {
    const { out } = await run("reconstruct vae strokes --columns 3 --scale 1");
    expect(out).toMatch(
      /^5 pictures, originals above reconstructions, mean of \d+\.\d\d nats given the code, and \d+\.\d\d of the code -> vae\/reconstruct\.png\n$/,
    );
    const { width, height, data } = await pictureIn("vae/reconstruct.png");
    expect([width, height]).toEqual([3 * 28 + 2, 2 * (2 * 28 + 1) + 4]);
    const { pixels } = drawDigit({ seed: 9, index: 0, class: 3 });
    for (let y = 0; y < 28; y++)
      for (let x = 0; x < 28; x++) expect(data[y * 86 + x]).toBe((pixels[y * 28 + x] ?? 0) > 127 ? 255 : 0);
    const last = data.subarray(61 * 86).filter((_, i) => i % 86 > 57);
    expect(Math.max(...last)).toBe(0);
  });

  test("with --json gives the nats of each, whose mean is what is said", async () => {
    const { out } = await run("reconstruct vae strokes/3 strokes/5 --json --out r.png");
    const events = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ event }) => event)).toEqual([...Array(5).fill("reconstructed"), "done"]);
    expect(events.map(({ name }) => name).slice(0, 4)).toEqual([
      "strokes/3/0.png",
      "strokes/3/2.png",
      "strokes/3/4.png",
      "strokes/5/1.png",
    ]);
    expect(events[5]).toMatchObject({ run: "vae", given: 5, shown: 5, out: "r.png" });
    const said = (await run("reconstruct vae strokes --out r.png")).out;
    const nats = events.slice(0, 5).reduce((sum, event) => sum + event.nats / 5, 0);
    expect(said).toContain(`mean of ${nats.toFixed(2)} nats`);
  });

  test("takes standard input, and so many evenly out of all", async () => {
    expect((await run("reconstruct vae digits:200:1 -n 4 --out r.png")).out).toMatch(/^4 of 200 pictures, /);
    const { out } = await run("reconstruct vae digits:200:1 -n 4 --out r.png --json");
    const names = out
      .split("\n")
      .slice(0, 4)
      .map((line) => JSON.parse(line).name);
    expect(names).toEqual(["0", "50", "100", "150"]);
    expect(await fails("reconstruct vae")).toMatch(/^picture standard input: expected a picture, got an empty file/);
  });

  test("beside it, predict gives a line for each picture of a folder or set", async () => {
    const lines = (await run("predict vae strokes")).out.split("\n");
    expect(lines).toHaveLength(5 + 1);
    expect(lines[3]).toMatch(/^5\/1\.png\t\d+\.\d\d\t\d+\.\d\d$/);
    expect((await run("predict vae digits:7")).out.split("\n")).toHaveLength(7 + 1);
    const drawn = await run("predict vae a.png --pictures drawn");
    expect(drawn.err).toBe("--pictures: nothing was drawn, as predict gives numbers; use descent reconstruct vae\n");
    expect(await fails("predict vae missing.png")).toMatch(/^data missing\.png: expected a file, a folder/);
  });

  test("refuses a folder without pictures", async () => {
    expect(await fails("reconstruct vae empty")).toMatch(/^data empty: expected PNG, JPEG or WebP files/);
  });
});

describe("traverse", () => {
  test("has a row for each dimension, the most active first", async () => {
    const { out } = await run("traverse vae --json");
    const { dimensions, ...rest } = JSON.parse(out);
    expect(rest).toMatchObject({ start: null, from: -3, to: 3, steps: 7, width: 3 * (7 * 29 - 1) });
    expect(dimensions.map(({ dimension }: { dimension: number }) => dimension).sort()).toEqual([0, 1, 2]);
    const changes = dimensions.map(({ change }: { change: number }) => change);
    expect(changes).toEqual([...changes].sort((a, b) => b - a));
    const first = dimensions[0].dimension;
    const text = (await run("traverse vae --rows 1 --steps 3 --from -1 --to 1 --out t.png")).out;
    expect(text).toMatch(/^dimension {4}change\n +\d +0\.\d{4}\n1 of 3 rows from -1 to 1 -> t\.png\n$/);
    await run(`traverse vae --dimensions ${first} --out u.png`);
    await run("traverse vae --rows 1 --out t.png");
    expect(readFileSync("t.png")).toEqual(readFileSync("u.png"));
  });

  test("starts from a picture", async () => {
    const { out } = await run("traverse vae a.png --dimensions 2,0 --out t.png --scale 1 --json");
    expect(JSON.parse(out)).toMatchObject({ start: "a.png", dimensions: [{ dimension: 2 }, { dimension: 0 }] });
    expect(await fails("traverse vae small.png")).toMatch(/expected 28x28 with 1 channel as in training/);
    expect(await fails("traverse vae --dimensions 3")).toMatch(/^traverse: expected dimensions from 0 to 2, got 3/);
    expect(await fails("traverse vae --dimensions 1,x")).toMatch(/^option --dimensions: expected a whole number/);
  });
});

describe("embed", () => {
  test("prints a table with labels, which are those of the folders", async () => {
    const { out } = await run("embed vae strokes");
    const [head, ...rows] = out.trimEnd().split("\n");
    expect(head).toBe("name,label,z0,z1,z2");
    expect(rows.map((row) => row.split(",").slice(0, 2).join())).toEqual([
      "3/0.png,3",
      "3/2.png,3",
      "3/4.png,3",
      "5/1.png,5",
      "5/3.png,5",
    ]);
    const lines = (await run("embed vae strokes --json")).out.trimEnd().split("\n");
    for (const [i, line] of lines.entries()) {
      const { name, label, code } = JSON.parse(line);
      const cells = rows[i]?.split(",") ?? [];
      expect([name, label]).toEqual(cells.slice(0, 2));
      expect(cells.slice(2).map((cell) => Math.fround(Number(cell)))).toEqual(code); // every bit of f32
    }
    expect((await run("embed vae a.png")).out).toMatch(/^name,z0,z1,z2\na\.png,/);
  });

  test("writes csv and npy, by the ending or by --format, names and labels beside the array", async () => {
    const { out } = await run("embed vae strokes --out codes.csv");
    expect(out).toBe("5 codes of 3 dimensions -> codes.csv\n");
    const table = readFileSync("codes.csv", "utf8");
    expect(table).toBe((await run("embed vae strokes")).out);
    expect((await run("embed vae strokes --out codes.npy")).out).toBe(
      "5 codes of 3 dimensions -> codes.npy\nwhat they are of -> codes.names.csv\n",
    );
    const bytes = readFileSync("codes.npy");
    expect(bytes.subarray(0, 128).toString("latin1")).toContain("'<f4', 'fortran_order': False, 'shape': (5, 3), }");
    const rows = table
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((row) => row.split(","));
    const numbers = rows.flatMap((row) => row.slice(2).map((cell) => Math.fround(Number(cell))));
    expect(Array.from({ length: 15 }, (_, i) => bytes.readFloatLE(128 + 4 * i))).toEqual(numbers);
    expect(readFileSync("codes.names.csv", "utf8")).toBe(
      `name,label\n${rows.map((row) => `${row.slice(0, 2).join()}\n`).join("")}`,
    );
    await run("embed vae strokes --out codes.f32 --format npy");
    expect(readFileSync("codes.f32")).toEqual(bytes);
  });

  test("draws the plane, by components or UMAP", async () => {
    const { out } = await run("embed vae strokes --plot pca.svg");
    expect(out).toBe("plane -> pca.svg\n");
    const svg = readFileSync("pca.svg", "utf8");
    expect(svg).toContain("component 1, ");
    expect(svg.match(/<path /g)?.length).toBe(5 + 2); // and the key
    await run("embed vae digits:40 --by umap --plot umap.svg --seed 2");
    await run("embed vae digits:40 --by umap --plot again.svg --seed 2");
    expect(readFileSync("umap.svg", "utf8")).toContain("UMAP 1");
    expect(readFileSync("again.svg")).toEqual(readFileSync("umap.svg"));
  });

  test("says in one line what is wrong, and writes nothing", async () => {
    expect(await fails("embed vae a.png --plot one.svg --out one.csv")).toBe(
      "--plot: expected at least 2 codes, got 1; give more pictures or texts",
    );
    expect(await fails("embed vae a.png b.png --by umap --plot one.svg")).toMatch(/expected at least 4 codes, got 2/);
    for (const file of ["one.svg", "one.csv"]) expect(existsSync(file)).toBe(false);
    expect(await fails("embed vae empty")).toMatch(/^data empty: expected PNG, JPEG or WebP files/);
    expect(await fails("embed vae strokes --out codes.txt")).toBe(
      '--out: expected a file that ends in .csv or .npy, got "codes.txt"; or say --format',
    );
    expect(await fails("embed vae strokes --format nyp")).toBe(
      '--format: expected csv or npy, got "nyp" (did you mean "npy"?)',
    );
    expect(await fails("embed vae strokes --format npy")).toBe("--format npy: it is no text; name a file with --out");
    expect(await fails("embed vae strokes --plot plane.png")).toMatch(/^--plot: expected a file that ends in \.svg/);
    expect(await fails("embed vae strokes --by tsne --plot p.svg")).toBe('--by: expected pca or umap, got "tsne"');
    expect(await fails("embed cond a.png")).toMatch(/^picture a\.png: expected a label/);
    expect(await fails("embed cond a.png --class x")).toMatch(/^class: expected one of 0, 1/);
  });
});

describe("a model of texts", () => {
  const lines = ["a dog ran", "a cat ran", "the dog sat", "the cat sat", "a dog sat", "the cat ran"];
  beforeAll(async () => {
    writeFileSync("lines.txt", `${Array.from({ length: 8 }, () => lines.join("\n")).join("\n")}\n`);
    const small = "--set latent=2 --set hidden_size=16 --steps 60 --lr 0.02 --free-bits 1 --threads 1 --quiet";
    await run(`train gru --task reconstruct-text --data lines.txt ${small} --out lines`);
  });

  test("samples lines, on standard output or into a file", async () => {
    const { out } = await run("sample lines -n 3 --seed 1");
    expect(out).toMatch(/^(.*\n){3}$/);
    expect((await run("sample lines -n 3 --seed 1 --out three.txt")).out).toBe("3 texts -> three.txt\n");
    expect(readFileSync("three.txt", "utf8")).toBe(out);
    const { texts } = JSON.parse((await run("sample lines -n 3 --seed 1 --json")).out);
    expect(`${texts.join("\n")}\n`).toBe(out);
  });

  test("walks between two texts and along dimensions, and reconstructs what standard input brings", async () => {
    const args = ["interpolate", "lines", "a dog ran", "the cat sat", "--steps", "3"];
    const walk = await descent(args);
    expect([walk.code, walk.out.split("\n").length]).toEqual([0, 3 + 1]);
    const rows = await descent(["traverse", "lines", "a dog ran", "--steps", "2", "--json"]);
    const { start, dimensions } = JSON.parse(rows.out);
    expect([start, dimensions.map(({ texts }: { texts: string[] }) => texts.length)]).toEqual(["a dog ran", [2, 2]]);
    const { out } = await descent(["reconstruct", "lines"], { input: "a dog ran\n\nthe cat sat\n" });
    const blocks = out.split("\n\n").map((block) => block.trimEnd().split("\n"));
    expect(blocks.map(([original]) => original)).toEqual(["a dog ran", "the cat sat"]);
    expect(blocks.map(({ length }) => length)).toEqual([2, 2]);
  });

  test("is measured without pictures, and says so where some are asked for", async () => {
    const { err } = await run("eval lines --data lines.txt --pictures drawn --threads 1 --no-baselines");
    expect(err).toBe("--pictures: nothing was drawn, as there are no pictures of these scores\n");
  });

  test("gives a row of its table for each line, and refuses none", async () => {
    expect((await run("embed lines lines.txt")).out.split("\n").slice(0, 2).join()).toMatch(/^text,z0,z1,a dog ran,/);
    expect(await fails("embed lines empty.txt")).toMatch(/^input empty\.txt: no such file or folder/);
    expect(await fails("embed lines")).toBe("input -: expected at least one line, got none; name a file that has some");
    expect(await fails("sample lines --class 3")).toMatch(/unknown option '--class'/);
  });
});

test("Ctrl-C in the middle ends with 130 and leaves nothing half written", async () => {
  const { code, out, err } = await descent(["embed", "vae", "digits:3000", "--out", "stopped.csv"], {
    onErr: (text, send) => text.startsWith("codes: 500 of 3,000") && send("SIGINT"),
  });
  expect([code, out]).toEqual([130, ""]);
  expect(err).toContain("descent: stopped before anything was written\n");
  expect(existsSync("stopped.csv")).toBe(false);
});
