/** What the commands do when all goes well: train, watch, stop, resume, generate, export, inform. */
import { readFileSync, writeFileSync } from "node:fs";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { folder } from "../../src/checkpoint/node-run.ts";
import { adamW } from "../../src/optim/index.ts";
import { builtInText } from "../../src/stories/index.ts";
import { contents, descent, TINY, workIn } from "./support.ts";

let place: ReturnType<typeof workIn>;
beforeAll(() => {
  place = workIn("train");
  writeFileSync("text.txt", builtInText(1, 6000));
});
afterAll(() => place.leave());

/** Trains on a short text, so that evaluations are short as well. */
const train = (line: string, fake = {}) =>
  descent(["train", ...line.split(" ").slice(0, 1), "--data", "text.txt", ...TINY, ...line.split(" ").slice(1)], fake);
const events = (out: string) =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; step: number; [key: string]: unknown });

const KEYS_OF_DONE = ["event", "step", "trainLoss", "scores", "best", "parameters", "seconds", "run"];

describe("a training", () => {
  test("writes a run, a sample, and what can be done next", async () => {
    const { code, out, err } = await train("gpt --steps 10");
    expect(code).toBe(0);
    expect(out.length).toBeGreaterThan(250);
    expect(out.length).toBeLessThan(350);
    expect(err).toMatch(
      /^model gpt, [\d,]+ parameters · task language · data text\.txt · device cpu, 1 thread · seed 0 · steps 10 · folder runs\/gpt-1\n/,
    );
    expect(err.match(/^step /gm)).toHaveLength(10);
    expect(err).toMatch(
      /^step 10\/10 · loss \d\.\d{4} · val loss \d\.\d{4}, perplexity \d+\.\d{4} \(best\) · \S+ tokens\/s/m,
    );
    expect(err).toMatch(/^continue +descent train gpt --resume runs\/gpt-1 --steps 20$/m);
    expect(err).toMatch(/^generate +descent generate runs\/gpt-1 --tokens 500$/m);
    expect(err).toMatch(/^evaluate +descent eval runs\/gpt-1 --data FILE$/m);
    expect(err).toMatch(/^export +descent export runs\/gpt-1 --to onnx$/m);
    expect([...contents("runs/gpt-1").keys()]).toEqual(
      ["config.json", "model.safetensors", "task.json", "tokenizer.json"]
        .flatMap((file) => [file, `best/${file}`])
        .concat("run.jsonl", "training-state.safetensors", "curves.svg")
        .sort(),
    );
  });

  test("says on how many examples the best was found, where it was a part", async () => {
    const line = `train gpt --data builtin --steps 2 --eval-every 1 ${TINY.join(" ")} --context 4 --out part --json`;
    const { code, out, err } = await descent(line.split(" "));
    expect(code).toBe(0);
    const found = out.split("\n").filter((text) => text.includes('"event":"evaluate"'));
    const scores = found.map((text) => (JSON.parse(text) as { scores: { loss: number } }).scores.loss);
    expect(err).toMatch(/; best loss \d\.\d{4} at step 2 on 256 of the examples; saved in part$/m);
    const { best } = JSON.parse((await descent(["info", "part", "--json"])).out) as { best: { score: number } };
    expect(best).toMatchObject({ step: 2, examples: 256 });
    expect(scores).not.toContain(best.score); // at the end all are reported
  });

  test("takes the first free folder", async () => {
    expect((await train("gpt --steps 1")).err).toContain("saved in runs/gpt-2\n");
    expect((await descent(["info", "runs/gpt-2"])).code).toBe(0);
    const both = await Promise.all([train("gpt --steps 1"), train("gpt --steps 1")]);
    expect(both.map(({ err }) => /saved in (.*)/.exec(err)?.[1]).sort()).toEqual(["runs/gpt-3", "runs/gpt-4"]);
  });

  test("says everything as JSON, and nothing else, with --json --quiet", async () => {
    const { code, out, err } = await train("gpt --steps 6 --json --quiet --out json");
    expect([code, err]).toEqual([0, ""]);
    const all = events(out);
    expect(all[0]).toMatchObject({ event: "start", step: 0, steps: 6, model: "gpt", seed: 0, threads: 1, run: "json" });
    expect(all[0]).toMatchObject({ task: "language", data: "text.txt", unit: "tokens" });
    expect(all.filter(({ event }) => event === "step").map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    const done = all.at(-1);
    expect(Object.keys(done ?? {})).toEqual(KEYS_OF_DONE);
    expect(done).toMatchObject({ event: "done", step: 6, run: "json", parameters: all[0]?.parameters });
    const scores = all.findLast(({ event }) => event === "evaluate")?.scores as { loss: number; perplexity: number };
    expect(done?.scores).toEqual(scores);
    expect(scores.perplexity).toBeCloseTo(Math.exp(scores.loss), 10);
  });

  test("flags go before --set before --config before defaults", async () => {
    writeFileSync("own.json", '{"steps": 9, "batch": 3, "lr": 0.01, "n_embd": 8, "beta1": 0.8}');
    const flags = "gpt --config own.json --set lr=0.02 --set batch=5 --set n_embd=12 --steps 2 --out order";
    expect((await train(flags)).code).toBe(0);
    const { settings, config } = JSON.parse((await descent(["info", "order", "--json"])).out);
    expect(settings).toMatchObject({ steps: 2, batch: 4, lr: 0.02, beta1: 0.8, beta2: 0.99 });
    expect(config).toMatchObject({ n_embd: 12, n_layer: 1 });
  });

  test.each(["rnn", "lstm", "gru"])("of %s", async (model) => {
    const flags = `--data text.txt --set hidden_size=8 --set embedding_dim=8 --context 16 --steps 3 --threads 1 --out ${model}`;
    const { code, out } = await descent(["train", model, ...flags.split(" "), "--json"]);
    expect(code).toBe(0);
    expect(events(out).at(-1)).toMatchObject({ event: "done", step: 3 });
  });

  test("with pairs of bytes, accumulated gradients, and every other option", async () => {
    const bpe =
      "gpt --tokenizer bpe --vocab 300 --accumulate 2 --seed 5 --lr 0.01 --set resid_pdrop=0.1 --set optimizer=sgd";
    const { code, err } = await train(`${bpe} --set schedule=linear --steps 3 --out bpe`);
    expect(code, err).toBe(0);
    const { out } = await descent("generate bpe --prompt caf\u00e9 --tokens 8".split(" "));
    expect(out).toMatch(/^caf\u00e9/);
  });

  test("fails with exit code 1 where numbers overflow, and keeps the last good checkpoint", async () => {
    const { code, err } = await train(
      "gpt --steps 400 --set clip=0 --set optimizer=sgd --lr 10 --set momentum=0.99 --out nan",
    );
    expect(code).toBe(1);
    expect(err).toMatch(/descent: training: the (loss|gradient norm) is \S+ at step \d+; .*--resume nan\n$/);
    expect((await descent(["info", "nan"])).code).toBe(0);
  });
});

describe("on a terminal", () => {
  test("a line is redrawn and every evaluation is a row", async () => {
    const { err } = await train("gpt --steps 10 --out live", { live: true, columns: 60 });
    expect(err).toMatch(/^│ model {3}gpt, [\d,]+ parameters\n│ task {4}language\n│ data/);
    const plain = err.replaceAll("\x1b[K", "");
    expect(plain.match(/ \d+ +\d\.\d{4} +\d\.\d{4} +\d+\.\d{4} [▼▲ ]\n/g)).toHaveLength(10);
    const lines = [...plain.matchAll(/\r([^\r\n]*\d+\/10 {2}[^\r\n]*)/g)].map((line) => line[1] ?? "");
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line.length).toBeLessThan(60);
    expect(err).not.toContain("\x1b[3");
  });
  test("colours only where they are wanted", async () => {
    const { err } = await train("gpt --steps 2 --out colour", { live: true, color: true });
    expect(err).toContain("\x1b[32m");
  });
});

describe("stopped", () => {
  const whole = "gpt --steps 30 --set saveEvery=7 --set evalEvery=10 --set resid_pdrop=0.1";
  /** Stops a training with `signal` after step `last`. */
  const stopAfter = (last: number, signal: "SIGINT" | "SIGTERM", out: string) =>
    train(`${whole} --json --out ${out}`, {
      onOut: (text: string, send: (name: string) => void) => text.includes(`"step","step":${last},`) && send(signal),
    });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("by %s: finishes the step, saves, and resumes to the same end", async (signal, code) => {
    await train(`${whole} --out whole-${signal}`);
    const stopped = await stopAfter(11, signal, signal);
    expect(stopped.code).toBe(code);
    expect(stopped.err).toContain(
      `stopped after step 11, which is saved; continue with:\n  descent train gpt --resume ${signal}\n`,
    );
    expect(events(stopped.out).at(-1)).toEqual({ event: "interrupted", step: 11 });
    const rest = await descent(["train", "--resume", signal, "--json"]);
    expect(rest.err).toMatch(new RegExp(`^continue +descent train gpt --resume ${signal} --steps`, "m"));
    expect(rest.code).toBe(0);
    expect(events(rest.out)[0]).toMatchObject({ event: "start", step: 11, steps: 30 });
    const [a, b] = [contents(`whole-${signal}`), contents(signal)];
    for (const file of ["model.safetensors", "training-state.safetensors", "best/model.safetensors"])
      expect(b.get(file) === a.get(file), file).toBe(true);
  });

  test("a second signal ends it at once", async () => {
    const onOut = (text: string, send: (name: string) => void) => {
      if (text.includes('"step","step":2,')) for (const name of ["SIGINT", "SIGINT"]) send(name);
    };
    expect((await train("gpt --steps 9 --json --out twice", { onOut })).code).toBe(130);
  });

  test("resumes with the same options spelled out, and for more steps", async () => {
    const all = ["train", "gpt", "--resume", "SIGINT", ...TINY, "--data", "text.txt", "--steps", "33", "--json"];
    const { code, out } = await descent(all);
    expect(code).toBe(0);
    expect(events(out).at(-1)).toMatchObject({ event: "done", step: 33 });
  });

  test("a run that is done stays as it is", async () => {
    const before = contents("json");
    const { code, out } = await descent("train gpt --resume json --json".split(" "));
    expect(code).toBe(0);
    expect(events(out).at(-1)).toMatchObject({ event: "done", step: 6, trainLoss: null });
    const after = contents("json");
    for (const file of ["model.safetensors", "training-state.safetensors"])
      expect(after.get(file)).toBe(before.get(file));
  });
});

describe("generate", () => {
  test("writes the same at temperature 0, and with the same seed", async () => {
    for (const options of ["--temperature 0", "--seed 4 --top-k 20 --top-p 0.9"]) {
      const line = `generate json --prompt The --tokens 30 ${options}`.split(" ");
      const [first, second] = [await descent(line), await descent(line)];
      expect(first.out).toBe(second.out);
      expect(first.out).toMatch(/^The/);
      expect(first.out).toHaveLength("The".length + 30 + 1);
      expect([first.code, first.err]).toEqual([0, ""]);
    }
  });
  test("tells pieces and the whole with --json", async () => {
    const { out } = await descent("generate json --prompt The --tokens 12 --json".split(" "));
    const all = events(out);
    const text = all.slice(0, -1).map((event) => event.text);
    expect(all.at(-1)).toMatchObject({ event: "done", prompt: "The", text: text.join(""), tokens: 12 });
  });
  test("tells ids, the reason for the end and the seed of each sample", async () => {
    const line = "generate json --prompt The --tokens 9 --samples 2 --seed 3 --min-p 0.01 --json";
    const done = events((await descent(line.split(" "))).out).filter(({ event }) => event === "done");
    expect(done).toMatchObject(
      [3, 4].map((seed) => ({ prompt: "The", reason: "length", seed, samples: 2, minP: 0.01 })),
    );
    expect(done.map(({ ids }) => (ids as number[]).length)).toEqual([9, 9]);
    const { out } = await descent("generate json --prompt The --tokens 9 --seed 3 --samples 2 --min-p 0.01".split(" "));
    expect(out).toBe(done.map(({ text }) => `The${text}\n`).join("\n"));
  });
  test("ends before a stop text, and takes penalties", async () => {
    const options = "--prompt The --tokens 40 --temperature 0 --repetition-penalty 1.5 --frequency-penalty 0.2".split(
      " ",
    );
    const written = async (...more: string[]): Promise<Readonly<Record<string, unknown>>> => {
      const { out } = await descent(["generate", "json", ...options, "--json", ...more]);
      return events(out).at(-1) ?? {};
    };
    const whole = String((await written()).text);
    const triples = (text: string) => Array.from({ length: text.length - 2 }, (_, i) => text.slice(i, i + 3));
    const varied = triples(String((await written("--no-repeat-ngram", "3")).text));
    expect(new Set(varied).size).toBe(varied.length);
    const stop = whole.slice(10, 13);
    expect(await written("--stop", "\u0000", "--stop", stop)).toMatchObject({
      text: whole.slice(0, whole.indexOf(stop)),
      reason: "stop",
      stop: ["\u0000", stop],
    });
  });
  test("takes the best weights, and needs no prompt", async () => {
    const { code, out } = await descent(["generate", "json/best", "--tokens", "5"]);
    expect(code).toBe(0);
    expect(out).toHaveLength(6);
  });
});

describe("export", () => {
  test.each(["json", "rnn", "lstm", "gru"])("of %s: a model of its own, with free sizes", async (run) => {
    const { code, out } = await descent(["export", run, "--to", "onnx"]);
    expect(code).toBe(0);
    expect(out).toMatch(/inputs +ids i32\[B, T\]\noutputs +logits f32\[B, T, \d+\]/);
    const session = await InferenceSession.create(`${run}/forward.onnx`);
    expect([session.inputNames, session.outputNames]).toEqual([["ids"], ["logits"]]);
    const logits = async (B: number, T: number) => {
      const ids = Int32Array.from({ length: B * T }, (_, i) => (i * 7) % 20);
      return (await session.run({ ids: new Tensor("int32", ids, [B, T]) })).logits;
    };
    const [one, many] = [await logits(1, 5), await logits(3, 9)];
    expect([one?.dims.slice(0, 2), many?.dims.slice(0, 2)]).toEqual([
      [1, 5],
      [3, 9],
    ]);
    const [first = [], same = []] = [one, many].map((tensor) => Array.from((tensor?.data ?? []) as Float32Array));
    for (const [i, value] of first.entries()) expect(same[i]).toBeCloseTo(value, 4);
  });

  test("of the training step: it learns when fed by hand", async () => {
    const { code, out } = await descent("export json --to onnx --what train --out step.onnx".split(" "));
    expect(code).toBe(0);
    expect(out).toMatch(/^file +step\.onnx/);
    const session = await InferenceSession.create("step.onnx");
    const { weights, slots } = await folder("json").loadState();
    const tensor = (data: Float32Array | Int32Array, shape: readonly number[]) =>
      new Tensor(data instanceof Int32Array ? "int32" : "float32", data, shape);
    const feeds: Record<string, Tensor> = {};
    for (const [name, { data, shape }] of Object.entries({ ...weights, ...slots }))
      feeds[name] = tensor(data as Float32Array, shape);
    for (const name of ["ids", "targets"]) feeds[name] = tensor(new Int32Array(64).fill(5), [4, 16]);
    const losses: number[] = [];
    for (let step = 7; step < 12; step++) {
      for (const [name, value] of Object.entries(adamW().scalars(step, 0.01)))
        feeds[`scalar.${name}`] = tensor(Float32Array.of(value), []);
      const results = await session.run(
        Object.fromEntries(session.inputNames.map((name) => [name, feeds[name] as Tensor])),
      );
      losses.push(Number(results.loss?.data[0]));
      for (const [name, value] of Object.entries(results)) feeds[name.replace(/\.next$/, "")] = value as Tensor;
    }
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) - 0.1);
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
  });
  test("of accumulated gradients and dropout: all micro-batches in one", async () => {
    const { out } = await descent("export bpe --to onnx --what train".split(" "));
    expect(out).toMatch(/ids i32\[8, 16\]/);
    expect(out).toMatch(/noise\.0 f32/);
  });
});

test("info tells model, progress and files", async () => {
  const { code, out } = await descent(["info", "json"]);
  expect(code).toBe(0);
  for (const line of [
    /^model +gpt2$/m,
    /^parameters +[\d,]+$/m,
    /^step +6 of 6$/m,
    /^task +language$/m,
    /^best score +\d\.\d+ at step \d$/m,
  ])
    expect(out).toMatch(line);
  expect(out).toMatch(/training-state\.safetensors, [\d.]+ kB/);
  const { files, best, step } = JSON.parse((await descent(["info", "json", "--json"])).out);
  expect([step, best.step]).toEqual([6, 6]);
  expect(files).toContainEqual({ file: "config.json", bytes: readFileSync("json/config.json").length });
  expect((await descent(["info", "json/best"])).out).toMatch(/step +not known/);
});

test("doctor runs a graph on every device", async () => {
  const { code, out } = await descent(["doctor", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ node: process.versions.node, onnxruntime: "1.30.0" });
  const { devices } = JSON.parse(out);
  expect(devices.slice(0, 2)).toMatchObject([
    { device: "cpu", ok: true, problem: null },
    { device: "wasm", ok: true, problem: null },
  ]);
  for (const { device, ok, started, problem, gflops, stepMs } of devices) {
    expect([device, ok]).toEqual([device, problem === null]);
    expect([device, ok ? gflops > 0 && stepMs > 0 : !started]).toEqual([device, true]); // none has wrong numbers
    expect(problem ?? "").not.toMatch(/\n|::/);
  }
  const text = (await descent(["doctor"])).out;
  expect(text).toMatch(/^wasm +ok, [\d.e+]+ GFLOP\/s in a matrix product, a small training step in [\d.e+]+ ms$/m);
}, 240_000);
