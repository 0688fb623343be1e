/** Texts of codes, by a model whose probabilities can be counted: logits are the code, less how often each id was read. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CheckpointError } from "../../src/errors.ts";
import { CodeWriter, lengthPenalty } from "../../src/generate/index.ts";
import { type LatentTextModel, latentTextInputs } from "../../src/models/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import { host } from "../support/numbers.ts";

const END = 2; // ids are 0 and 1
const never = (): never => {
  throw new Error("the writer does not read texts");
};
const counting: LatentTextModel = {
  parts: {},
  inputs: latentTextInputs,
  vocabulary: 3,
  latent: 3,
  carried: { read: { shape: ["B", 3], dtype: "f32" } },
  forward: never,
  encode: never,
  decode: never,
  begin: (codes) => ({ read: codes.mul(0) }),
  step(ids, codes, { read }) {
    const all = (read as Tensor).add(ids.oneHot(3, "f32"));
    return { logits: codes.sub(all), carried: { read: all } };
  },
};

/** log P of ids, and of the end after them unless they are cut off. */
function logP(code: readonly number[], ids: readonly number[], ended = true): number {
  const read = [0, 0, 1];
  let sum = 0;
  for (const id of ended ? [...ids, END] : ids) {
    const logits = code.map((value, i) => value - (read[i] ?? 0));
    sum += (logits[id] ?? 0) - Math.log(logits.reduce((total, value) => total + Math.exp(value), 0));
    read[id] = (read[id] ?? 0) + 1;
  }
  return sum;
}
const textsOf = (length: number): number[][] =>
  length === 0
    ? [[]]
    : textsOf(length - 1).flatMap((text) => [
        [...text, 0],
        [...text, 1],
      ]);
const all = [0, 1, 2, 3, 4, 5, 6, 7].flatMap(textsOf);

const CODES = [
  [0.5, 0.2, 2],
  [2, 1.5, 0],
  [-1, 3, 1],
];
const codes = host(CODES.flat(), [3, 3]);
const settings = { end: [END], normalize: lengthPenalty(0), longest: [8, 8, 8] };

let writer: CodeWriter;
beforeAll(async () => {
  writer = await CodeWriter.create(counting, {}, { threads: 1 });
});
afterAll(() => writer.release());

test("a wide beam finds the likeliest text of each code, whatever its length", async () => {
  const found = await writer.write(codes, END, { ...settings, beam: 40 });
  for (const [b, code] of CODES.entries()) {
    const best = all.reduce((a, text) => (logP(code, text) > logP(code, a) ? text : a), []);
    expect(found[b]?.[0]?.ids).toEqual(best);
    expect(found[b]?.[0]?.logProbability).toBeCloseTo(logP(code, best), 5);
  }
  expect(new Set(found.map(([best]) => best?.ids.length)).size).toBeGreaterThan(1);
});

test("a beam of 1 takes the likeliest id each time; texts end where they must", async () => {
  const [, greedy] = await writer.write(codes, END, { ...settings, beam: 1 });
  const text = greedy?.[0]?.ids ?? [];
  for (const [t, id] of text.entries())
    for (const other of [0, 1, END])
      expect(logP(CODES[1] ?? [], [...text.slice(0, t), id], false)).toBeGreaterThanOrEqual(
        logP(CODES[1] ?? [], [...text.slice(0, t), other], false) - 1e-9,
      );
  const cut = await writer.write(codes, END, { ...settings, beam: 2, longest: [1, 1, 1], suppress: [END] });
  expect(cut.map(([best]) => best?.ids.length)).toEqual([1, 1, 1]);
});

describe("texts that are drawn", () => {
  const draw = (given: readonly number[][], seeds: readonly number[], temperature = 1, suppress: number[] = []) =>
    writer.draw(host(given.flat(), [given.length, 3]), END, {
      ...{ seeds, end: [END], longest: 12, sampling: { temperature, suppress } },
    });

  test("come as often as they are likely", async () => {
    const [code = []] = CODES;
    const N = 2000;
    const drawn = await draw(
      Array(N).fill(code),
      Array.from({ length: N }, (_, i) => i),
    );
    expect(drawn.every(({ ended, ids }) => ended || ids.length === 12)).toBe(true);
    for (const text of [[], [0], [1], [0, 1]]) {
      const p = Math.exp(logP(code, text));
      const share = drawn.filter(({ ids }) => ids.join() === text.join()).length / N;
      expect(Math.abs(share - p), text.join()).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / N));
    }
  });

  test("depend on the code and the seed alone, not on what is drawn beside them", async () => {
    const [a, b, c] = CODES as [number[], number[], number[]];
    const together = await draw([a, b, c, b], [5, 6, 7, 6]);
    expect(together[1]).toEqual(together[3]);
    expect(await draw([b], [6])).toEqual([together[1]]);
    expect(await draw([c, a], [7, 5])).toEqual([together[2], together[0]]);
  });

  test("at temperature 0 are the greedy ones; what is suppressed never comes; of no code there are none", async () => {
    const greedy = await writer.write(codes, END, { ...settings, beam: 1 });
    const cold = await draw(CODES, [1, 2, 3], 0);
    expect(cold.map(({ ids }) => ids)).toEqual(greedy.map(([best]) => best?.ids));
    for (const { ids } of await draw(CODES, [1, 2, 3], 1, [0])) expect(ids).not.toContain(0);
    expect(await draw([], [])).toEqual([]);
  });

  test("a code that is not finite is refused", async () => {
    await expect(draw([[Number.NaN, 0, 0]], [1])).rejects.toThrow(CheckpointError);
    await expect(
      writer.draw(codes, END, {
        seeds: [],
        end: [END],
        longest: 3,
        sampling: { temperature: 1 },
        signal: AbortSignal.abort(),
      }),
    ).rejects.toThrow(/abort/i);
  });
});
