/** What codes hold is measured: beside pixels, deterministically, and only where there are labels. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { imagesOf, readPictures } from "../../src/data/index.ts";
import { digitImages, digitLabels, drawnDigits } from "../../src/digits/index.ts";
import { ConfigError } from "../../src/errors.ts";
import { openSource } from "../../src/files/index.ts";
import { linearClassifier, nearestNeighbors } from "../../src/metrics/points/index.ts";
import { probe } from "../../src/tasks/probe.ts";
import { train } from "../../src/tasks/train.ts";
import { descent, TINY } from "../cli/support.ts";
import { memory } from "../support/runs.ts";

function digits(count: number, seed: number, labelled = true) {
  const drawn = drawnDigits({ count, seed, size: 14 });
  const labels = [{ name: "t-labels-idx1-ubyte", bytes: digitLabels(drawn) }];
  return { name: `digits of seed ${seed}`, files: [{ name: "t-images-idx3-ubyte", bytes: digitImages(drawn) }, ...(labelled ? labels : [])] }; // biome-ignore format: one line
}
/** Even digits alone. */
function evenDigits(count: number) {
  const drawn = drawnDigits({ count, seed: 4, size: 14 });
  const even = [...drawn.labels.keys()].filter((n) => (drawn.labels[n] ?? 0) % 2 === 0);
  const images = Uint8Array.from(even.flatMap((n) => [...drawn.images.subarray(n * 196, (n + 1) * 196)]));
  const own = { ...drawn, count: even.length, images, labels: Uint8Array.from(even, (n) => drawn.labels[n] ?? 0) };
  return [
    { name: "t-images-idx3-ubyte", bytes: digitImages(own) },
    { name: "t-labels-idx1-ubyte", bytes: digitLabels(own) },
  ];
}
const [data, val] = [digits(500, 0), digits(120, 1)];
const store = memory();
beforeAll(async () => {
  const config = { latent: 8, hidden_size: 64 };
  await train("vae", { task: "reconstruct", data, val, config, store, steps: 600, batch: 50, lr: 4e-3, threads: 1 });
});

describe("a probe", () => {
  test("finds more than chance in codes, and in pixels what the same measures find there", async () => {
    const found = await probe(store, { data, val, threads: 1 });
    expect(found).toMatchObject({ classes: 10, latent: 8, train: { pictures: 500 }, test: { pictures: 120 } });
    expect(found.codes.linear).toBeGreaterThan(0.2); // one of ten by chance
    expect(found.codes.nearest).toBeGreaterThan(0.2);
    const read = async (given: typeof data) => (await readPictures(openSource(given, {}))).pictures;
    const [known, held] = [await read(data), await read(val)];
    const labels = (pictures: typeof known) => pictures.map(({ label }) => Number(label));
    const linear = await linearClassifier(imagesOf(known), labels(known));
    // Pictures come in another order, which only rounding sees.
    expect(found.pixels.linear).toBeCloseTo(linear.accuracy(imagesOf(held), labels(held)), 2);
    const nearest = await nearestNeighbors(imagesOf(known), labels(known), imagesOf(held));
    const hits = labels(held).filter((label, i) => label === nearest[i]).length;
    expect(found.pixels.nearest).toBeCloseTo(hits / held.length, 2);
    for (const { nmi, ari } of [found.codes, found.pixels]) {
      expect(nmi).toBeGreaterThan(0);
      expect(nmi).toBeLessThan(1);
      expect(ari).toBeLessThan(nmi);
    }
    expect(await probe(store, { data, val, threads: 1 })).toEqual(found);
  });
  test("takes fewer pictures where it is told so, and holds some out of what it is given", async () => {
    const found = await probe(store, { data, most: 40, threads: 1 });
    expect([found.train.pictures, found.test.pictures]).toEqual([40, 40]);
    expect(found.test.data).toBe("digits of seed 0, held out");
  });
  test("knows labels that the run was not told, and counts those that it has not learned as missed", async () => {
    const blind = memory();
    const config = { latent: 2, hidden_size: 8 };
    const bare = digits(100, 0, false);
    await train("vae", { task: "reconstruct", data: bare, val: bare, config, store: blind, steps: 2, threads: 1 });
    const found = await probe(blind, { data, val, threads: 1 });
    expect(found.classes).toBe(10);
    expect(found.pixels).toEqual((await probe(store, { data, val, threads: 1 })).pixels);
    const even = { name: "even", files: evenDigits(200) };
    const odd = await probe(blind, { data: even, val, threads: 1 });
    expect(odd.classes).toBe(5);
    expect(odd.pixels.nearest).toBeLessThan(0.65); // about half of the digits are even
  });
  test("needs labels, options that it knows, and a run", async () => {
    const bare = digits(50, 2, false);
    await expect(probe(store, { data: bare, val: bare })).rejects.toThrow(
      "expected labelled pictures in digits of seed 2",
    );
    await expect(probe(store, { data, neighbours: 3 } as object)).rejects.toThrow(ConfigError);
    await expect(probe(memory(), { data })).rejects.toThrow("config.json");
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(probe(store, { data, val, signal })).rejects.toThrow("enough");
  });
});

describe("descent probe", () => {
  const folder = mkdtempSync(join(tmpdir(), "descent-probe-"));
  const run = join(folder, "run");
  beforeAll(async () => {
    const line = `train vae --data digits:300 --set latent=2 --set hidden_size=16 --set conditional=true --steps 3 --threads 1 --quiet --out ${run}`;
    expect((await descent(line.split(" "))).code).toBe(0);
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  test("learns from what the run was trained on, and measures on what it held out", async () => {
    const { code, out } = await descent(["probe", run, "--json", "--threads", "1", "--k", "1"]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      train: { data: "digits:300", pictures: 270 },
      test: { data: "digits:300, held out", pictures: 30 },
      latent: 2,
      conditional: true,
    });
  });
  test("lets a small classifier judge samples, by the class that they were drawn for", async () => {
    const { out } = await descent(["probe", run, "--samples", "50", "--most", "150", "--threads", "1", "--quiet"]);
    const [, accuracy] =
      /^50 samples, in the features of a small classifier trained here \(accuracy (0\.\d{4})\):$/m.exec(out) ?? [];
    expect(Number(accuracy)).toBeGreaterThan(0.3);
    const [, drawn, floor] = /^Frechet distance ([\d.]+); of pictures learned from ([\d.]+)$/m.exec(out) ?? [];
    expect(Number(drawn)).toBeGreaterThan(2 * Number(floor)); // three steps make no digits
    const [, all, each = ""] = /^taken for the class asked for: ([\d.]+) \((.*)\)$/m.exec(out) ?? [];
    const shares = each.split(", ").map((one) => Number(one.split(" ")[1]));
    expect(shares).toHaveLength(10);
    const mean = shares.reduce((sum, share) => sum + share / 10, 0); // five samples of each
    expect(Number(all)).toBeCloseTo(mean, 9);
  });
  test("prints a table, and one line for what is no run of pictures", async () => {
    const { out } = await descent(["probe", run, "--threads", "1", "--val", "digits:40:1", "--most", "100", "--quiet"]);
    expect(out).toMatch(/^40 pictures of digits:40:1, in 10 classes, after 100 of digits:300$/m);
    expect(out).toMatch(/^ +linear +neighbours +NMI +ARI$/m);
    expect(out).toMatch(/^codes of 2 numbers( +0\.\d{4}){4}$/m);
    expect(out).toMatch(/^the model is conditional: its encoder is told the label of every picture/m);
    const failed = await descent(["probe", folder]);
    expect(failed.code).toBe(2);
    expect(failed.err).toMatch(/^descent: .*config\.json/);
    const text = join(folder, "text");
    await descent(`train gpt ${TINY.join(" ")} --steps 1 --quiet --out ${text}`.split(" "));
    expect((await descent(["probe", text])).err).toBe(
      `descent: probe ${text}: expected the run of an autoencoder of pictures (task reconstruct), got one of task language; train one with descent train vae\n`,
    );
  });
});
