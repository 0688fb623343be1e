/** Sentences as vectors: learnt from pairs, opened from folders in sentence-transformers' layout, asked for on the command line. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CheckpointError } from "../../src/errors.ts";
import { spearman } from "../../src/metrics/correlation.ts";
import type { EmbeddedSentence, SentenceEncoder } from "../../src/tasks/embed/encoder.ts";
import { open } from "../../src/tasks/open.ts";
import { train } from "../../src/tasks/train.ts";
import { descent, workIn } from "../cli/support.ts";
import { memory } from "../support/runs.ts";

const BERT = fileURLToPath(new URL("../fixtures/checkpoints/bert-sentence", import.meta.url));
let place: ReturnType<typeof workIn>;

/** A folder as sentence-transformers writes one, with a vocab.txt in place of a tokenizer.json. */
function folder(name: string, pooling?: object, normalize = false): string {
  cpSync(BERT, name, { recursive: true });
  const words = Array.from({ length: 20 }, (_, i) => `w${i}`);
  writeFileSync(`${name}/vocab.txt`, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ...words].join("\n"));
  if (!pooling) return name;
  mkdirSync(`${name}/1_Pooling`);
  writeFileSync(`${name}/1_Pooling/config.json`, JSON.stringify(pooling));
  const last = normalize ? [{ idx: 2, type: "sentence_transformers.models.Normalize" }] : [];
  writeFileSync(
    `${name}/modules.json`,
    JSON.stringify([{ idx: 0, type: "sentence_transformers.models.Pooling" }, ...last]),
  );
  return name;
}

beforeAll(() => {
  place = workIn("embed");
});
afterAll(() => place.leave());

async function codes(name: string, texts: readonly string[], batch = 32): Promise<number[][]> {
  await using encoder: SentenceEncoder = await open(name, { task: "embed", threads: 1 });
  const found: EmbeddedSentence[] = [];
  for await (const one of encoder.embed(texts, { batch })) found.push(one);
  return found.map(({ code }) => [...code]);
}

const norm = (code: readonly number[] = []): number => Math.sqrt(code.reduce((sum, value) => sum + value * value, 0));
const near = (a: readonly number[] = [], b: readonly number[] = []): number =>
  Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))));

describe("a folder of somebody else", () => {
  const texts = ["w1 w2 w3", "w4", "w5 w6 w7 w8 w9 w10 w11"];

  test("what is read beside a text changes nothing", async () => {
    const name = folder("plain");
    const [together, alone] = [await codes(name, texts), await codes(name, texts, 1)];
    for (const [i, code] of together.entries()) expect(near(code, alone[i])).toBeLessThan(1e-5);
  });

  test("1_Pooling and modules.json say how, in either spelling", async () => {
    const mean = await codes(folder("mean", { pooling_mode_mean_tokens: true, pooling_mode_cls_token: false }), texts);
    const first = await codes(folder("first", { pooling_mode: "cls" }), texts);
    const unit = await codes(folder("unit", { pooling_mode_mean_tokens: true }, true), texts);
    expect(near(mean[0], first[0])).toBeGreaterThan(1e-2);
    expect(norm(unit[0])).toBeCloseTo(1, 6);
    const scaled = mean[0]?.map((value) => value / norm(mean[0]));
    expect(near(scaled, unit[0])).toBeLessThan(1e-6);
  });

  test("a way that is not known is refused", async () => {
    const name = folder("max", { pooling_mode_max_tokens: true });
    await expect(codes(name, texts)).rejects.toThrow(CheckpointError);
    await expect(codes(name, texts)).rejects.toThrow(/1_Pooling\/config.json: expected mean or cls, got max/);
  });

  test("descent embed takes texts and files", async () => {
    const name = folder("cli");
    writeFileSync("texts.txt", "w1 w2\nw3\n");
    const { code, out, err } = await descent(["embed", name, "w4 w5", "texts.txt", "--threads", "1"]);
    expect([code, err]).toEqual([0, ""]);
    const [head, ...rows] = out.trim().split("\n");
    expect(head).toMatch(/^text,z0,z1/);
    expect(rows.map((row) => row.split(",")[0])).toEqual(["w4 w5", "w1 w2", "w3"]);
  });

  test("descent sample says that it needs an autoencoder", async () => {
    const { code, err } = await descent(["sample", folder("none")]);
    expect(code).toBe(2);
    expect(err).toMatch(
      /expected the run of an autoencoder \(task reconstruct or reconstruct-text\), got one of task embed/,
    );
  });
});

describe("learnt from pairs", () => {
  const config = { hidden_size: 16, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2 };
  const more = { task: "embed", config, threads: 1, batch: 16, lr: 0.01, epochs: 8, length: 8 } as const;
  /** Sentences of four animals or four tools, in two spellings. */
  const kinds = [
    ["cat", "dog", "cow", "hen"],
    ["saw", "axe", "pin", "rod"],
  ];
  const pairs = Array.from({ length: 96 }, (_, i) => {
    const [a, b] = [kinds[i % 2] ?? [], kinds[i % 3 === 0 ? 1 - (i % 2) : i % 2] ?? []];
    return { a: `one ${a[i % 4]}`, b: `a ${b[(i >> 2) % 4]}`, score: i % 3 === 0 ? 0 : 5 };
  });

  test("with scores, cosines follow them", async () => {
    const store = memory();
    await train("bert", { ...more, data: { name: "pairs", rows: pairs }, store });
    await using encoder = await open(store, { task: "embed", threads: 1 });
    const found: EmbeddedSentence[] = [];
    for await (const one of encoder.embed(pairs.flatMap(({ a, b }) => [a, b]))) found.push(one);
    const cosines = pairs.map((_, i) => {
      const [a, b] = [found[2 * i]?.code ?? [], found[2 * i + 1]?.code ?? []];
      return a.reduce((sum, value, k) => sum + value * (b[k] ?? 0), 0) / (norm(a) * norm(b));
    });
    expect(
      spearman(
        cosines,
        pairs.map(({ score }) => score),
      ),
    ).toBeGreaterThan(0.8);
  });

  test("without scores, sentences find their partners", async () => {
    const rows = Array.from({ length: 64 }, (_, i) => ({ a: `x${i % 16} one`, b: `x${i % 16} two` }));
    const { best } = await train("bert", { ...more, data: { name: "partners", rows }, val: { name: "same", rows } });
    expect(best?.score).toBeGreaterThan(0.8);
  });
});
