/**
 * A trained minGPT that sorts letters, where DESCENT_DATA holds it, against 25 activations of one batch that come with it. Its
 * linear layers are [out, in], and its head is its own.
 *
 * B batch · T tokens · C width · H heads
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { transposed } from "../../src/checkpoint/index.ts";
import { GPT, gptConfig } from "../../src/models/gpt.ts";
import { causalAttention, namedParameters } from "../../src/nn/index.ts";
import { compile, type HostTensor } from "../../src/runtime/index.ts";
import { arange, input, type Tensor } from "../../src/tensor/index.ts";
import { host, numbersOf } from "../support/numbers.ts";

const data = process.env.DESCENT_DATA;

interface Stored {
  readonly shape: readonly number[];
  readonly data: string;
}

/** 32-bit floats in base64. */
const fromBase64 = ({ shape, data }: Stored): HostTensor =>
  host(new Float32Array(Uint8Array.from(Buffer.from(data, "base64")).buffer), shape);

type Config = Readonly<Record<"n_layer" | "n_head" | "n_embd" | "vocab_size" | "block_size", number>>;

function read(name: string) {
  const { config, ...tensors } = JSON.parse(readFileSync(`${data}/checkpoints/gpt_nano_sort/${name}.json`, "utf8"));
  const all = Object.entries(tensors as Record<string, Stored>).map(
    ([key, value]) => [key, fromBase64(value)] as const,
  );
  return { config: config as Config, tensors: new Map(all) };
}

type Body = ReturnType<typeof GPT>;

/** What the first block makes of its input x [B, T, C], by the names of the file. */
function firstBlock({ ln_1, attn, ln_2, mlp }: Body["h"][number], x: Tensor, H: number): Record<string, Tensor> {
  const heads = (part: Tensor) => part.rearrange("b t (h d) -> b h t d", { h: H });
  const ln1 = ln_1(x);
  const qkv = attn.c_attn(ln1);
  const [q, k, v] = qkv.chunk(3).map(heads) as [Tensor, Tensor, Tensor];
  const scores = q
    .matmul(k, { transB: true })
    .div(Math.sqrt(Number(q.dim(-1))))
    .causal();
  const y = causalAttention(q, k, v).rearrange("b h t d -> b t (h d)");
  const yProj = attn(ln1);
  const attnResid = x.add(yProj);
  const ln2 = ln_2(attnResid);
  const fc = mlp.c_fc(ln2);
  const inside = { ln1, qkv, q, k, v, att: scores, attSm: scores.softmax(), y, yProj, attnResid, ln2, fc };
  return { ...inside, gelu: fc.gelu("tanh"), mlp: mlp(ln2), mlpResid: attnResid.add(mlp(ln2)) };
}

test.skipIf(!data)("gpt_nano_sort (set DESCENT_DATA to a folder with checkpoints/gpt_nano_sort)", async () => {
  const [{ config, tensors: file }, { tensors: expected }] = [
    read("gpt-nano-sort-model"),
    read("gpt-nano-sort-t0-partials"),
  ];
  const { n_layer, n_head, n_embd, vocab_size, block_size: n_positions } = config;
  const gpt = GPT(gptConfig.parse({ n_layer, n_head, n_embd, vocab_size, n_positions }));
  const stored = (name: string): HostTensor => file.get(name) ?? host([], [0]);
  const values = Object.keys(namedParameters(gpt)).map((path) => {
    const value = stored(`transformer.${path}`);
    return [path, /\.c_\w+\.weight$/.test(path) ? transposed(value) : value];
  });
  const given = expected.get("idx") ?? host([], [0]);
  const [ids, head] = [input("ids", given.shape, "i32"), input("head", stored("lm_head.weight").shape)];

  const [tok_emb, pos_emb] = [gpt.wte(ids), gpt.wpe(arange(ids.dim(1)))];
  const x = tok_emb.add(pos_emb);
  const blocks: Record<string, Tensor> = {};
  let state = x;
  for (const [i, block] of gpt.h.entries()) {
    state = block(state);
    blocks[`block${i}`] = state;
  }
  const logits = gpt(ids).linear(head);
  const [first] = gpt.h;
  const inside = first ? firstBlock(first, x, n_head) : {};
  const outputs = { tok_emb, pos_emb: pos_emb.unsqueeze(0), x, ...inside, ...blocks, ln_f: gpt(ids), lm_head: logits };
  const named: Record<string, Tensor> = { ...outputs, probs: logits.softmax() };
  const program = await compile({ ids, head, ...namedParameters(gpt) }, named);
  const weights = Object.fromEntries(values) as Record<string, HostTensor>;
  const found = await program.run({
    ids: host(numbersOf(given.data), given.shape, "i32"),
    head: stored("lm_head.weight"),
    ...weights,
  });
  await program.release();

  expect(Object.keys(named).sort()).toEqual([...expected.keys()].filter((name) => name !== "idx").sort());
  for (const [name, wanted] of expected) {
    if (name === "idx") continue;
    const got = found[name] ?? host([], [0]);
    expect([name, got.data.length]).toEqual([name, wanted.data.length]);
    const errors = numbersOf(wanted.data).map((value, i) =>
      Number.isFinite(value) ? Math.abs(value - Number(got.data[i])) : Number(Number(got.data[i]) > -1e30),
    );
    expect(Math.max(...errors), name).toBeLessThan(2e-5);
  }
});
