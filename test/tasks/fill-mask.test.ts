/** Hidden words: how many are hidden and what stands in their place, learnt, found, asked for on the command line. */
import { cpSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataError } from "../../src/errors.ts";
import type { Named } from "../../src/onnx/index.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import { RowProgram } from "../../src/tasks/batched.ts";
import type { Filled } from "../../src/tasks/fill-mask/filler.ts";
import { hidden, SEEN } from "../../src/tasks/fill-mask/masks.ts";
import { open } from "../../src/tasks/open.ts";
import { train } from "../../src/tasks/train.ts";
import { encodeWithin } from "../../src/tasks/vocabulary.ts";
import { arange, type Tensor } from "../../src/tensor/index.ts";
import { readTokenizer, wordPieceJson } from "../../src/tokenizers/index.ts";
import { descent, workIn } from "../cli/support.ts";
import { host, numbersOf } from "../support/numbers.ts";
import { memory } from "../support/runs.ts";

let place: ReturnType<typeof workIn>;
beforeAll(() => {
  place = workIn("fill-mask");
});
afterAll(() => place.leave());

test("of 40,000 tokens 15 % are hidden: 80 % of them as the mask, 10 % as any token, 10 % as they are", async () => {
  const [B, T] = [100, 400];
  const values = Array.from({ length: B * T }, (_, i) => (i % T === 0 ? 2 : 10 + (i % 50)));
  const meant = (x: Tensor, of: Tensor) => arange(x.dim(1)).less(of.unsqueeze(1));
  const specs = { ids: { shape: ["B", "T"], dtype: "i32" }, lengths: { shape: ["B"], dtype: "i32" } } as const;
  const outputs = (batch: Named): Named => {
    const { ids, lengths } = batch as Record<keyof typeof specs, Tensor>;
    return hidden(ids, lengths, { mask: 4, around: [2, 3], vocabulary: 1000, rate: 0.15 }, meant);
  };
  await using program = await RowProgram.create({}, specs, outputs, { threads: 1 });
  const half = host(Array<number>(B).fill(T / 2), [B], "i32");
  const rows = Array.from({ length: B }, (_, i) => i);
  const found = await program.run({ ids: host(values, [B, T], "i32"), lengths: half }, {}, rows);
  const [now, targets] = [numbersOf((found.ids as HostTensor).data), numbersOf((found.targets as HostTensor).data)];
  const chosen = [...targets.keys()].filter((i) => targets[i] !== SEEN);
  expect(chosen.every((i) => i % T > 0 && i % T < T / 2 && targets[i] === values[i])).toBe(true);
  expect(now.every((id, i) => targets[i] !== SEEN || id === values[i])).toBe(true);
  const share = (count: number, of: number) => count / of;
  expect(share(chosen.length, (B * T) / 2)).toBeCloseTo(0.15, 1.5);
  const masked = chosen.filter((i) => now[i] === 4).length;
  const kept = chosen.filter((i) => now[i] === values[i]).length;
  expect(share(masked, chosen.length)).toBeCloseTo(0.8, 1.3);
  expect(share(kept, chosen.length)).toBeCloseTo(0.1, 1.3);
});

test("a text that is too long loses its end, but not what stands behind it", async () => {
  const tokenizer = await readTokenizer(wordPieceJson("[UNK]\n[CLS]\n[SEP]\na\nb\nc"));
  expect([...encodeWithin(tokenizer, "a b c", 5)]).toEqual([1, 3, 4, 5, 2]);
  expect([...encodeWithin(tokenizer, "a b c", 4)]).toEqual([1, 3, 4, 2]);
  expect([...encodeWithin(tokenizer, "a b c", 2)]).toEqual([1, 2]);
  expect([...encodeWithin(tokenizer, "a b c", 1)]).toEqual([1]);
});

describe("learnt from lines", () => {
  const capitals = [
    ["france", "paris"],
    ["italy", "rome"],
    ["spain", "madrid"],
    ["japan", "tokyo"],
  ];
  const lines = Array.from(
    { length: 160 },
    (_, i) => `${capitals[i % 4]?.[1]} is the capital of ${capitals[i % 4]?.[0]}`,
  );
  const data = { name: "capitals", text: lines.join("\n") };
  const config = {
    ...{ hidden_size: 32, intermediate_size: 32, num_hidden_layers: 2, num_attention_heads: 2 },
    ...{ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
  };
  const store = memory();
  beforeAll(async () => {
    const more = { config, batch: 32, epochs: 80, lr: 0.003, length: 12, threads: 1, rate: 0.3 } as const;
    await train("bert", { task: "fill-mask", data, val: data, store, ...more });
  }, 60_000);

  test("a word is found from what follows it", async () => {
    await using filler = await open(store, { task: "fill-mask", threads: 1 });
    const found: Filled[] = [];
    const texts = capitals.map(([country]) => `[MASK] is the capital of ${country}`);
    for await (const answer of filler.predict(texts, { top: 2 })) found.push(answer);
    expect(found.map(({ masks }) => masks[0]?.[0]?.token)).toEqual(capitals.map(([, city]) => city));
    expect(found[1]?.masks[0]?.[0]?.text).toBe("rome is the capital of italy");
    expect(found[0]?.masks[0]).toHaveLength(2);
  });

  test("each mask has its own words, in a text as <mask> too", async () => {
    await using filler = await open(store, { task: "fill-mask", threads: 1 });
    for await (const { text, masks } of filler.predict(["paris is the <mask> of [MASK]"])) {
      expect(text).toBe("paris is the [MASK] of [MASK]");
      expect(masks.map(([first]) => first?.token)).toEqual(["capital", "france"]);
      expect(masks[1]?.[0]?.text).toBe("paris is the [MASK] of france");
    }
  });

  test("a text without a gap is refused", async () => {
    await using filler = await open(store, { task: "fill-mask", threads: 1 });
    const asked = async () => {
      for await (const _ of filler.predict(["paris"])) break;
    };
    await expect(asked()).rejects.toThrow(DataError);
    await expect(asked()).rejects.toThrow(/expected \[MASK\] for the word to be found, got "paris"/);
  });
});

test("descent fill-mask takes a checkpoint of somebody else and texts", async () => {
  cpSync(fileURLToPath(new URL("../fixtures/checkpoints/bert-masked", import.meta.url)), "bert", { recursive: true });
  const words = Array.from({ length: 18 }, (_, i) => `w${i}`);
  writeFileSync("bert/vocab.txt", ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...words].join("\n"));
  const { code, out, err } = await descent([
    "fill-mask",
    "bert",
    "w1 [MASK] w2",
    "--top",
    "3",
    "--json",
    "--threads",
    "1",
  ]);
  expect([code, err]).toEqual([0, ""]);
  const answer = JSON.parse(out) as Filled;
  expect(answer.text).toBe("w1 [MASK] w2");
  expect(answer.masks.map((of) => of.length)).toEqual([3]);
});

test("descent classify takes a checkpoint of somebody else, and refuses one without the head's weights", async () => {
  const words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ...Array.from({ length: 18 }, (_, i) => `w${i}`)].join("\n");
  for (const kind of ["classes", "tags"]) {
    const from = fileURLToPath(new URL(`../fixtures/checkpoints/bert-${kind}`, import.meta.url));
    cpSync(from, kind, { recursive: true });
    writeFileSync(`${kind}/vocab.txt`, words);
  }
  const good = await descent(["classify", "classes", "w1 w2", "w3 w4 w5", "--json", "--threads", "1"]);
  expect([good.code, good.err]).toEqual([0, ""]);
  const answers = good.out.trim().split("\n");
  expect(answers.map((line) => (JSON.parse(line) as { text: string }).text)).toEqual(["w1 w2", "w3 w4 w5"]);
  const bad = await descent(["classify", "tags", "w1 w2", "--threads", "1"]);
  expect([bad.code, bad.out]).toEqual([2, ""]);
  expect(bad.err).toMatch(/the file does not fit the bert model: missing pooler.dense.weight/);
});
