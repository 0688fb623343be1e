/** Published recurrent checkpoints in the layouts of Keras and TensorFlow give the numbers that are written beside them. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fromBasicLSTM, fromKeras, fromStored, readSafetensors } from "../../src/checkpoint/index.ts";
import { crossEntropy, Embedding, GRU, Linear, LSTM, module, namedParameters } from "../../src/nn/index.ts";
import { array, compile, type HostTensor } from "../../src/runtime/index.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import { host, numbersOf } from "../support/numbers.ts";

const data = process.env.DESCENT_DATA ?? "";
const folder = join(data, "checkpoints");
const without = (name: string): string | false =>
  !(data && existsSync(join(folder, name))) && `set DESCENT_DATA to a folder with checkpoints/${name}`;
const json = (...path: readonly string[]) => JSON.parse(readFileSync(join(folder, ...path), "utf8"));

const prefixed = (name: string, values: Readonly<Record<string, HostTensor>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`${name}.${key}`, value]));

describe("reactionrnn", () => {
  const reason = without("reactionrnn");

  /** 140 ids [N, T], with 0 in front of shorter texts: characters that the vocabulary has not are left out. */
  const encoded = (texts: readonly string[], vocabulary: Readonly<Record<string, number>>): number[][] =>
    texts.map((text) => {
      const ids = [...text].flatMap((character) => vocabulary[character] ?? []).slice(-140);
      return [...Array<number>(140 - ids.length).fill(0), ...ids];
    });

  async function reactions(texts: readonly string[]) {
    const { tensors } = readSafetensors(readFileSync(join(folder, "reactionrnn/reactionrnn_weights.safetensors")));
    const stored = (name: string) =>
      fromStored(name, tensors.get(name) ?? { dtype: "F32", shape: [], data: new Uint8Array() });
    const layer = (name: string, ...keys: readonly string[]) =>
      Object.fromEntries(keys.map((key) => [key, stored(`${name}/${name}/${key}`)]));
    const net = module(
      "Reactions",
      {
        embedding: Embedding(401, 100),
        rnn: GRU(100, 256, { reset: "before", recurrentActivation: "hard-sigmoid" }),
        output: Linear(256, 5),
      },
      ({ embedding, rnn, output }, ids: Tensor) => {
        const [, last] = rnn(embedding(ids));
        const encoding = last.squeeze(0); // [N, 256]
        const scores = output(encoding).relu();
        return { encoding, proportions: scores.div(scores.sum(-1, true)) };
      },
    );
    const values = {
      ...prefixed("embedding", fromKeras("Embedding", layer("embedding", "embeddings"))),
      ...prefixed("rnn", fromKeras("GRU", layer("rnn", "kernel", "recurrent_kernel", "bias"))),
      ...prefixed("output", fromKeras("Linear", layer("output", "kernel", "bias"))),
    };
    const ids = input("ids", ["N", 140], "i32");
    await using program = await compile({ ids, ...namedParameters(net) }, net(ids));
    const rows = encoded(texts, json("reactionrnn", "reactionrnn_vocab.json"));
    return await program.run({ ids: array(rows, "i32"), ...values });
  }

  /** The proportions of love, wow, haha, sad and angry that its README shows, to four decimals. */
  const shown = [
    [0.9765, 0.0235, 0, 0, 0],
    [0, 0.9109, 0, 0.0891, 0],
    [0.1376, 0.0056, 0.8568, 0, 0],
    [0, 0, 0, 1, 0],
    [0, 0.1333, 0, 0, 0.8667],
  ] as const;

  /** The texts that its README gives to the function `name` in Python, in order. */
  const given = (name: string): string[] =>
    Array.from(
      readFileSync(join(folder, "reactionrnn/README.md"), "utf8").matchAll(
        new RegExp(`react\\.${name}\\("([^"]+)"\\)`, "g"),
      ),
      ([, text = ""]) => text,
    );

  test("the proportions of five texts", async ({ skip }) => {
    if (reason) return skip(reason);
    const { proportions } = await reactions(given("predict"));
    const rounded = numbersOf(proportions.data).map((value) => Math.round(value * 1e4) / 1e4);
    expect(rounded).toEqual(shown.flat());
  });

  test("the beginning of an encoding", async ({ skip }) => {
    if (reason) return skip(reason);
    const { encoding } = await reactions(given("encode").slice(0, 1));
    for (const [i, expected] of [0.0411452, 0.87985831, 0.31406021].entries())
      expect(Number(encoding.data[i])).toBeCloseTo(expected, 6);
  });
});

describe("ml5's character model of Shakespeare", () => {
  const reason =
    without("ml5_charrnn") ||
    (!existsSync(join(data, "tinyshakespeare/input.txt")) &&
      "set DESCENT_DATA to a folder with tinyshakespeare/input.txt");

  /** Its vocabulary lost two names where quotes with a u before them were replaced: "u" is two spaces, "U" nothing. */
  const LOST = { u: "  ", U: "" } as const;

  /** Mean cross-entropy in nats of 2,000 characters, each after all before it. */
  async function loss(characters: readonly string[], vocabulary: Readonly<Record<string, number>>): Promise<number> {
    const manifest: Record<string, { filename: string; shape: number[] }> = json(
      "ml5_charrnn/shakespeare/manifest.json",
    );
    const read = (name: string): HostTensor => {
      const { filename, shape } = manifest[name] ?? { filename: name, shape: [] };
      const bytes = new Uint8Array(readFileSync(join(folder, "ml5_charrnn/shakespeare", filename)));
      return host(new Float32Array(bytes.buffer), shape);
    };
    const cell = (layer: number) => {
      const at = `rnnlm/multi_rnn_cell/cell_${layer}/basic_lstm_cell`;
      return fromBasicLSTM({ kernel: read(`${at}/weights`), bias: read(`${at}/biases`) }, { layer });
    };
    const net = module(
      "Characters",
      { embedding: Embedding(65, 128), lstm: LSTM(128, 128, { layers: 2, forgetBias: 1 }), decoder: Linear(128, 65) },
      ({ embedding, lstm, decoder }, ids: Tensor) => decoder(lstm(embedding(ids))[0]),
    );
    const values = {
      ...prefixed("embedding", fromKeras("Embedding", { embeddings: read("embedding") })),
      ...prefixed("lstm", { ...cell(0), ...cell(1) }),
      ...prefixed("decoder", fromKeras("Linear", { kernel: read("rnnlm/softmax_w"), bias: read("rnnlm/softmax_b") })),
    };
    const ids = characters.map((character) => vocabulary[character] ?? -1);
    const [x, y] = [input("x", [1, 2000], "i32"), input("y", [1, 2000], "i32")];
    await using program = await compile({ x, y, ...namedParameters(net) }, { loss: crossEntropy(net(x), y) });
    const feeds = { x: array([ids.slice(0, 2000)], "i32"), y: array([ids.slice(1, 2001)], "i32") };
    return Number((await program.run({ ...feeds, ...values })).loss.data[0]);
  }

  const text = () => [...readFileSync(join(data, "tinyshakespeare/input.txt"), "utf8").slice(0, 2200)];

  test("1.6654 nats without the characters that its vocabulary lost", async ({ skip }) => {
    if (reason) return skip(reason);
    const vocabulary = json("ml5_charrnn/shakespeare/vocab.json");
    const known = text().filter((character) => Object.hasOwn(vocabulary, character));
    expect(await loss(known, vocabulary)).toBeCloseTo(1.66544, 4);
  });

  test("less with them", async ({ skip }) => {
    if (reason) return skip(reason);
    const found = json("ml5_charrnn/shakespeare/vocab.json");
    const vocabulary = { ...found, u: found[LOST.u], U: found[LOST.U] };
    expect(await loss(text(), vocabulary)).toBeCloseTo(1.28316, 4);
  });
});
