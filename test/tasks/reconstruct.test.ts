/** Autoencoders of pictures: they learn, bounds lie where they must, a stopped run is the one that was never stopped. */
import { describe, expect, test } from "vitest";
import type { Json } from "../../src/checkpoint/index.ts";
import { type DataGiven, decodePicture, listed, type Picture } from "../../src/data/index.ts";
import { digitImages, digitLabels, drawnDigits } from "../../src/digits/index.ts";
import { ConfigError, DataError } from "../../src/errors.ts";
import { openSource } from "../../src/files/index.ts";
import { build } from "../../src/models/index.ts";
import { vae } from "../../src/models/vae.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { exportForward, exportTraining } from "../../src/tasks/export.ts";
import { drawCurves } from "../../src/tasks/keep.ts";
import { open } from "../../src/tasks/open.ts";
import { imageBaselines } from "../../src/tasks/reconstruct/baselines.ts";
import { between, drawnIds } from "../../src/tasks/reconstruct/codes.ts";
import { scheduled } from "../../src/tasks/reconstruct/options.ts";
import { reconstruct } from "../../src/tasks/reconstruct.ts";
import { resume, type TrainOptions, train } from "../../src/tasks/train.ts";
import { bytes, listOf, memory } from "../support/runs.ts";
import { model as tolerance } from "../tolerances.ts";

/** Drawn digits in a folder in memory, with their labels. */
function digits(count: number, seed = 0, size = 14): DataGiven {
  const drawn = drawnDigits({ count, seed, size });
  const name = `digits ${size}`;
  const files = [
    { name: "t-images-idx3-ubyte", bytes: digitImages(drawn) },
    { name: "t-labels-idx1-ubyte", bytes: digitLabels(drawn) },
  ];
  return { name, files };
}
const [data, val] = [digits(300), digits(60, 1)];

const vaeOf = (config: Json) => build(vae, "latent", vae.configure(config));

const options = { task: "reconstruct", data, val, batch: 50, lr: 5e-3, threads: 1 } as const;
const trainOn = (name: string, more: Partial<TrainOptions<"reconstruct">> = {}) =>
  train(name, {
    ...options,
    steps: 60,
    ...more,
    config: { latent: 3, hidden_size: 32, ...more.config },
  } as TrainOptions<"reconstruct">);

describe("a VAE", () => {
  const store = memory();
  test("learns more than how often a pixel is 1, and its bounds lie below the likelihood", async () => {
    const history = await trainOn("vae", {
      store,
      data: digits(3000),
      steps: 700,
      importance: 100,
      config: { hidden_size: 64 },
    });
    const { scores } = await evaluate(store, { data: val, threads: 1 });
    const { loss = 0, elbo = 0, reconstruction = 0, kl = 0, bits = 0, nll = 0, active } = scores;
    expect(history.scores?.loss).toBeCloseTo(loss, 9); // noise belongs to the example
    expect(elbo).toBeCloseTo(-reconstruction - kl, 9);
    expect(loss).toBeCloseTo(-elbo, 9);
    expect(bits).toBeCloseTo(-elbo / (196 * Math.LN2), 5);
    expect(nll).toBeLessThan(-elbo);
    const model = await open(store, { task: "reconstruct", threads: 1 });
    const codes = await listOf(model.embed([val]));
    const variance = (values: readonly number[]) => {
      const mean = values.reduce((a, b) => a + b / values.length, 0);
      return values.reduce((a, b) => a + (b - mean) ** 2 / values.length, 0);
    };
    expect(active).toBe([0, 1, 2].filter((l) => variance(codes.map(({ code }) => code[l] ?? 0)) > 0.01).length);
    await model.release();
    const problem = await reconstruct.learn(openSource(data, {}), reconstruct.options.parse({}), {});
    const test = await problem.examples(openSource(val, {}));
    const all = await problem.examples(openSource(data, {}));
    const found = await problem.baselines?.(all, test, {}, vaeOf(problem.config));
    const naive = found?.["pixel frequencies"] ?? {};
    expect(naive.loss).toBeGreaterThan(nll + 2);
    expect(naive).toMatchObject({ kl: 0, reconstruction: naive.loss, elbo: -(naive.loss ?? 0) });
  }, 60_000);

  test("scores do not depend on how many pictures are measured at a time", async () => {
    const [one, many] = [
      await evaluate(store, { data: val, batch: 7, baselines: false, threads: 1 }),
      await evaluate(store, { data: val, batch: 60, baselines: false, threads: 1 }),
    ];
    for (const [name, value] of Object.entries(one.scores)) expect(many.scores[name]).toBeCloseTo(value, 4);
  });

  test("answers with numbers and pictures, in JSON with numbers alone", async () => {
    const model = await open(store, { task: "reconstruct", threads: 1 });
    const found = await listOf(model.predict([val], { batch: 16 }));
    expect(found).toHaveLength(60);
    const [first] = found;
    expect(first?.original).toMatchObject({ name: "0", width: 14, height: 14, channels: 1 });
    expect(new Set(first?.original.data)).toEqual(new Set([0, 255]));
    expect(Object.keys(JSON.parse(JSON.stringify(first)))).toEqual(["name", "label", "nats", "rate", "code"]);
    expect(first && model.line(first)).toMatch(/^0\t\d+\.\d\d\t\d+\.\d\d$/);
    const codes = await listOf(model.embed([val], { batch: 60 }));
    for (const [i, { code, label }] of codes.entries()) {
      expect(label).toBe(found[i]?.label);
      for (const [l, value] of code.entries())
        expect(Math.abs(value - (found[i]?.code[l] ?? 9))).toBeLessThanOrEqual(tolerance.step.absolute);
    }
    await model.release();
  });

  test("sample i of a seed is the same however many are drawn", async () => {
    const model = await open(store, { task: "reconstruct", threads: 1 });
    const [few, many, others] = [
      await model.sample({ n: 2 }),
      await model.sample({ n: 5 }),
      await model.sample({ n: 2, seed: 1 }),
    ];
    expect(many.slice(0, 2)).toEqual(few);
    expect(others[0]?.data).not.toEqual(few[0]?.data);
    const cold = await model.sample({ n: 2, temperature: 0 });
    expect(cold[0]?.data).toEqual(cold[1]?.data);
    await expect(model.sample({ class: "3" })).rejects.toThrow("class: the model is not conditional, got");
    await model.release();
  });

  test("ends of an interpolation are reconstructions; a traversal changes one dimension", async () => {
    const model = await open(store, { task: "reconstruct", threads: 1 });
    const pictures = await model.pictures(val);
    const [a, b] = [pictures[0] as Picture, pictures[1] as Picture];
    const found = await listOf(model.predict([a, b]));
    for (const how of ["linear", "spherical"] as const) {
      const path = await model.interpolate(a, b, { steps: 5, how });
      expect(path).toHaveLength(5);
      for (const [at, i] of [
        [0, 0],
        [4, 1],
      ] as const)
        for (const [k, value] of (path[at] as Picture).data.entries())
          expect(Math.abs(value - Number(found[i]?.reconstruction.data[k]))).toBeLessThanOrEqual(1);
    }
    const rows = await model.traverse(undefined, { steps: 3, from: -1, to: 1 });
    expect(rows.map((row) => row.length)).toEqual([3, 3, 3]);
    expect(rows[0]?.[1]?.data).toEqual(rows[2]?.[1]?.data); // 0 everywhere
    expect((await model.traverse(a, { dimensions: [1], steps: 2 })).length).toBe(1);
    await expect(model.traverse(a, { dimensions: [3] })).rejects.toThrow(ConfigError);
    for (const several of [model.traverse(val), model.interpolate(a, val)])
      await expect(several).rejects.toThrow("picture: expected one, got 60 beginning with 0; give the file of one");
    await model.release();
  });

  test("pictures of another size are refused by name", async () => {
    const model = await open(store, { task: "reconstruct", threads: 1 });
    await expect(listOf(model.predict([digits(2, 0, 9)]))).rejects.toThrow(
      "picture 0: expected 14x14 with 1 channel as in training, got 9x9 with 1 channel; give pictures of that size",
    );
    await model.release();
    await expect(evaluate(store, { data: digits(2, 0, 9), threads: 1 })).rejects.toThrow(DataError);
  });
});

test("the importance-weighted estimate with one sample is the ELBO, and falls with more", async () => {
  const store = memory();
  await trainOn("vae", { store, steps: 300, importance: 1 });
  const { scores } = await evaluate(store, { data: digits(400, 1), baselines: false, threads: 1 });
  expect(Math.abs((scores.nll ?? 0) + (scores.elbo ?? 0))).toBeLessThan(1);
  const model = await open(store, { task: "reconstruct", threads: 1 });
  const pictures = await model.pictures(val);
  const mean = async (samples: number) => (await model.importance(pictures, samples)).reduce((a, b) => a + b / 60, 0);
  const [one, twenty, many] = [await mean(1), await mean(20), await mean(300)];
  expect(twenty).toBeLessThan(one);
  expect(many).toBeLessThan(one);
  expect(Math.abs(many - twenty)).toBeLessThan(0.1);
  await model.release();
}, 60_000);

test.each([
  ["linear β and free bits", { anneal: "linear", annealSteps: 9, freeBits: 0.2, beta: 2 }],
  ["cyclical β, binarised anew at each step", { anneal: "cyclical", annealSteps: 5, binarize: "dynamic" }],
  ["capacity", { capacity: 4, beta: 10 }],
  ["iwae", { objective: "iwae", samples: 3 }],
  ["total correlation", { objective: "tc", beta: 6 }],
  ["labels, two micro-batches", { conditional: true, accumulate: 2 }],
] as const)("interrupted and resumed with %s, it ends with the same bits", async (_, more) => {
  const given = { ...more, steps: 12, evalEvery: 5 } as Partial<TrainOptions<"reconstruct">>;
  const [whole, parted] = [memory(), memory()];
  await trainOn("vae", { ...given, store: whole });
  for await (const event of trainOn("vae", { ...given, store: parted }))
    if (event.event === "step" && event.step === 7) break;
  expect(await resume(parted, { data, val })).toMatchObject({ step: 12, firstStep: 8 });
  expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
});

test("the parts of the loss are drawn over the steps, where it has more than one", async () => {
  const store = memory();
  await trainOn("vae", { store, steps: 20 });
  const log = store.logged as Json[];
  const { terms = "", curves } = await drawCurves({ ...store, readLog: async () => log }, reconstruct);
  expect(curves).toContain("validation loss");
  const last = log.findLast(({ event }) => event === "step")?.terms as Record<string, number>;
  for (const name of ["reconstruction", "kl"]) expect(terms).toContain(`${name} ${Number(last[name]?.toPrecision(3))}`);
  const bare = log.map(({ terms: _, ...event }) => event);
  expect(await drawCurves({ ...store, readLog: async () => bare }, reconstruct)).not.toHaveProperty("terms");
});

test("an exported step takes the weight of its KL as an input, and the forward pass labels where it is told any", async () => {
  const store = memory();
  await trainOn("vae", { store, steps: 2, conditional: true, capacity: 3 });
  const [step, forward] = [await exportTraining(store), await exportForward(store)];
  expect(step.inputs.map(({ name }) => name)).toEqual(expect.arrayContaining(["scheduled.beta", "scheduled.capacity"]));
  expect(forward.inputs.map(({ name }) => name)).toEqual(["images", "labels"]);
  expect(forward.outputs.map(({ name }) => name)).toEqual(["mean", "reconstruction"]);
});

describe("weights of a step", () => {
  const of = (more: object) => scheduled(reconstruct.options.parse(more));
  test("rise by steps alone, over half of all or a quarter unless said", () => {
    expect([1, 25, 50, 99].map((step) => of({ anneal: "linear", beta: 4 }).beta(step, 100))).toEqual([0.08, 2, 4, 4]);
    expect([1, 12.5, 25, 26].map((step) => of({ anneal: "cyclical" }).beta(Math.ceil(step), 100))).toEqual([
      0.08, 1, 1, 0.08,
    ]);
    expect(of({ beta: 3 }).beta(1, 100)).toBe(3);
    expect(of({ capacity: 5, annealSteps: 10 }).capacity?.(4, 100)).toBe(2);
  });
  test("are what the loss is made of", async () => {
    for await (const event of trainOn("vae", { beta: 3, anneal: "linear", annealSteps: 4, steps: 5 })) {
      if (event.event !== "step") continue;
      const { kl = 0, reconstruction = 0 } = event.terms;
      expect(Math.abs(event.loss - reconstruction - Math.min(1, event.step / 4) * 3 * kl)).toBeLessThan(1e-4);
    }
  });
});

describe.each([
  ["ae", {}, { latent: 3, hidden_size: 32 }],
  ["vqvae", { binarize: "dynamic" }, { codebook_size: 6, embedding_dim: 4, conv_channels: 4 }],
  ["vae", {}, { encoder: "conv", likelihood: "logistic", latent: 2, hidden_size: 8, conv_channels: 4 }],
] as const)("%s %j", (name, more, config) => {
  const given = { ...options, ...more, config, steps: 8, evalEvery: 3 } as TrainOptions<"reconstruct">;

  test("interrupted and resumed, it ends with the same bits", async () => {
    const [whole, parted] = [memory(), memory()];
    await train(name, { ...given, store: whole });
    for await (const event of train(name, { ...given, store: parted }))
      if (event.event === "step" && event.step === 5) break;
    expect(await resume(parted, { data, val })).toMatchObject({ step: 8, firstStep: 6 });
    expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
  });

  test("is measured, reconstructs, samples and interpolates", async () => {
    const store = memory();
    await train(name, { ...given, store });
    const { scores, pictures } = await evaluate(store, { data: val, threads: 1, baselines: false });
    for (const [name, [width, height]] of Object.entries({ reconstructions: [149, 149], samples: [149, 74] })) {
      const [, png = ""] = /href="data:image\/png;base64,([^"]+)"/.exec(pictures[name] ?? "") ?? [];
      expect(await decodePicture(Buffer.from(png, "base64"), name)).toMatchObject({ width, height });
    }
    const { elbo, reconstruction = 0, rate = 0, kl = 0, nll } = scores;
    if (name === "ae") expect(elbo).toBeUndefined();
    else expect(elbo).toBeCloseTo(-reconstruction - rate - kl, 9);
    if (name === "vqvae") expect(rate).toBeCloseTo(16 * Math.log(6), 3);
    expect(nll === undefined).toBe(name !== "vae");
    const model = await open(store, { task: "reconstruct", threads: 1 });
    const [a, b] = (await model.pictures(val)) as [Picture, Picture];
    for (const pictures of [await model.sample({ n: 3 }), await model.interpolate(a, b, { steps: 3 })])
      expect(pictures.map(({ width, height, channels }) => [width, height, channels])).toEqual(
        Array(3).fill([14, 14, 1]),
      );
    const [found] = await listOf(model.predict([a]));
    expect(found?.rate === undefined).toBe(name === "ae");
    await model.release();
  });
});

test("how often rows of a codebook stood at each place is kept, and samples are drawn by it", async () => {
  const store = memory();
  await train("vqvae", {
    ...options,
    config: { codebook_size: 6, embedding_dim: 4, conv_channels: 4 },
    steps: 6,
    store,
  });
  const { counts } = store.files["calibration.json"] as { counts: number[][] };
  expect(counts.map((row) => row.reduce((a, b) => a + b, 0))).toEqual(Array(16).fill(60));
  const model = await open(store, { task: "reconstruct", threads: 1 });
  expect(model.known.counts).toEqual(counts);
  await model.release();
});

test("a model that draws no codes has no KL to weigh, and one without labels cannot be told any", async () => {
  const given = { ...options, steps: 2 } as const;
  for (const odd of [{ beta: 4 }, { samples: 5 }])
    await expect(Promise.resolve(train("ae", { ...given, ...odd }))).rejects.toThrow("this model draws none");
  await expect(Promise.resolve(train("vqvae", { ...given, conditional: true }))).rejects.toThrow(
    "option: conditional: this model takes no labels; leave it out, or choose vae",
  );
});

test("a conditional model is told classes: samples of one, and labels where pictures come in", async () => {
  const store = memory();
  await trainOn("vae", { store, conditional: true, steps: 10 });
  const model = await open(store, { task: "reconstruct", threads: 1 });
  expect(model.classes).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  const [mixed, threes] = [
    await model.sample({ n: 11, temperature: 0 }),
    await model.sample({ n: 2, class: "3", temperature: 0 }),
  ];
  expect(mixed[3]?.data).toEqual(threes[0]?.data);
  expect(mixed[10]?.data).toEqual(mixed[0]?.data);
  await expect(model.sample({ class: "ten" })).rejects.toThrow(
    'class: expected one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, got "ten"',
  );
  const [{ label: _, ...bare }] = (await model.pictures(val)) as [Picture];
  await expect(listOf(model.predict([bare]))).rejects.toThrow(
    "picture 0: expected a label, as the model is conditional",
  );
  await model.release();
});

describe("what cannot be is refused in one line", () => {
  const unlabelled: DataGiven = {
    name: "t-images-idx3-ubyte",
    bytes: digitImages(drawnDigits({ count: 4, size: 14 })),
  };
  test.each([
    [{ config: { latent: 0 } }, ConfigError, "vae config: latent: expected a whole number from 1 to 65536, got 0"],
    [{ beta: -1 }, ConfigError, "option: beta: expected a number from 0 to 1000000, got -1"],
    [{ capacity: -1 }, ConfigError, "option: capacity: expected a number from 0 to 1000000, got -1"],
    [
      { freeBits: 1, capacity: 2 },
      ConfigError,
      "option: freeBits: capacity already says what the KL may be; leave it out",
    ],
    [
      { objective: "iwae", beta: 2 },
      ConfigError,
      "option: beta: the importance-weighted bound has no weights; leave it out",
    ],
    [
      { objective: "tc", samples: 2 },
      ConfigError,
      "option: samples: the total correlation is estimated from one of each; leave it out",
    ],
    [
      { annealSteps: 10 },
      ConfigError,
      "option: annealSteps: nothing rises within them, as anneal is none; leave it out",
    ],
    [{ size: "0" }, ConfigError, 'option: size: expected 28 or 32x24, width by height, got "0"'],
    [{ config: { deviation: 1 } }, ConfigError, "config: deviation: only a gaussian likelihood has one"],
    [
      { config: { num_labels: 3 } },
      ConfigError,
      "model: expected 0 classes, got 3; leave num_labels out, and say conditional=true",
    ],
    [
      { config: { image_height: 9 } },
      ConfigError,
      "model: expected pictures of 14x14x1, as the data have, got 14x9x1; resize the pictures with size=14x9",
    ],
    [
      { data: unlabelled, val: undefined, conditional: true },
      DataError,
      "expected labels, as the model shall be conditional, got none",
    ],
    [
      { val: unlabelled, conditional: true },
      DataError,
      "expected a label of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, as the model is conditional, got none for 0",
    ],
    [
      { val: digits(3, 0, 9) },
      DataError,
      "expected pictures of 14x14x1 as in training, width by height by channels, got 9x9x1",
    ],
  ] as const)("%j", async (more, kind, message) => {
    const error = await Promise.resolve(trainOn("vae", more as Json)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(kind);
    expect(String(error)).toContain(message);
    expect(String(error)).not.toContain("\n");
  });
});

describe("baselines by hand, of two pictures of two pixels", () => {
  const picture = (...values: number[]) => ({
    picture: { name: "x", width: 2, height: 1, channels: 1, data: Uint8Array.from(values) },
    label: -1,
  });
  const [learned, unseen] = [listed([picture(255, 51), picture(255, 153)], "a"), listed([picture(255, 153)], "b")];
  const of = (name: "bernoulli" | "logistic" | "gaussian", more: object = {}) =>
    imageBaselines(
      learned,
      unseen,
      {},
      { likelihood: { name }, image: [1, 1, 2] } as never,
      reconstruct.options.parse(more),
    );
  test.each([
    ["bernoulli", {}, "pixel frequencies", -Math.log(3 / 4) - Math.log(2 / 4)],
    [
      "bernoulli",
      { binarize: "none" },
      "pixel frequencies",
      -Math.log(3 / 4) - 0.6 * Math.log(1.8 / 4) - 0.4 * Math.log(2.2 / 4),
    ],
    ["logistic", {}, "pixel levels", -Math.log(3 / 258) - Math.log(2 / 258)],
    ["gaussian", {}, "pixel means", -6 + Math.log(0.2) + 0.5 + Math.log(2 * Math.PI)],
  ] as const)("%s %j", (likelihood, more, name, nats) => {
    const found = of(likelihood, more)[name];
    expect(found?.loss).toBeCloseTo(nats, 9);
    const bits = nats / (2 * Math.LN2) + (likelihood === "gaussian" ? 8 : 0);
    if ("binarize" in more) expect(found).not.toHaveProperty("bits");
    else expect(found?.bits).toBeCloseTo(bits, 9);
  });
});

test("between two codes: along a line, or along the arc, which keeps its length", () => {
  const [a, b] = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
  expect([...between(a, b, 0.25, "linear")]).toEqual([0.75, 0.25]);
  const arc = between(a, b, 1 / 3, "spherical");
  expect(arc[0]).toBeCloseTo(Math.cos(Math.PI / 6), 6);
  expect(arc[1]).toBeCloseTo(Math.sin(Math.PI / 6), 6);
  for (const other of [Float32Array.of(2, 0), Float32Array.of(-1, 0), Float32Array.of(0, 0)])
    expect(between(a, other, 0.5, "spherical")).toEqual(between(a, other, 0.5, "linear"));
});

test("rows of a codebook are drawn as often as they were counted, or all alike", () => {
  const share = (counts: number[][] | undefined) => {
    const all = Array.from({ length: 4000 }, (_, i) => drawnIds(1, 4, counts, 0, i)[0]);
    return [0, 1, 2, 3].map((row) => all.filter((id) => id === row).length / 4000);
  };
  for (const [i, p] of [0.25, 0.25, 0.25, 0.25].entries())
    expect(Math.abs((share(undefined)[i] ?? 0) - p)).toBeLessThan(0.035);
  for (const [i, p] of [0.1, 0, 0.9, 0].entries())
    expect(Math.abs((share([[1, 0, 9]])[i] ?? 1) - p)).toBeLessThan(0.035);
});
