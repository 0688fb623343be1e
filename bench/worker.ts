/**
 * Descent as a peer of the bench: the protocol of peers/README.md, in a process of its own.
 *
 * Usage: npx unrun bench/worker.ts --threads 2       requests on stdin, one JSON object per line
 *
 * A request may change the row's `sizes`, and ask for a `profile`: the engine's times of every node, up to the
 * step that `steps` names, in a file whose name starts with `prefix`.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { compile, type Device, loadEngine, type RunOptions } from "../src/runtime/index.ts";
import { inputsOf } from "../src/tensor/index.ts";
import { createStep } from "../src/train/index.ts";
import { generation } from "./gpt2.ts";
import { type Made, serve, threads } from "./peers/rows.js";
import { gpt2Flops, type Row, rows, type Sizes } from "./rows.ts";

export interface WorkerRequest {
  readonly row: string;
  readonly sizes?: Sizes;
  readonly device?: Device;
  readonly profile?: { readonly prefix: string; readonly steps: number };
}

/** What the answer holds besides what every peer reports. */
export interface WorkerAnswer {
  /** Tracing, differentiating and writing the model. */
  readonly traceMs: number;
  /** ONNX Runtime making a session of it. */
  readonly sessionMs: number;
  readonly flops: number;
  readonly tokens?: number;
  /** What cannot be done without (rows.ts). */
  readonly floorMB: number;
  /** The process before the row. */
  readonly baseMB: number;
}

const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20);

/** A step that can be made, and the program it runs. */
interface Compiled {
  readonly step: (at: number) => Promise<number>;
  readonly program: { readonly compileMs: number; endProfiling(): void };
}

/** Compiles a row's step. */
async function compiled(row: Row, options: RunOptions): Promise<Compiled> {
  const { values, feeds } = row;
  if ("options" in row) {
    const { lr } = row;
    const training = await createStep(row.options, () => ({ weights: values }), options);
    const step = async (at: number) => (await training.run([feeds], { step: at, lr, seed: 0 })).loss;
    return { step, program: training.program };
  }
  const fed = inputsOf(feeds);
  const inputs = { ...fed, ...row.parameters };
  const program = await compile(inputs, { loss: row.loss(fed) }, { ...options, weights: values });
  const step = async () => Number((await program.run(feeds)).loss?.data[0]);
  return { step, program };
}

/** Builds a row and compiles its step. */
async function make({ row: name, sizes = {}, device, profile }: WorkerRequest): Promise<Made & WorkerAnswer> {
  const baseMB = megabytes(process.memoryUsage.rss());
  const row = rows[name]?.(sizes);
  if (!row) throw new Error(`no row ${name}, there are ${Object.keys(rows).join(", ")}`);
  const { values, flops, tokens, numbers } = row;
  const start = performance.now();
  const { step: run, program } = await compiled(row, { device, threads, profile: profile?.prefix });
  const sessionMs = program.compileMs;
  const traceMs = performance.now() - start - sessionMs;
  let at = 0;
  const step = async () => {
    const loss = await run(++at);
    if (at === profile?.steps) program.endProfiling();
    return loss;
  };
  const parameters = Object.entries(values).reduce((sum, [key, { data }]) => sum + (key === "x" ? 0 : data.length), 0);
  const about = { traceMs, sessionMs, flops, floorMB: megabytes(4 * numbers), baseMB };
  return { step, parameters, ...about, ...(tokens === undefined ? {} : { tokens }) };
}

const versionOf = (name: string): string => {
  const file = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
};

await loadEngine("cpu", threads);
const version = `onnxruntime-node ${versionOf("onnxruntime-node")}`;
/** A row of GPT-2: what its forward pass costs is in the mathematics of rows.ts. */
const generating = (texts: number, what: "prefill" | "decode") => async (request: WorkerRequest) => {
  const baseMB = megabytes(process.memoryUsage.rss());
  const { parameters, ...made } = await generation(texts, what, threads, request.profile?.prefix);
  return {
    ...made,
    parameters,
    traceMs: 0,
    flops: gpt2Flops(what) * texts,
    floorMB: megabytes(4 * parameters),
    baseMB,
  };
};

await serve<WorkerRequest>(
  {
    ...Object.fromEntries(Object.keys(rows).map((name) => [name, make])),
    "gpt2-prefill": generating(1, "prefill"),
    "gpt2-decode": generating(1, "decode"),
    "gpt2-decode-8": generating(8, "decode"),
  },
  { mode: "graph", version },
);
