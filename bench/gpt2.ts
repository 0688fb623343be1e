/**
 * GPT-2 124M with made-up weights, as people meet it: a prompt of 512 tokens is read (prefill), and 100 are generated after
 * it (decode), by one text or by eight side by side. The weights are in a file, as a checkpoint's are.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { weightsFromFile } from "../src/checkpoint/index.ts";
import { mapSafetensors } from "../src/checkpoint/node-mapped.ts";
import { IdGenerator } from "../src/generate/index.ts";
import { gpt } from "../src/models/gpt.ts";
import { build, type CausalModel } from "../src/models/index.ts";
import { namedState } from "../src/nn/index.ts";
import * as shared from "./peers/rows.js";

const { PROMPT, TOKENS, sizes } = shared.GPT2;

/** The file's header, then number after number: no more than one tensor is in memory at a time. */
async function writeWeights(path: string): Promise<number> {
  const shapes = Object.entries(shared.gpt2Shapes());
  const counts = shapes.map(([, shape]) => shape.reduce((a, b) => a * b, 1));
  let at = 0;
  const entries = shapes.map(([name, shape], i) => {
    const offsets = [at, at + 4 * (counts[i] ?? 0)];
    at = offsets[1] ?? 0;
    return [name, { dtype: "F32", shape, data_offsets: offsets }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = await open(path, "w");
  try {
    await file.writeFile(Buffer.concat([length, header]));
    for (const [i, [name, shape]] of shapes.entries())
      await file.writeFile(new Uint8Array(shared.filled(name, shape, i).data.buffer));
  } finally {
    await file.close();
  }
  return at / 4;
}

/** The model and where its weights are, which is removed when the process ends. */
async function made(): Promise<{ model: CausalModel; path: string; parameters: number }> {
  const { V, T, C, heads, layers } = sizes;
  const config = { vocab_size: V, n_positions: T, n_embd: C, n_layer: layers, n_head: heads };
  const folder = mkdtempSync(join(tmpdir(), "descent-gpt2-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "model.safetensors");
  const parameters = await writeWeights(path);
  return { model: build(gpt, "causal", gpt.configure(config)), path, parameters };
}

const ids = (row: number, count: number, seed: number): Int32Array => shared.integers([count], seed + row, sizes.V);

/** The step of a row: `prepare` comes before it and is not timed. The number it gives is a logit, for comparison. */
export async function generation(rows: number, what: "prefill" | "decode", threads: number, profile?: string) {
  const { model, path, parameters } = await made();
  const start = performance.now();
  const { tensors } = await mapSafetensors(path);
  const weights = weightsFromFile(tensors, namedState(model.parts), {}, "gpt2");
  const generator = await IdGenerator.create(model, weights, { threads, profile });
  const sessionMs = performance.now() - start;
  let batch = generator.open(rows);
  const read = (fresh: (row: number) => Int32Array) =>
    Promise.all(Array.from({ length: rows }, (_, row) => batch.text(row).read(fresh(row))));
  const prefill = async () => {
    await batch.release();
    batch = generator.open(rows);
    const [logits] = await read((row) => ids(row, PROMPT, shared.X));
    return logits?.[0] ?? Number.NaN;
  };
  const decode = async () => {
    let last = Number.NaN;
    const fed = Array.from({ length: rows }, (_, row) => ids(row, TOKENS, shared.Y));
    for (let i = 0; i < TOKENS; i++)
      last = (await read((row) => (fed[row] ?? new Int32Array()).subarray(i, i + 1)))[0]?.[0] ?? Number.NaN;
    return last;
  };
  const step = what === "prefill" ? prefill : Object.assign(decode, { prepare: prefill });
  return { step, parameters, sessionMs, tokens: rows * (what === "prefill" ? PROMPT : TOKENS) };
}
