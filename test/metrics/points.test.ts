/** How points lie, against scikit-learn, NumPy and SciPy, closed forms, and at the edges. */
import { describe, expect, test } from "vitest";
import { ConfigError, DataError, ShapeError } from "../../src/errors.ts";
import { eigen } from "../../src/metrics/points/eigen.ts";
import { squareRoot } from "../../src/metrics/points/frechet.ts";
import {
  activeUnits,
  adjustedRandIndex,
  flatten,
  frechetDistance,
  frechetOfNormals,
  kMeans,
  linearClassifier,
  mutualInformation,
  mutualInformationGap,
  nearestNeighbors,
  normalizedMutualInformation,
  type Points,
  pca,
} from "../../src/metrics/points/index.ts";
import { strongest } from "../../src/metrics/points/strongest.ts";
import { stream } from "../../src/runtime/index.ts";
import fixture from "../fixtures/points.json" with { type: "json" };

const points = (data: ArrayLike<number>, D: number): Points => ({ data, shape: [data.length / D, D] });
const normal = (count: number, seed: number): Float64Array =>
  stream(seed, 0, "points").fillNormal(new Float64Array(count));
const requireNear = (got: ArrayLike<number>, expected: ArrayLike<number>, digits: number) => {
  expect(got.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(got[i]).toBeCloseTo(expected[i] ?? Number.NaN, digits);
};

describe("classifiers", () => {
  const { D, train, labels, test: held, truth, linear, nearest } = fixture.classifiers;
  test.each(linear)("a linear one of C $C is scikit-learn's", async ({ C, weights, bias, predictions, accuracy }) => {
    const found = await linearClassifier(points(train, D), labels, { C, tolerance: 1e-9, rounds: 2000 });
    requireNear(found.weights, weights, 5);
    requireNear(found.bias, bias, 5);
    expect([...found.classify(points(held, D))]).toEqual(predictions);
    expect(found.accuracy(points(held, D), truth)).toBe(accuracy);
  });
  test("usual options are as good", async () => {
    const found = await linearClassifier(points(train, D), labels);
    expect(found.accuracy(points(held, D), truth)).toBe(linear[1]?.accuracy);
  });
  test.each(nearest)("the $k nearest neighbours are scikit-learn's", async ({ k, predictions }) => {
    expect([...(await nearestNeighbors(points(train, D), labels, points(held, D), { k }))]).toEqual(predictions);
  });
  test("fewer points than neighbours; a point is its own nearest one; classes may be left out", async () => {
    expect([...(await nearestNeighbors(points([0, 1, 9], 1), [2, 2, 0], points([8], 1)))]).toEqual([2]);
    expect([...(await nearestNeighbors(points([0, 1, 9], 1), [2, 2, 0], points([8, 0], 1), { k: 1 }))]).toEqual([0, 2]);
    const gaps = await linearClassifier(points([-1, -2, 1, 2], 1), [0, 0, 3, 3]);
    expect([...gaps.classify(points([-3, 3], 1))]).toEqual([0, 3]);
  });
  test("what cannot be learned is an error of one line", async () => {
    await expect(linearClassifier(points([1, 2], 1), [1, 1])).rejects.toThrow(DataError);
    await expect(linearClassifier(points([1, 2], 1), [0, 1, 2])).rejects.toThrow(ShapeError);
    await expect(linearClassifier(points([1, 2], 1), [0, 0.5])).rejects.toThrow(DataError);
    await expect(linearClassifier(points([1, Number.NaN], 1), [0, 1])).rejects.toThrow(
      "expected finite numbers, got NaN",
    );
    await expect(linearClassifier(points([1, 2], 1), [0, 1], { C: 0 })).rejects.toThrow(ConfigError);
    await expect(nearestNeighbors(points([], 1), [], points([1], 1))).rejects.toThrow("at least 1 points, got 0");
    await expect(nearestNeighbors(points([1], 1), [0], points([1, 2], 2))).rejects.toThrow(ShapeError);
    await expect(nearestNeighbors({ data: [1, 2], shape: [3, 1] }, [0], points([1], 1))).rejects.toThrow(ShapeError);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(nearestNeighbors(points([1], 1), [0], points([1], 1), { signal })).rejects.toThrow("enough");
    await expect(kMeans(points([1, 2, 3], 1), 2, { signal })).rejects.toThrow("enough");
  });
});

describe("clusters", () => {
  const { D, points: given, labels, inertia, nmi, ari } = fixture.clusters;
  test("k-means finds what scikit-learn finds in fifty starts", async () => {
    const found = await kMeans(points(given, D), 5);
    expect(found.inertia).toBeCloseTo(inertia, 8);
    expect(normalizedMutualInformation(labels, found.labels)).toBeCloseTo(nmi, 12);
    expect(adjustedRandIndex(labels, found.labels)).toBeCloseTo(ari, 12);
    expect(await kMeans(points(given, D), 5)).toEqual(found);
  });
  test.each(fixture.agreements)("of $a and $b", ({ a, b, nmi, ari }) => {
    expect(normalizedMutualInformation(a, b)).toBeCloseTo(nmi, 12);
    expect(normalizedMutualInformation(b, a)).toBeCloseTo(nmi, 12);
    expect(adjustedRandIndex(a, b)).toBeCloseTo(ari, 12);
  });
  test("as many clusters as points, points that are alike, and none", async () => {
    expect((await kMeans(points([5, 1, 9], 1), 3)).inertia).toBe(0);
    expect(await kMeans(points([2, 2, 2], 1), 2)).toMatchObject({ inertia: 0, centres: new Float64Array([2, 2]) });
    await expect(kMeans(points([1, 2], 1), 3)).rejects.toThrow("at least 3 points for 3 clusters, got 2");
    await expect(kMeans(points([1, 2], 1), 0)).rejects.toThrow(ConfigError);
    expect([normalizedMutualInformation([], []), adjustedRandIndex([], [])]).toEqual([1, 1]);
    expect(() => adjustedRandIndex([0], [0, 1])).toThrow(ShapeError);
  });
});

describe("eigenvectors", () => {
  test.each(fixture.components)("of $D dimensions are NumPy's up to sign", ({ D, points: given, values, vectors }) => {
    const found = pca(points(given, D), D);
    requireNear(found.variances, values, 10);
    for (let k = 0; k < D; k++) {
      const [own, other] = [found.components, vectors].map((all) => Array.from(all).slice(k * D, (k + 1) * D));
      const sign = Math.sign((own ?? []).reduce((sum, value, d) => sum + value * (other?.[d] ?? 0), 0));
      requireNear((own ?? []).map((value) => sign * value), other ?? [], 9); // biome-ignore format: one line
    }
  });
  test("A q = λ q, and the vectors are orthogonal, also where values are equal or zero", () => {
    const n = 24;
    const low = normal(n * 5, 1);
    const a = Float64Array.from({ length: n * n }, (_, i) => {
      const [row, column] = [Math.floor(i / n), i % n];
      let sum = row === column ? 2 : 0; // 2 is an eigenvalue nineteen times
      for (let k = 0; k < 5; k++) sum += (low[row * 5 + k] ?? 0) * (low[column * 5 + k] ?? 0);
      return sum;
    });
    const { values, vectors } = eigen(a, n);
    for (let k = 0; k < n; k++)
      for (let i = 0; i < n; i++) {
        let [product, dot] = [0, 0];
        for (let j = 0; j < n; j++) product += (a[i * n + j] ?? 0) * (vectors[k * n + j] ?? 0);
        for (let j = 0; j < n; j++) dot += (vectors[k * n + j] ?? 0) * (vectors[i * n + j] ?? 0);
        expect(Math.abs(product - (values[k] ?? 0) * (vectors[k * n + i] ?? 0))).toBeLessThan(1e-12 * (values[0] ?? 0));
        expect(Math.abs(dot - Number(i === k))).toBeLessThan(1e-13);
      }
    for (const value of values.subarray(5)) expect(value).toBeCloseTo(2, 12);
    expect([...eigen(new Float64Array(9), 3).values]).toEqual([0, 0, 0]);
    expect(eigen(new Float64Array([-7]), 1)).toEqual({
      values: new Float64Array([-7]),
      vectors: new Float64Array([1]),
    });
  });
  test("a projection on all components keeps distances, and its variances are those of the components", () => {
    const given = points(normal(60, 2), 3);
    const { project, variances } = pca(given, 3);
    const found = project(given);
    requireNear(pca(points(found, 3), 3).variances, variances, 12);
    const length = (data: ArrayLike<number>, n: number, m: number) =>
      Math.hypot(...[0, 1, 2].map((d) => (data[3 * n + d] ?? 0) - (data[3 * m + d] ?? 0)));
    expect(length(found, 3, 17)).toBeCloseTo(length(given.data as Float64Array, 3, 17), 12);
  });
  test("points that are alike vary nowhere; one point has no components", () => {
    const { variances, shares } = pca(points([1, 2, 1, 2, 1, 2], 2), 1);
    expect([...variances, ...shares]).toEqual([0, 0]);
    expect(() => pca(points([1, 2], 2))).toThrow("pca: expected at least 2 points, got 1");
    expect(() => pca(points([1, 2], 1))).toThrow("at most 1 components");
  });
});

describe("the strongest components", () => {
  test("are those of all, up to sign, where they stand out", () => {
    const [N, D] = [60, 40];
    const given = normal(N * D, 8).map((value, i) => value * 0.7 ** (i % D));
    const { project, shares } = pca(points(given, D), 2);
    const found = strongest({ N, D, at: Float64Array.from(given) }, 2);
    requireNear(found.shares, shares, 9);
    const own = project(points(given, D));
    for (const k of [0, 1]) {
      const sign = Math.sign((own[k] ?? 0) * (found.at[k] ?? 0));
      for (let n = 0; n < N; n++) expect(sign * (found.at[2 * n + k] ?? 0)).toBeCloseTo(own[2 * n + k] ?? 9, 6);
    }
  });
  test("of three thousand dimensions take no minutes, also where only one of them varies, or none", async () => {
    const D = 3000;
    const line = Float64Array.from({ length: 50 * D }, (_, i) => (i % D === 7 ? Math.floor(i / D) : 1));
    const { at, axes } = await flatten(points(line, D));
    expect(axes).toEqual(["component 1, 100 % of the variance", "component 2, 0 % of the variance"]);
    for (let n = 0; n < 50; n++) expect(Math.abs(at[2 * n] ?? 0)).toBeCloseTo(Math.abs(n - 24.5), 9);
    expect((await flatten(points(new Float64Array(4 * D), D))).axes[0]).toBe("component 1, 0 % of the variance");
  });
});

describe("Fréchet distance", () => {
  test.each(fixture.normals.map((line) => [line.one.mean.length, line] as const))(
    "of %d dimensions is SciPy's",
    (_, line) => {
      expect(frechetOfNormals(line.one, line.other)).toBeCloseTo(line.distance, 8);
      expect(frechetOfNormals(line.other, line.one)).toBeCloseTo(line.distance, 8);
    },
  );
  test("closed forms: itself, moved, and of another deviation", () => {
    const D = 3;
    const given = normal(300 * D, 3);
    expect(frechetDistance(points(given, D), points(given, D))).toBeCloseTo(0, 12);
    expect(frechetDistance(points(given, D), points(given.map((value) => value + 2), D))).toBeCloseTo(4 * D, 10); // biome-ignore format: one line
    // (1 - 3)² of each variance, and 4 times each squared mean
    const { mean, variances } = pca(points(given, D), D);
    const expected = [...variances].reduce((sum, value) => sum + 4 * value, 4 * Math.hypot(...mean) ** 2);
    expect(frechetDistance(points(given, D), points(given.map((value) => 3 * value), D))).toBeCloseTo(expected, 10); // biome-ignore format: one line
  });
  test("a square root is one, also where the matrix has no full rank", () => {
    const v = [1, 2, 2];
    const a = Float64Array.from({ length: 9 }, (_, i) => (v[Math.floor(i / 3)] ?? 0) * (v[i % 3] ?? 0));
    requireNear(
      squareRoot(a, 3),
      a.map((value) => value / 3),
      7, // the root of what rounding leaves of an eigenvalue that is 0
    ); // vvᵀ/‖v‖
  });
  test("sizes that differ, and single points", () => {
    expect(() => frechetDistance(points([1, 2], 1), points([1, 2, 3, 4], 2))).toThrow(ShapeError);
    expect(() => frechetDistance(points([1], 1), points([1, 2], 1))).toThrow("at least 2 points, got 1");
    expect(() => frechetOfNormals({ mean: [0], covariance: [1] }, { mean: [0], covariance: [1, 2] })).toThrow(
      ShapeError,
    );
  });
});

describe("mutual information", () => {
  test.each(fixture.agreements)("of $a and $b is scikit-learn's", ({ a, b, information }) => {
    expect(mutualInformation(a, b)).toBeCloseTo(information, 12);
    expect(mutualInformation(b, a)).toBeCloseTo(information, 12);
  });
  test("a variable says all of itself; of an even grid ln(bins); of what is independent of it nothing", () => {
    const values = Array.from({ length: 400 }, (_, i) => i);
    expect(mutualInformation(values, values)).toBeCloseTo(Math.log(20), 12);
    expect(mutualInformation(values, values.map((value) => -3 * value))).toBeCloseTo(Math.log(20), 12); // biome-ignore format: one line
    const [row, column] = [values.map((i) => Math.floor(i / 20)), values.map((i) => i % 20)];
    expect(mutualInformation(row, column)).toBeCloseTo(0, 12);
    expect(mutualInformation(row, values, { bins: 10 })).toBeCloseTo(Math.log(10), 12);
  });
  test("of two normal variables it is -ln(1 - ρ²)/2, less what boxes hide", () => {
    const N = 200_000;
    const [a, b] = [normal(N, 4), normal(N, 5)];
    const mixed = a.map((value, i) => 0.8 * value + 0.6 * (b[i] ?? 0));
    const exact = -Math.log(1 - 0.8 ** 2) / 2;
    const [coarse, fine] = [10, 60].map((bins) => mutualInformation(a, mixed, { bins }));
    expect(Math.abs((fine ?? 0) - exact)).toBeLessThan(0.02);
    expect(coarse).toBeLessThan(fine ?? 0);
  });
  test("the gap is 1 where one latent is the factor, 0 where two are", () => {
    const factor = Array.from({ length: 400 }, (_, i) => i % 4);
    const other = Array.from({ length: 400 }, (_, i) => Math.floor(i / 4) % 5);
    const codes = (columns: readonly (readonly number[])[]) =>
      points(factor.flatMap((_, n) => columns.map((one) => one[n] ?? 0)), columns.length); // biome-ignore format: one line
    const apart = mutualInformationGap(codes([other, factor]), { factor, other });
    expect(apart.mig).toBeCloseTo(1, 12);
    expect(apart.factors.factor).toMatchObject({ best: 1, entropy: expect.closeTo(Math.log(4), 12) });
    expect(mutualInformationGap(codes([factor, factor]), { factor }).mig).toBeCloseTo(0, 12);
    expect(mutualInformationGap(codes([factor, factor]), { constant: factor.map(() => 3) }).mig).toBe(0);
    expect(mutualInformationGap(codes([factor]), { factor, other }).mig).toBeCloseTo(0.5, 12);
  });
  test("counts that differ, and nothing at all", () => {
    expect(() => mutualInformation([1], [1, 2])).toThrow(ShapeError);
    expect(() => mutualInformation([], [])).toThrow(ShapeError);
    expect(mutualInformation([1], [2])).toBe(0);
    expect(() => mutualInformationGap(points([1, 2], 1), {})).toThrow("at least one factor");
    expect(() => mutualInformationGap(points([1, 2], 1), { x: [1] })).toThrow("mutualInformationGap of x");
    expect(() => mutualInformation([1], [1], { bins: 0 })).toThrow(ConfigError);
  });
});

describe("active units", () => {
  test("are those whose mean varies by more than the threshold", () => {
    const means = points([-1, 0, 0.1, 1, 0, -0.1, -1, 0, 0.05, 1, 0, -0.05], 3);
    const { active, variances } = activeUnits(means);
    requireNear(variances, [1, 0, 0.00625], 12);
    expect(active).toBe(1);
    expect(activeUnits(means, 0.006).active).toBe(2);
    expect(activeUnits(points([1, 2], 2)).active).toBe(0);
    expect(() => activeUnits(points([], 2))).toThrow(DataError);
  });
});

describe("a plane", () => {
  test("shows two dimensions as they are, one on a line, more by their principal components", async () => {
    expect([...(await flatten(points([1, 2, 3, 4], 2))).at]).toEqual([1, 2, 3, 4]);
    expect([...(await flatten(points([1, 2], 1))).at]).toEqual([1, 0, 2, 0]);
    const given = points(normal(60, 6), 3);
    const { at, axes } = await flatten(given);
    const { project, shares } = pca(given);
    expect(at).toEqual(project(given));
    expect(axes[0]).toBe(`component 1, ${Math.round(100 * (shares[0] ?? 0))} % of the variance`);
  });
  test("UMAP keeps clusters that are far apart so, and is deterministic by seed", async () => {
    const given = normal(90 * 5, 7).map((value, i) => 0.2 * value + 10 * (Math.floor(i / 5) % 3));
    const found = await flatten(points(given, 5), { how: "umap", seed: 3 });
    expect(await flatten(points(given, 5), { how: "umap", seed: 3 })).toEqual(found);
    const labels = Array.from({ length: 90 }, (_, n) => n % 3);
    const clusters = await kMeans(points(found.at, 2), 3);
    expect(adjustedRandIndex(clusters.labels, labels)).toBe(1);
    await expect(flatten(points([1, 2, 3], 1), { how: "umap" })).rejects.toThrow("4 to 5000 points for umap, got 3");
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(flatten(points(given, 5), { how: "umap", signal })).rejects.toThrow("enough");
  });
});
