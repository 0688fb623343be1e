/** The loop and the step: order of events, interruption, values that are not finite, accumulation, exact resumption. */
import { describe, expect, test } from "vitest";
import { fromStored } from "../../src/checkpoint/index.ts";
import { CheckpointError, ConfigError, NonFiniteError } from "../../src/errors.ts";
import type { Spec } from "../../src/graph/index.ts";
import { Linear, meanSquaredError, namedParameters } from "../../src/nn/index.ts";
import { constantRate, sgd } from "../../src/optim/index.ts";
import { initialValues, stream } from "../../src/runtime/index.ts";
import { builtInText } from "../../src/stories/index.ts";
import { resume, type TrainOptions, train } from "../../src/tasks/train.ts";
import {
  type Batches,
  createStep,
  type Evaluation,
  type History,
  type LoopOptions,
  loop,
  Run,
  type Scores,
  type StepOptions,
  type Stepper,
  type TrainingEvent,
} from "../../src/train/index.ts";
import { bytes, listOf, memory } from "../support/runs.ts";
import { reordered } from "../tolerances.ts";

const data = { name: "stories", text: builtInText(0, 6000) };
const tiny = {
  data,
  config: { n_layer: 1, n_head: 2, n_embd: 8, attn_pdrop: 0.1, resid_pdrop: 0.1 },
  context: 8,
  batch: 4,
  threads: 1,
} as const satisfies TrainOptions<"language">;
const small = { data, config: { hidden_size: 8, embedding_dim: 4 }, context: 8, batch: 2, threads: 1 } as const;

test("a training can be iterated over and awaited, and is the same both ways", async () => {
  const make = () => train("gpt", { ...tiny, steps: 6, evalEvery: 3 });
  const iterated = make();
  const events = await listOf(iterated);
  const [first, second] = [await iterated, await make()];
  expect(events.map(({ event }) => event)).toEqual([
    "start",
    "step",
    "step",
    "step",
    "evaluate",
    "step",
    "step",
    "step",
    "evaluate",
  ]);
  expect(events[0]).toMatchObject({ step: 0, steps: 6, unit: "tokens", best: undefined });
  expect(first.losses).toEqual(second.losses);
  expect(first.scores).toEqual(second.scores);
  expect(first.scores?.perplexity).toBeCloseTo(Math.exp(first.scores?.loss ?? Number.NaN), 10);
  expect(first.losses).toHaveLength(6);
  expect(first).toMatchObject({ step: 6, firstStep: 1, interrupted: false });
  expect(first.trainLoss).toBeCloseTo(first.losses.reduce((a, b) => a + b, 0) / 6, 10);
});

test("a training whose events are left stops after its step, is saved, and resumes from there", async () => {
  const store = memory();
  const run = train("gpt", { ...tiny, steps: 6, store });
  for await (const event of run) if (event.event === "step" && event.step === 2) break;
  expect(await run).toMatchObject({ step: 2, interrupted: true });
  expect(store.states.at(-1)?.trainer).toMatchObject({ step: 2 });
  expect(store.logged.at(-1)).toEqual({ event: "interrupted", step: 2 });
  const whole = memory();
  await train("gpt", { ...tiny, steps: 6, store: whole });
  expect(await resume(store, { data })).toMatchObject({ step: 6, firstStep: 3, interrupted: false });
  expect(bytes(store.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
});

test("an aborted training finishes its step, saves, and says so", async () => {
  const abort = new AbortController();
  const store = memory();
  const run = train("rnn", { ...small, steps: 50, store, signal: abort.signal });
  for await (const event of run) if (event.event === "step" && event.step === 3) abort.abort();
  const history = await run;
  expect(history).toMatchObject({ step: 3, interrupted: true });
  expect(store.states.at(-1)?.trainer).toMatchObject({ step: 3 });
  expect(store.logged.at(-1)).toMatchObject({ event: "interrupted", step: 3 });
});

test.each([1, 4, 9])("interrupted after step %i and resumed, it ends with the same bits", async (stop) => {
  const whole = memory();
  const options = { ...tiny, steps: 10, evalEvery: 4, seed: 7 };
  await train("gpt", { ...options, store: whole });
  const parted = memory();
  const abort = new AbortController();
  const first = train("gpt", { ...options, store: parted, signal: abort.signal });
  for await (const event of first) if (event.event === "step" && event.step === stop) abort.abort();
  await resume(parted, { data });
  expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
  expect(parted.states.at(-1)?.trainer).toEqual(whole.states.at(-1)?.trainer);
  for (const kind of ["last", "best"] as const) expect(parted.weights.get(kind)).toEqual(whole.weights.get(kind));
});

test("resuming on another text, or to fewer steps, is refused", async () => {
  const store = memory();
  await train("gpt", { ...tiny, steps: 2, store });
  const before = bytes(store.states.at(-1));
  const other = { name: "other", text: `${data.text.slice(1)}.` };
  const refused = async (options: object, say: string) => {
    const run = Promise.resolve(resume(store, { data, ...options }));
    await expect(run).rejects.toThrow(say);
    return run.catch((error: unknown) => error);
  };
  expect(
    await refused({ data: other }, "the data in other are not what the run was trained on; give the same"),
  ).toBeInstanceOf(CheckpointError);
  expect(await refused({ steps: 1 }, "option: steps: the run has done 2 already, got 1; give more")).toBeInstanceOf(
    ConfigError,
  );
  expect(bytes(store.states.at(-1))).toEqual(before);
});

test("resuming for longer trains on", async () => {
  const store = memory();
  await train("rnn", { ...small, steps: 2, store });
  expect(await resume(store, { data, steps: 5 })).toMatchObject({ step: 5, firstStep: 3 });
  expect(store.states.at(-1)?.trainer).toMatchObject({ step: 5, settings: { steps: 5 } });
});

test("options of nobody, of another kind, and nothing at all are refused before anything is made", async () => {
  const store = memory();
  const refused = (options: object, say: string) =>
    expect(Promise.resolve(train("rnn", { ...small, store, ...options } as never))).rejects.toThrow(say);
  await refused({ learning_rate: 1 }, 'train: unknown option "learning_rate" (did you mean "lr"?)');
  await refused({ lr: 0 }, "option: lr: expected a number above 0 to 10, got 0");
  await refused({ steps: 3, epochs: 1 }, "expected one of them, got 3 and 1; leave one out");
  await refused({ freeze: "(" }, 'option: freeze: expected a regular expression, got "("');
  await refused({ task: "langauge" }, '(did you mean "language"?)');
  await refused({ config: { hiden: 1 } }, 'rnn config: unknown key "hiden"');
  await refused({ data: undefined }, "train: expected data to learn from, got none");
  await expect(Promise.resolve(train("lsmt", small))).rejects.toThrow('got "lsmt" (did you mean "lstm"?)');
  expect(store.states).toEqual([]);
});

/** A linear fit of y = 2x - 1 in one dimension. */
function lineFit(accumulate: number, batch: number): StepOptions<Record<"x" | "y", Spec>> {
  const layer = Linear(1, 1);
  const column = { shape: [batch, 1], dtype: "f32" } as const;
  return {
    parameters: namedParameters(layer),
    batch: { x: column, y: column },
    loss: ({ x, y }) => meanSquaredError(layer(x), y),
    optimizer: sgd({ momentum: 0.9 }),
    clip: 0.5,
    accumulate,
  };
}

const points = (step: number, from: number, count: number) => {
  const x = new Float32Array(count);
  stream(3, step, "points").fillUniform(x, from);
  const column = (data: Float32Array) => ({ data, shape: [count, 1], dtype: "f32" as const });
  return { x: column(x), y: column(x.map((value) => 2 * value - 1)) };
};

const apart = (a: number, b: number): boolean =>
  Math.abs(a - b) > reordered.absolute + reordered.relative * Math.abs(a);

test("four micro-batches are one batch of all of them", async () => {
  const [one, four] = [lineFit(1, 8), lineFit(4, 2)];
  const whole = await createStep(one, { weights: initialValues(one.parameters, 0) });
  const parted = await createStep(four, { weights: initialValues(four.parameters, 0) });
  for (let step = 1; step <= 5; step++) {
    const at = { step, lr: 0.1, seed: 0 };
    const a = await whole.run([points(step, 0, 8)], at);
    const b = await parted.run(
      [0, 2, 4, 6].map((from) => points(step, from, 2)),
      at,
    );
    expect(apart(a.loss, b.loss)).toBe(false);
    expect(apart(a.gradNorm, b.gradNorm)).toBe(false);
  }
  for (const [name, { data }] of Object.entries(whole.weights))
    expect(apart(Number(data[0]), Number(parted.weights[name]?.data[0]))).toBe(false);
});

test("a step that cannot fit into memory is refused before anything is made", async () => {
  const store = memory();
  const run = train("gpt", {
    ...tiny,
    batch: 65536,
    accumulate: 1,
    config: { n_embd: 4096, n_head: 2, n_layer: 4 },
    store,
  });
  await expect(Promise.resolve(run)).rejects.toThrow(
    /a step needs about \d+ GB of memory, there are [\d.]+ GB; lower batch/,
  );
  expect(store.states).toEqual([]);
});

test("an average of the weights is what is measured and kept, by its formula", async () => {
  const store = memory();
  const decay = 0.5;
  const run = train("rnn", { ...small, steps: 3, average: decay, saveEvery: 1, evalEvery: 1, store });
  const history = await run;
  const [start, ...after] = store.states;
  for (const name of Object.keys(start?.weights ?? {})) {
    let average = Array.from(start?.weights[name]?.data ?? [], Number);
    for (const { weights, averages } of after) {
      const now = Array.from(weights[name]?.data ?? [], Number);
      average = average.map((value, i) => decay * value + (1 - decay) * (now[i] ?? Number.NaN));
      const kept = Array.from(averages[name]?.data ?? [], Number);
      expect(kept).toHaveLength(average.length);
      for (const [i, value] of average.entries()) expect(apart(value, kept[i] ?? Number.NaN)).toBe(false);
    }
  }
  const kept = Object.fromEntries(
    [...(store.weights.get("last") ?? [])].map(([name, tensor]) => [name, fromStored(name, tensor)]),
  );
  expect(kept).toEqual(after.at(-1)?.averages);
  const plain = await train("rnn", { ...small, steps: 3, evalEvery: 1 });
  expect(plain.losses).toEqual(history.losses);
  expect(plain.scores?.loss).not.toBe(history.scores?.loss);
});

test("an average continues with the same bits after an interruption", async () => {
  const options = { ...small, steps: 6, average: 0.9 } as const;
  const [whole, parted] = [memory(), memory()];
  await train("rnn", { ...options, store: whole });
  for await (const event of train("rnn", { ...options, store: parted }))
    if (event.event === "step" && event.step === 2) break;
  await resume(parted, { data });
  expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
});

test("frozen parameters stay as they were, all others move", async () => {
  const store = memory();
  await train("rnn", { ...small, steps: 3, freeze: "^embedding", store });
  const [first, last] = [new Map(bytes(store.states[0])), new Map(bytes(store.states.at(-1)))];
  const still = [...first].filter(([name, value]) => last.get(name) === value).map(([name]) => name);
  expect(still).toEqual(["weights embedding.weight"]);
});

/** The events and the history of a loop over `stepper`. */
async function looped(stepper: Stepper, options: Partial<LoopOptions> & Pick<LoopOptions, "steps" | "batches">) {
  const events: TrainingEvent[] = [];
  const run = new Run<TrainingEvent, History>(loop(stepper, { seed: 0, schedule: constantRate(0.1), ...options }));
  for await (const event of run) events.push(event);
  return { events, history: await run };
}

/** A step for the line, fresh. */
async function lineStep(accumulate = 1, batch = 4) {
  const options = lineFit(accumulate, batch);
  return createStep(options, { weights: initialValues(options.parameters, 0) });
}

const four = (step: number): Batches => [points(step, 0, 4)];

test("a linear fit finds the line", async () => {
  const step = await lineStep(1, 16);
  const batches = (at: number) => [points(at, 0, 16)];
  await looped(step, { steps: 400, schedule: constantRate(0.05), batches });
  const { weight, bias } = step.weights;
  expect(Number(weight?.data[0])).toBeCloseTo(2, 3);
  expect(Number(bias?.data[0])).toBeCloseTo(-1, 3);
});

test("a value that is not finite stops the training, names the step, and changes nothing", async () => {
  const options = { ...lineFit(1, 4), clip: undefined };
  const step = await createStep(options, { weights: initialValues(options.parameters, 0) });
  const batches = (at: number) => {
    const batch = points(at, 0, 4);
    if (at === 3) batch.x.data[1] = Number.NaN;
    return [batch];
  };
  const saved: number[] = [];
  const save = { every: 100, run: async (_: "last" | "best", at: number) => void saved.push(at) };
  const error = await looped(step, { steps: 9, batches, save, where: "here" }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NonFiniteError);
  expect(error).toMatchObject({ step: 3, value: Number.NaN });
  expect(String(error)).toMatch(/the loss is NaN at step 3; the last good checkpoint is step 0 in here/);
  expect(saved).toEqual([]);
  expect(Number.isFinite(Number(step.weights.weight?.data[0]))).toBe(true);
});

test("weights that are spoilt never replace a checkpoint", async () => {
  const options = { ...lineFit(1, 4), optimizer: sgd(), clip: undefined };
  const step = await createStep(options, { weights: initialValues(options.parameters, 0) });
  const saved: number[] = [];
  const save = { every: 1, run: async (_: "last" | "best", at: number) => void saved.push(at) };
  const schedule = (at: number) => (at < 3 ? 0.1 : 1e39); // beyond what float32 holds
  const run = looped(step, { steps: 9, schedule, batches: four, save, where: "here" });
  await expect(run).rejects.toThrow(/holds .* after step 3; the last good checkpoint is step 2 in here/);
  expect(saved).toEqual([1, 2]);
});

describe("measured during training", () => {
  /** Measures these numbers, one after the other, and at the end whatever is left. */
  const measuring = (scores: number[], rest: Partial<Evaluation> = {}): Evaluation => ({
    every: 1,
    best: "loss",
    better: "lower",
    run: async (): Promise<Scores> => ({ loss: scores.shift() ?? 9, other: 5 }),
    ...rest,
  });
  const bests = (events: TrainingEvent[]) =>
    events.flatMap((event) => (event.event === "evaluate" && event.best ? [event.step] : []));

  test("a score that is no number is never the best", async () => {
    const evaluate = measuring([Number.NaN, 2, 3, 1]);
    const { events, history } = await looped(await lineStep(), { steps: 4, batches: four, evaluate });
    expect(history).toMatchObject({ best: { score: 1, step: 4 }, scores: { loss: 1, other: 5 } });
    expect(bests(events)).toEqual([2, 4]);
  });

  test.each([
    ["lower", [1, 4], { score: 1, step: 4 }],
    ["higher", [1, 3], { score: 4, step: 3 }],
  ] as const)("the best is the %s, of equals the first", async (better, steps, best) => {
    const evaluate = measuring([3, 3, 4, 1, 4, 1], { better });
    const kept: string[] = [];
    const save = { every: 100, run: async (kind: "last" | "best", at: number) => void kept.push(`${kind} ${at}`) };
    const { events, history } = await looped(await lineStep(), { steps: 6, batches: four, evaluate, save });
    expect(bests(events)).toEqual(steps);
    expect(history.best).toEqual(best);
    expect(kept).toEqual([...steps.map((at) => `best ${at}`), "last 6"]);
  });

  test("a best score of before is the one to beat", async () => {
    const evaluate = measuring([3, 1]);
    const options = { steps: 4, from: 2, batches: four, evaluate, best: { score: 2, step: 1 } };
    const { events, history } = await looped(await lineStep(), options);
    expect(bests(events)).toEqual([4]);
    expect(history).toMatchObject({ firstStep: 3, best: { score: 1, step: 4 } });
  });

  test("patience: so many measurements without a better one end the training, which is saved", async () => {
    const evaluate = measuring([5, 6, 4, 4, 4.5, 3], { every: 2, patience: 2 });
    const kept: string[] = [];
    const save = { every: 100, run: async (kind: "last" | "best", at: number) => void kept.push(`${kind} ${at}`) };
    const { events, history } = await looped(await lineStep(), { steps: 100, batches: four, evaluate, save });
    expect(history).toMatchObject({ step: 10, interrupted: false, best: { score: 4, step: 6 } });
    expect(events.slice(-2)).toEqual([
      { event: "stop", step: 10, reason: "no better loss in 2 evaluations" },
      { event: "checkpoint", step: 10, kind: "last" },
    ]);
    expect(kept).toEqual(["best 2", "best 6", "last 10"]);
  });

  test("patience at its end before an interruption: going on takes no further step", async () => {
    const evaluate = measuring([1], { every: 2, patience: 2 });
    const options = { steps: 100, from: 10, batches: four, evaluate, best: { score: 4, step: 6 } };
    const { events, history } = await looped(await lineStep(), options);
    expect(history).toMatchObject({ step: 10, losses: [], best: { score: 4, step: 6 } });
    expect(events).toEqual([{ event: "stop", step: 10, reason: "no better loss in 2 evaluations" }]);
  });

  test("a part decides every time, and at the end all is reported", async () => {
    const whole = { examples: 5, run: async () => ({ loss: 0.5 }) }; // better than any part, and not compared
    const evaluate = measuring([2, 3], { every: 2, whole });
    const { events, history } = await looped(await lineStep(), { steps: 4, batches: four, evaluate });
    expect(history).toMatchObject({ best: { score: 2, step: 2, examples: 5 }, scores: { loss: 0.5 } });
    expect(events.filter(({ event }) => event === "evaluate")).toMatchObject([
      { step: 2, best: true, scores: { loss: 2 } },
      { step: 4, best: false, scores: { loss: 0.5 } },
    ]);
  });
});

describe("batches", () => {
  test("those of the next step are asked for while a step runs, each once and none beyond the last", async () => {
    const step = await lineStep();
    const happened: string[] = [];
    const watched: Stepper = Object.create(step, {
      run: {
        value: async (batches: Batches, at: { step: number; lr: number; seed: number }) => {
          happened.push(`begin ${at.step}`);
          const result = await step.run(batches, at);
          happened.push(`end ${at.step}`);
          return result;
        },
      },
      weights: { get: () => step.weights },
      download: { value: () => step.download() },
    });
    const batches = (at: number) => {
      happened.push(`ask ${at}`);
      return four(at);
    };
    await looped(watched, { steps: 3, batches });
    expect(happened).toEqual(["ask 1", "ask 2", "begin 1", "end 1", "ask 3", "begin 2", "end 2", "begin 3", "end 3"]);
  });

  test("that come later give the same numbers", async () => {
    const now = await looped(await lineStep(), { steps: 5, batches: four });
    const slow = async (at: number) => {
      await new Promise((resolve) => setTimeout(resolve, 5 - at));
      return four(at);
    };
    const later = await looped(await lineStep(), { steps: 5, batches: slow });
    expect(later.history.losses).toEqual(now.history.losses);
  });

  test("an error among them comes at their step, not before", async () => {
    const batches = async (at: number) => {
      if (at === 3) throw new Error("no such file");
      return four(at);
    };
    const steps: number[] = [];
    const run = new Run(loop(await lineStep(), { steps: 9, seed: 0, schedule: constantRate(0.1), batches }));
    const read = async () => {
      for await (const event of run) if (event.event === "step") steps.push(event.step);
    };
    await expect(read()).rejects.toThrow("no such file");
    expect(steps).toEqual([1, 2]);
    await expect(Promise.resolve(run)).rejects.toThrow("no such file");
  });

  test("are counted in rows, or as one says", async () => {
    const speed = async (count?: LoopOptions["count"]) => {
      const { events } = await looped(await lineStep(), { steps: 1, batches: four, ...(count && { count }) });
      return events.flatMap((event) => (event.event === "step" ? [event.perSecond > 0] : []));
    };
    const counted: number[] = [];
    const own = (batches: Batches) => {
      counted.push(batches.length);
      return 7;
    };
    expect([await speed(), await speed(own)]).toEqual([[true], [true]]);
    expect(counted).toEqual([1]);
  });

  test("passes over the data are reported", async () => {
    const epoch = (step: number) => step / 2;
    const { events } = await looped(await lineStep(), { steps: 3, batches: four, epoch });
    expect(events.map((event) => event.event === "step" && event.epoch)).toEqual([0.5, 1, 1.5]);
  });
});

test("a step takes as many batches as it accumulates, and values for every parameter", async () => {
  const options = lineFit(2, 4);
  const start = { weights: initialValues(options.parameters, 0) };
  const step = await createStep(options, start);
  const at = { step: 1, lr: 0.1, seed: 0 };
  await expect(step.run([points(1, 0, 4)], at)).rejects.toThrow(
    /expected a list of 2 batch\(es\), as accumulate says, got 1/,
  );
  await expect(createStep(options, { weights: { wieght: start.weights.weight as never } })).rejects.toThrow(
    /weights "weight" starts at f32\[1, 1\], got nothing \(did you mean "wieght"\?\)/,
  );
  const { x } = points(1, 0, 4);
  const pair = [points(1, 0, 4), points(1, 4, 4)];
  await expect(step.run(pair, { ...at, step: 0 })).rejects.toThrow(
    /step: expected a whole number from 1 to \d+, got 0/,
  );
  await expect(step.run(pair, { ...at, lr: Number.NaN })).rejects.toThrow(/lr: expected a number from 0, got NaN/);
  await expect(step.run([{ x }, { x }], at)).rejects.toThrow(/input "y" expects f32\[4, 1\], got nothing/);
});
