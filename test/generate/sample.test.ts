/** The draw: without a sort, but as if the vocabulary were sorted. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { CheckpointError } from "../../src/errors.ts";
import { generateSettings, type SampleOptions, sampler } from "../../src/generate/index.ts";
import { first, reaching, weigh } from "../../src/generate/select.ts";
import { stream } from "../../src/runtime/index.ts";

const draw = (logits: ArrayLike<number>, options: SampleOptions, step: number): number =>
  sampler(generateSettings(options))(logits, { ids: [], promptLength: 0, step });

/** Likeliest first, of equals the lower id. */
const sorted = (logits: ArrayLike<number>): number[] =>
  Array.from(logits, (_, id) => id).sort((a, b) => Number(logits[b]) - Number(logits[a]) || a - b);

/** Top-k, top-p and the draw by sorting the whole vocabulary. */
function plain(logits: ArrayLike<number>, options: SampleOptions, position: number): number {
  const { temperature = 0.8, topK = logits.length, topP = 1, seed = 0 } = options;
  const order = sorted(logits).slice(0, topK);
  const top = Number(logits[order[0] ?? 0]);
  const weights = order.map((id) => Math.exp((Number(logits[id]) - top) / temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  let reached = 0;
  const kept = weights.filter((weight) => {
    const stays = reached < topP * total;
    reached += weight;
    return stays;
  });
  let left = Number(stream(seed, position, "sample").fillUniform(new Float64Array(1))[0]);
  left *= kept.reduce((a, b) => a + b, 0);
  const at = kept.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
  return order[at < 0 ? kept.length - 1 : at] ?? -1;
}

const normal = (seed: number, size: number, scale: number): Float32Array =>
  stream(seed, 0, "logits")
    .fillNormal(new Float32Array(size))
    .map((value) => scale * value);

test("a seed draws the ids that it always drew", () => {
  const logits = normal(7, 1000, 2);
  const golden: [SampleOptions, number[]][] = [
    [{ temperature: 1 }, [741, 478, 241, 547, 426, 478, 24, 397, 710, 404, 740, 710]],
    [{}, [169, 710, 59, 821, 407, 710, 59, 576, 710, 995, 870, 710]],
    [{ topK: 40, seed: 3 }, [665, 638, 710, 710, 834, 710, 34, 710, 34, 834, 710, 502]],
    [{ topP: 0.9, seed: 4 }, [200, 169, 798, 808, 834, 678, 808, 576, 478, 834, 808, 710]],
    [{ temperature: 1.3, topK: 200, topP: 0.8, seed: 5 }, [39, 393, 864, 710, 710, 96, 864, 484, 344, 502, 494, 442]],
  ];
  for (const [options, ids] of golden) expect(ids.map((_, i) => draw(logits, options, i))).toEqual(ids);
});

/** Logits as they come, alike ones, steep and flat ones. */
const vocabularies = fc
  .record({ size: fc.integer({ min: 1, max: 700 }), seed: fc.nat(), scale: fc.constantFrom(0, 0.01, 1, 4, 60) })
  .chain(({ size, seed, scale }) =>
    fc.boolean().map((alike) => normal(seed, size, scale).map((value) => (alike ? Math.round(value * 2) / 2 : value))),
  );

test("ids are those of a sort of the whole vocabulary", () => {
  const options = fc.record({
    temperature: fc.constantFrom(0.1, 0.8, 1, 3),
    topK: fc.option(fc.integer({ min: 1, max: 800 }), { nil: undefined }),
    topP: fc.option(fc.constantFrom(0.01, 0.3, 0.9, 0.999), { nil: undefined }),
    seed: fc.nat(),
  });
  const same = (logits: Float32Array, chosen: SampleOptions, position: number) => {
    expect(draw(logits, chosen, position)).toBe(plain(logits, chosen, position));
  };
  fc.assert(fc.property(vocabularies, options, fc.nat(1000), same), { seed: 1, numRuns: 400 });
});

test("the first k, and the fewest that have a mass", () => {
  const agree = (logits: Float32Array, k: number, share: number) => {
    const keys = Float64Array.from(logits);
    expect([...first(keys, k)].sort((a, b) => a - b)).toEqual(
      sorted(logits)
        .slice(0, k)
        .sort((a, b) => a - b),
    );
    const { weights, total } = weigh(keys);
    let mass = 0;
    const last = sorted(logits).find((id) => {
      mass += Number(weights[id]);
      return mass >= share * total;
    });
    expect(reaching(keys, weights, share * total)).toBe(last);
  };
  const share = fc.double({ min: 0, max: 0.999, noNaN: true });
  fc.assert(fc.property(vocabularies, fc.integer({ min: 1, max: 900 }), share, agree), { seed: 2, numRuns: 400 });
});

test("frequencies are the probabilities that are left (χ² below the 99.9 % point of 2 degrees of freedom, 13.82)", () => {
  // Of probabilities 8 : 4 : 2 : 1 : 1, minP 0.2 leaves 8 : 4 : 2.
  const logits = [8, 4, 2, 1, 1].map(Math.log);
  const choose = sampler(generateSettings({ temperature: 1, minP: 0.2, seed: 9 }));
  const seen = [0, 0, 0, 0, 0];
  for (let step = 0; step < 7000; step++) {
    const id = choose(logits, { ids: [], promptLength: 0, step });
    seen[id] = Number(seen[id]) + 1;
  }
  expect(seen.slice(3)).toEqual([0, 0]);
  const chi = [4000, 2000, 1000].reduce((sum, wanted, id) => sum + (Number(seen[id]) - wanted) ** 2 / wanted, 0);
  expect(chi).toBeLessThan(13.82);
});

test("a vocabulary of one, a temperature near 0, masked logits", () => {
  expect(draw([-3], {}, 0)).toBe(0);
  expect(draw([-3], { topK: 1000, topP: 0.01, minP: 1, typicalP: 0.1 }, 0)).toBe(0);
  expect(draw([1, 2, 1.5], { temperature: 1e-300 }, 0)).toBe(1);
  const masked = [Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < 20; i++) expect(draw(masked, { temperature: 100 }, i)).toBe(1);
});

test("logits that are not finite are an error wherever they stand", () => {
  for (const odd of [Number.NaN, Number.POSITIVE_INFINITY])
    for (const at of [0, 1, 2]) {
      const logits = new Float32Array(3);
      logits[at] = odd;
      expect(() => draw(logits, {}, 0)).toThrow(CheckpointError);
    }
});
