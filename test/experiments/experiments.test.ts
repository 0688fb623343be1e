/** Experiments: their parts against closed forms, and each of them within the band that theory or the literature gives. */
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { addingBatch } from "../../src/experiments/adding-problem.ts";
import { sentences } from "../../src/experiments/bottleneck.ts";
import { CELLS, parameterCount, widthFor } from "../../src/experiments/cells.ts";
import { copyBatch } from "../../src/experiments/copy-memory.ts";
import { reader } from "../../src/experiments/fitting.ts";
import { factorPerStep, gradientFlow } from "../../src/experiments/gradient-flow.ts";
import { addExperiment, experimentNames, loadExperiment, runExperiment } from "../../src/experiments/index.ts";
import { type Course, sized } from "../../src/experiments/language.ts";
import { sentencesOf } from "../../src/experiments/posterior-collapse.ts";
import { scaleToRadius, spectralRadius } from "../../src/experiments/radius.ts";
import { namedParameters, RNNCell } from "../../src/nn/index.ts";
import { type HostTensor, initialValues, stream } from "../../src/runtime/index.ts";
import { builtInText } from "../../src/stories/index.ts";
import { numbersOf } from "../support/numbers.ts";

describe("the spectral radius", () => {
  test.each([
    ["of a triangular matrix is its largest diagonal element", [0.5, 3, 7, 0, -2, 1, 0, 0, 1.5], 3, 2],
    ["of a turned and stretched plane is the stretch", [0, -0.9, 0.9, 0], 2, 0.9],
    ["of a nilpotent matrix is 0", [0, 1, 0, 0], 2, 0],
    ["of a single number is its size", [-0.3], 1, 0.3],
  ] as const)("%s", (_, matrix, H, expected) => {
    expect(spectralRadius(matrix, H)).toBeCloseTo(expected, 3);
  });

  test("every gate is scaled to what is asked for", () => {
    const weights = new Float32Array(3 * 64);
    stream(1, 0, "gates").fillNormal(weights);
    scaleToRadius(weights, 8, 1.25);
    for (const gate of [0, 1, 2])
      expect(spectralRadius(weights.subarray(gate * 64, (gate + 1) * 64), 8)).toBeCloseTo(1.25, 2);
  });
});

describe("the gradient of a hidden state", () => {
  const flow = { length: 6, hidden: 3, batch: 1, scale: 1, nonlinearity: "tanh", forgetBias: 1 } as const;

  test("of an RNN without inputs is v times the Jacobians of the steps after it", async () => {
    const [T, H, I] = [flow.length, flow.hidden, 8];
    const values = initialValues(namedParameters(RNNCell(I, H)), 4);
    const of = (name: string) => numbersOf(values[name]?.data ?? new Float32Array());
    const [U, b, b2] = [of("weight_hh"), of("bias_ih"), of("bias_hh")];
    const states = [Array(H).fill(0)];
    for (let t = 0; t < T; t++) {
      const h = states[t] as number[];
      states.push(
        b.map((bias, i) =>
          Math.tanh(bias + (b2[i] ?? 0) + h.reduce((sum, value, j) => sum + (U[i * H + j] ?? 0) * value, 0)),
        ),
      );
    }
    const v = new Float32Array(H);
    stream(4, 0, "direction").fillNormal(v);
    const expected = [Math.hypot(...v)];
    let g = Array.from(v);
    for (let t = T; t > 1; t--) {
      const slope = (states[t] as number[]).map((h) => 1 - h * h);
      const above = g;
      g = Array.from({ length: H }, (_, j) =>
        above.reduce((sum, value, i) => sum + value * (slope[i] ?? 0) * (U[i * H + j] ?? 0), 0),
      );
      expected.push(Math.hypot(...g));
    }
    const found = await gradientFlow("rnn", { ...flow, scale: 0 }, 4, { threads: 1 });
    for (const [lag, norm] of expected.entries()) expect(found[lag]).toBeCloseTo(norm, 5);
  });

  test("one factor for each step fits a geometric row exactly; zeros are left out", () => {
    expect(factorPerStep([8, 4, 2, 1, 0.5])).toBeCloseTo(0.5, 12);
    expect(factorPerStep([1, 3, 9, 0])).toBeCloseTo(3, 12);
  });
});

describe("made-up data", () => {
  test("sums are those of the marked numbers, one in each half; always answering 1 errs by 1/6", () => {
    const [B, T] = [2000, 11];
    const { x, sums } = addingBatch(B, T, 3, 7);
    const given = numbersOf(x.data);
    let error = 0;
    for (let b = 0; b < B; b++) {
      const steps = Array.from({ length: T }, (_, t) => given.slice((b * T + t) * 2, (b * T + t) * 2 + 2));
      const marked = steps.flatMap(([value = 0, mark], t) => (mark === 1 ? [{ value, t }] : []));
      expect(marked.map(({ t }) => t < 5)).toEqual([true, false]);
      const sum = marked.reduce((total, { value }) => total + value, 0);
      expect(sums.data[b]).toBeCloseTo(sum, 6);
      error += (sum - 1) ** 2 / B;
    }
    expect(error).toBeCloseTo(1 / 6, 1);
  });

  test("what is to be said is blank until the pause is over, then the symbols", () => {
    const [B, T, S] = [5, 3, 23];
    const { x, targets } = copyBatch(B, T, 1, 2);
    for (let b = 0; b < B; b++) {
      const kinds = Array.from({ length: S }, (_, t) =>
        numbersOf(x.data)
          .slice((b * S + t) * 10, (b * S + t + 1) * 10)
          .indexOf(1),
      );
      const said = numbersOf(targets.data).slice(b * S, (b + 1) * S);
      expect(said).toEqual([...Array(13).fill(0), ...kinds.slice(0, 10)]);
      expect(kinds.slice(10)).toEqual([0, 0, 9, ...Array(10).fill(0)]);
      expect(kinds.slice(0, 10).every((kind) => kind >= 1 && kind <= 8)).toBe(true);
    }
  });

  test("widths at which cells have equally many parameters are the nearest there are", () => {
    const chosen = { nonlinearity: "tanh", forgetBias: 1 } as const;
    for (const cell of CELLS) {
      const make = (H: number) => reader(cell, [2, H, 1], chosen);
      const gates = { rnn: 1, lstm: 4, gru: 3 }[cell];
      const count = (H: number) => gates * (H * H + 2 * H + 2 * H) + H + 1;
      const width = widthFor(5000, make);
      expect(parameterCount(make(width))).toBe(count(width));
      for (const other of [width - 1, width + 1])
        expect(Math.abs(count(other) - 5000)).toBeGreaterThanOrEqual(Math.abs(count(width) - 5000));
    }
  });
});

const threads = 1;
type Rows = readonly Readonly<Record<string, never>>[];
const numberIn = (rows: Rows, column: string, value: string, wanted: string): number => {
  const row = rows.find((one) => String(one[column]) === value);
  return Number(row?.[wanted]);
};

describe("expected bands", () => {
  test("vanishing-gradient: uniform weights within 1/√H have a radius of 1/√3, and an LSTM keeps more", async () => {
    const { table, picture, summary } = await runExperiment("vanishing-gradient", { threads, seeds: 2, scale: 0.1 });
    const factor = (cell: string) => numberIn(table as Rows, "cell", cell, "factor per step");
    expect(factor("rnn")).toBeGreaterThan(0.5);
    expect(factor("rnn")).toBeLessThan(0.67);
    expect(factor("lstm")).toBeGreaterThan(factor("rnn") + 0.15);
    expect(factor("gru")).toBeGreaterThan(factor("rnn"));
    expect(picture).toMatch(/^<svg.*polyline.*<\/svg>\n$/s);
    expect(summary).toContain(`rnn ${factor("rnn").toFixed(3)}`);
  });

  test("the radius decides: ten steps at half of it multiply the gradient by about 2⁻¹⁰", async () => {
    const at = async (radius: number) => {
      const { values } = await runExperiment("vanishing-gradient", { threads, seeds: 3, length: 60, scale: 0, radius });
      return factorPerStep((values.norms as Record<string, number[]>).rnn ?? []);
    };
    expect((await at(0.25)) / (await at(0.5))).toBeCloseTo(0.5, 1);
  });

  test("exploding-gradient: above 1 in an RNN; the limit to the norm keeps the loss where it was", async () => {
    const { table, values } = await runExperiment("exploding-gradient", { threads, seeds: 2, steps: 60 });
    expect(numberIn(table as Rows, "what", "gradient through rnn, factor per step", "value")).toBeGreaterThan(1.1);
    const { free, clipped } = values as Record<string, { losses: number[] }>;
    expect(clipped?.losses).toHaveLength(60);
    expect(Math.max(...(clipped?.losses ?? []))).toBeLessThan(50);
    const jumped = (free?.losses.length ?? 0) < 60 || Math.max(...(free?.losses ?? [])) > 1e6;
    expect(jumped).toBe(true);
  });

  test("adding-problem: a GRU adds over 20 steps what an RNN of equal size does not", async () => {
    const options = { threads, lengths: "20", steps: 500, parameters: 4000, lr: 0.01 };
    const { table } = await runExperiment("adding-problem", options);
    expect(numberIn(table as Rows, "cell", "gru", "error")).toBeLessThan(0.02);
    expect(numberIn(table as Rows, "cell", "rnn", "error")).toBeLessThan(0.25);
  }, 60_000);

  test("copy-memory: it goes on to longer lags until recall is that of a guess", async () => {
    const options = { threads, lags: "300,1", steps: 5, parameters: 2000 };
    const { table, summary } = await runExperiment("copy-memory", options);
    expect(table.map(({ cell, lag }) => [cell, lag])).toEqual(CELLS.map((cell) => [cell, 1]));
    for (const cell of CELLS) expect(numberIn(table as Rows, "cell", cell, "recall")).toBeLessThan(0.2);
    expect(summary).toBe(
      "recall falls under 20 %, where guessing has 12.5 %: rnn at lag 1, lstm at lag 1, gru at lag 1",
    );
  }, 60_000);
});

describe("language models that are compared", () => {
  test("have about the parameters that are asked for", async () => {
    for (const name of ["rnn", "lstm", "gru", "mingru", "gpt"])
      expect((await sized(name, 60_000, { vocabulary: 80, context: 32 })).parameters / 60_000).toBeCloseTo(1, 0);
  });

  test("lstm-vs-gru: every one of them is better than knowing how often each character occurs", async () => {
    const options = { threads, steps: 60, seeds: 1, parameters: 10_000, context: 16 };
    const began = performance.now();
    const { table } = await runExperiment("lstm-vs-gru", options);
    const counts = new Map<string, number>();
    const text = builtInText();
    for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1 / text.length);
    const entropy = [...counts.values()].reduce((sum, p) => sum - p * Math.log(p), 0);
    for (const row of table) expect(row["nats per character"]).toBeLessThan(entropy);
    const stepping = table.reduce((sum, row) => sum + Number(row["ms per step"]) * options.steps, 0);
    expect(stepping).toBeGreaterThan(0);
    expect(stepping).toBeLessThan(performance.now() - began); // evaluations, compilation and what is read are no part of it
  }, 60_000);

  test("overfitting: on a little text the loss on other text rises again, on more text it does not", async () => {
    const options = { threads, characters: 600, hidden: 48, steps: 160, context: 16, lr: 0.02, more: 100 };
    const { values } = await runExperiment("overfitting", options);
    const courses = values.courses as Record<string, Course>;
    const risen = (name: string) => {
      const points = courses[name]?.validation ?? [];
      return (points.at(-1)?.[1] ?? 0) - Math.min(...points.map(([, loss]) => loss));
    };
    expect(risen("little text")).toBeGreaterThan(0.2);
    expect(risen("more text")).toBeLessThan(0.05);
    expect(courses["little text"]?.training.at(-1)?.[1]).toBeLessThan(1.5);
  }, 120_000);

  test("sequential-cost: a time for every model and length", async () => {
    const { table, values } = await runExperiment("sequential-cost", {
      threads,
      lengths: "8,4",
      repeats: 1,
      parameters: 3000,
    });
    expect(table.map(Object.keys)).toEqual(Array(5).fill(["model", "ms at 4", "ms at 8"]));
    for (const { ms } of values.times as { ms: number }[]) expect(ms).toBeGreaterThan(0);
  }, 60_000);
});

describe("posterior collapse", () => {
  test("sentences are short, different, and either learned from or measured", async () => {
    const { train, validation } = await sentencesOf(6);
    const all = [...train, ...validation];
    expect(new Set(all).size).toBe(all.length);
    expect(all.every((text) => text.split(" ").length <= 6)).toBe(true);
    expect(validation.length).toBe(Math.ceil(all.length / 10));
    expect(builtInText()).toContain(validation[0]);
  });

  test("with the plain ELBO codes say nothing, and each of the cures makes them say something", async () => {
    const options = { threads, seeds: 1, words: 6, steps: 250, hidden: 48, lr: 0.01 };
    const { table, picture, summary, values } = await runExperiment("posterior-collapse", options);
    const of = (setting: string, score: string) => numberIn(table as Rows, "setting", setting, score);
    const settings = (table as Rows).map(({ setting }) => String(setting));
    expect(settings).toEqual(["plain ELBO", "annealing", "word dropout", "free bits"]);
    expect(of("plain ELBO", "kl")).toBeLessThan(0.1);
    expect(of("plain ELBO", "active")).toBeLessThanOrEqual(2);
    for (const cure of ["annealing", "word dropout", "free bits"]) {
      expect(of(cure, "kl"), cure).toBeGreaterThan(5 * of("plain ELBO", "kl"));
      expect(of(cure, "active"), cure).toBeGreaterThanOrEqual(8);
    }
    expect(of("free bits", "kl")).toBeGreaterThan(0.8 * 16 * 0.25);
    for (const setting of settings) {
      expect(of(setting, "elbo")).toBeCloseTo(-of(setting, "kl") - of(setting, "reconstruction"), 6);
      expect(of(setting, "nll")).toBeLessThan(-of(setting, "elbo") + 0.05);
    }
    expect(summary).toMatch(
      /^nats that a code says of a sentence: plain ELBO 0\.0\d in [012] active dimensions of 16, /,
    );
    expect(picture).toMatch(/^<svg [\s\S]*free bits/);
    expect(JSON.parse(JSON.stringify(values))).toEqual(values);
  }, 180_000);
});

describe("disentangling", () => {
  test("weighing the total correlation alone costs less information than weighing the whole KL, and frees more factors", async () => {
    const size = { size: 16, hidden: 100, latent: 6, pictures: 4000 };
    const { table, values, picture } = await runExperiment("disentangling", {
      ...{ threads, ...size, steps: 800, lr: 0.004, beta: 3, seeds: 1 },
    });
    const of = (model: string, wanted: string) => numberIn(table as Rows, "model", model, wanted);
    expect(of("VAE", "KL")).toBeGreaterThan(of("β-TCVAE", "KL"));
    expect(of("β-TCVAE", "KL")).toBeGreaterThan(of("β-VAE", "KL"));
    expect(of("VAE", "reconstruction")).toBeLessThan(of("β-TCVAE", "reconstruction"));
    expect(of("β-TCVAE", "reconstruction")).toBeLessThan(of("β-VAE", "reconstruction"));
    expect(of("β-TCVAE", "MIG")).toBeGreaterThan(of("VAE", "MIG"));
    expect(of("β-TCVAE", "y")).toBeGreaterThan(0.2);
    const { models } = values as { models: Record<string, { shares: number[][] }[]> };
    for (const [{ shares } = { shares: [] }] of Object.values(models)) {
      expect(shares.map((row) => row.length)).toEqual(Array(5).fill(6));
      for (const share of shares.flat()) {
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThan(1);
      }
    }
    expect(picture).toContain("β-TCVAE, MIG");
  }, 240_000);
});

describe("the bottleneck", () => {
  test("a translation says the counterpart of each word, the last one first; what is behind does not count", () => {
    const { source, sourceLengths, target, said, counts } = sentences([3, 1], 4, 5, 0, 1);
    const row = (tensor: HostTensor, b: number) => numbersOf(tensor.data).slice(b * 4, (b + 1) * 4);
    expect(numbersOf(sourceLengths.data)).toEqual([3, 1]);
    for (const [b, length] of [3, 1].entries()) {
      const words = row(source, b).slice(0, length);
      const expected = words.map((word) => (word % 5) + 1).reverse();
      expect(words.every((word) => word >= 1 && word <= 5)).toBe(true);
      expect(row(said, b)).toEqual([...expected, ...Array(4 - length).fill(0)]);
      expect(row(target, b)).toEqual([0, ...expected.slice(0, -1), ...Array(4 - length).fill(0)]);
      expect(row(counts, b)).toEqual([...Array(length).fill(1), ...Array(4 - length).fill(0)]);
      expect(row(source, b).slice(length)).toEqual(Array(4 - length).fill(0));
    }
  });

  test("without attention long sentences are translated worse than short ones, and worse than with it", async () => {
    const options = { threads, lengths: "3,14", words: 8, hidden: 32, steps: 400, lr: 0.01 };
    const { table } = await runExperiment("bottleneck", options);
    const [short, long] = table as Record<string, number>[];
    expect(short?.["without attention"]).toBeGreaterThan(0.8);
    expect(long?.["without attention"]).toBeLessThan((short?.["without attention"] ?? 0) - 0.2);
    expect(long?.["with attention"]).toBeGreaterThan((long?.["without attention"] ?? 1) + 0.2);
  }, 60_000);
});

describe("the registry", () => {
  test("equal options give equal numbers", async () => {
    const options = { threads, lengths: "5", steps: 3, parameters: 200 };
    const [first, second] = [
      await runExperiment("adding-problem", options),
      await runExperiment("adding-problem", options),
    ];
    expect(second).toEqual(first);
  });

  test.each([
    ["vanishing-gradiant", {}, "experiment: expected one of"],
    [
      "vanishing-gradient",
      { lenght: 5 },
      'experiment vanishing-gradient: unknown key "lenght" (did you mean "length"?)',
    ],
    [
      "vanishing-gradient",
      { length: 1 },
      "experiment vanishing-gradient: length: expected a whole number from 2 to 5000, got 1",
    ],
    [
      "adding-problem",
      { lengths: "5,x" },
      'experiment: lengths: expected whole numbers from 2 to 5000 with commas between them, got "5,x"',
    ],
    ["copy-memory", { lags: "" }, "experiment: lags: expected whole numbers from 1 to 5000"],
    ["copy-memory", { signal: 5 }, "experiment copy-memory: signal: expected an AbortSignal, got 5"],
  ] as const)("%s %j is refused", async (name, options, message) => {
    await expect(runExperiment(name, options as never)).rejects.toThrow(message);
    await expect(runExperiment(name, options as never)).rejects.toThrow(ConfigError);
  });

  test("one that is stopped rejects with the signal's reason", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const running = runExperiment("adding-problem", {
      signal: controller.signal,
      threads,
      onNote: () => controller.abort(reason),
    });
    await expect(running).rejects.toBe(reason);
  });

  test("your own is added", async () => {
    const made = await loadExperiment("copy-memory");
    addExperiment({ ...made, name: "mine" });
    expect(experimentNames()).toContain("mine");
    expect(() => addExperiment({ name: "other" } as never)).toThrow(ConfigError);
  });
});
