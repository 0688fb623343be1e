/** A small classifier tells classes apart, and its features tell pictures from what only resembles them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { imagesOf, type Picture } from "../../src/data/index.ts";
import { drawDigit } from "../../src/digits/index.ts";
import { DataError } from "../../src/errors.ts";
import { judgeSamples, type SmallClassifier, smallClassifier } from "../../src/tasks/reconstruct/small-classifier.ts";

/** Upright digits in the middle, of one size. */
const drawn = (count: number, seed: number): Picture[] =>
  Array.from({ length: count }, (_, index) => {
    const { factors, pixels } = drawDigit({ seed, index, size: 16, slant: 0, x: 0, y: 0, scale: 0.65 });
    return { name: String(index), width: 16, height: 16, channels: 1, data: pixels, label: String(factors.class) };
  });
const labelsOf = (pictures: readonly Picture[]) => pictures.map(({ label }) => label ?? "");
const changed = (pictures: readonly Picture[], value: (data: Uint8Array, i: number) => number) =>
  pictures.map((picture) => ({ ...picture, data: picture.data.map((_, i) => value(picture.data, i)) }));

describe("a small classifier of 600 drawn digits", () => {
  const [train, others, more] = [drawn(600, 0), drawn(200, 1), drawn(200, 2)];
  const notes: string[] = [];
  let classifier: SmallClassifier;
  beforeAll(async () => {
    classifier = await smallClassifier(train, { threads: 1, onProgress: (note) => notes.push(note) });
  });
  afterAll(() => classifier.release());

  test("tells digits that it has not seen", async () => {
    expect(classifier.classes).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    const answers = await classifier.classify(imagesOf(others));
    const hits = others.filter(({ label }, i) => label === classifier.classes[answers[i] ?? -1]).length;
    expect(hits / others.length).toBeGreaterThan(0.9);
    expect(classifier.accuracy).toBeGreaterThan(0.9);
    expect(notes.length).toBeGreaterThan(0);
  });
  test("is the same for the same seed, whatever number of pictures is asked for at once", async () => {
    await using again = await smallClassifier(train, { threads: 1 });
    const features = await classifier.features(imagesOf(train));
    expect(features.shape).toEqual([600, 64]);
    expect(await again.features(imagesOf(train))).toEqual(features);
    const one = await classifier.features(imagesOf(train.slice(300, 301)));
    for (const [i, value] of one.data.entries()) expect(value).toBeCloseTo(Number(features.data[300 * 64 + i]), 4);
  });
  test("the class that it tells is the likeliest, and probabilities sum to 1", async () => {
    const { data, shape } = await classifier.probabilities(imagesOf(others));
    expect(shape).toEqual([200, 10]);
    const rows = others.map((_, i) => Array.from(data.slice(10 * i, 10 * i + 10), Number));
    for (const row of rows) expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    const likeliest = rows.map((row) => row.indexOf(Math.max(...row)));
    expect(Array.from(await classifier.classify(imagesOf(others)))).toEqual(likeliest);
  });
  test("the Fréchet distance is 0 of the same pictures, small of others, larger of moved and of noisy ones", async () => {
    const distance = async (samples: readonly Picture[]) => (await judgeSamples(classifier, others, samples)).frechet;
    expect(await distance(others)).toBeCloseTo(0, 4);
    const same = await distance(more);
    expect(await distance(changed(more, (data, i) => data[i - 2] ?? 0))).toBeGreaterThan(2 * same);
    expect(await distance(changed(more, (data, i) => (i % 3 === 0 ? 128 : (data[i] ?? 0))))).toBeGreaterThan(2 * same);
  });
  test("samples of a class that are of that class are counted", async () => {
    const right = await judgeSamples(classifier, others, more, labelsOf(more));
    expect(right.sample_accuracy).toBeGreaterThan(0.9);
    expect(Object.keys(right.by_class ?? {})).toEqual(classifier.classes);
    const wrong = await judgeSamples(classifier, others, more, labelsOf(more).map((label) => String((Number(label) + 1) % 10))); // biome-ignore format: one line
    expect(wrong.sample_accuracy).toBeLessThan(0.1);
    expect((await judgeSamples(classifier, others, more, more.map(() => "3"))).by_class).toHaveProperty("3"); // biome-ignore format: one line
  });
  test("what it cannot learn from is an error of one line", async () => {
    const bare = train.map(({ label: _, ...picture }) => picture);
    await expect(smallClassifier(bare)).rejects.toThrow('expected labelled pictures, got none for "0"');
    await expect(smallClassifier(train.map((one) => ({ ...one, label: "x" })))).rejects.toThrow(
      "at least 2 classes, got 1",
    );
    await expect(smallClassifier([])).rejects.toThrow(DataError);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(smallClassifier(train, { signal })).rejects.toThrow("enough");
  });
});
