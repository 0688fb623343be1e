/**
 * What the JavaScript peers share: the rows, the same numbers as torch_bench.py, and the protocol (README.md).
 *
 * B batch · T steps · I input width · H hidden width · C width · V vocabulary
 */
import readline from "node:readline";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({ options: { threads: { type: "string", default: "1" } }, strict: false });

/** Threads asked for at the start of the process. */
export const threads = Number(options.threads);

/** `count` unsigned integers: murmur3's finalizer over a counter. */
function bits(count, seed) {
  const out = new Uint32Array(count);
  const start = Math.imul(seed, 0x9e3779b9);
  for (let i = 0; i < count; i++) {
    let h = (start + i) | 0;
    h ^= h >>> 16;
    h = Math.imul(h, 0x85ebca6b);
    h ^= h >>> 13;
    h = Math.imul(h, 0xc2b2ae35);
    out[i] = h ^ (h >>> 16);
  }
  return out;
}

const size = (shape) => shape.reduce((a, b) => a * b, 1);

/** Values in [-scale, scale), shifted. */
export function uniform(shape, seed, scale = 1, shift = 0) {
  const numbers = bits(size(shape), seed);
  const out = new Float32Array(numbers.length);
  for (let i = 0; i < out.length; i++) out[i] = Math.fround((numbers[i] / 2 ** 31 - 1) * scale) + shift;
  return out;
}

export const integers = (shape, seed, limit) => Int32Array.from(bits(size(shape), seed), (b) => b % limit);

/** Seeds of the inputs and the targets. */
export const X = 1000;
export const Y = 1001;

/** Values of one parameter in PyTorch's layout. */
export function filled(name, shape, seed) {
  const scale = shape.length > 1 ? 1 / Math.sqrt(size(shape.slice(1))) : 0.05;
  const isNorm = /(^|\.)ln_/.test(name) && name.endsWith("weight");
  return { shape, data: uniform(shape, seed, scale, isNorm ? 1 : 0) };
}

/** `{ name: shape }` in PyTorch's order and layout -> `{ name: values }`: parameter number i from seed i. */
export const fill = (shapes) =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape], seed) => [name, filled(name, shape, seed)]));

export const parameterCount = (shapes) => Object.values(shapes).reduce((sum, shape) => sum + size(shape), 0);

// --- shapes of the rows, as PyTorch has them -------------------------------------------------------------------------

export const MLP = { B: 64, widths: [784, 512, 512, 10] };
export const CONV = { B: 32 };
/** A VAE of convolutions, as `descent train vae --set encoder=conv` has it, with a batch of 100. */
export const VAE = { B: 100, hidden: 200, latent: 16, channels: [32, 64] };
export const RECURRENT = { B: 32, T: 64, I: 128, H: 256 };
/** A linear layer under the CTC loss: L letters of K - 1 kinds in T steps. */
export const CTC = { B: 32, T: 150, I: 64, K: 29, L: 30 };
/** Forward passes of an LSTM. */
export const FORWARD = {
  "lstm-forward": { B: 1, T: 1024, I: 256, H: 256 },
  "lstm-forward-32": { B: 32, T: 1024, I: 256, H: 256 },
};
export const GPT = {
  "gpt-4x128": { layers: 4, heads: 4, C: 128, T: 64, B: 12, V: 65 },
  "gpt-6x384": { layers: 6, heads: 6, C: 384, T: 256, B: 4, V: 65 },
};

/** GPT-2 124M: a prompt that is read, and tokens that are generated after it. */
export const GPT2 = { sizes: { layers: 12, heads: 12, C: 768, T: 1024, V: 50257 }, PROMPT: 512, TOKENS: 100 };

const linear = (name, inputs, outputs) => ({ [`${name}.weight`]: [outputs, inputs], [`${name}.bias`]: [outputs] });
const norm = (name, C) => ({ [`${name}.weight`]: [C], [`${name}.bias`]: [C] });

export const mlpShapes = () => ({ ...linear("0", 784, 512), ...linear("2", 512, 512), ...linear("4", 512, 10) });

export const convShapes = () => ({
  "0.weight": [32, 1, 3, 3],
  "0.bias": [32],
  "2.weight": [64, 32, 3, 3],
  "2.bias": [64],
  ...linear("6", 64 * 14 * 14, 10),
});

const kernel = (name, shape, outputs) => ({ [`${name}.weight`]: [...shape, 3, 3], [`${name}.bias`]: [outputs] });

export function vaeShapes({ hidden, latent, channels: [C, D] } = VAE) {
  return {
    ...kernel("encoder.convolutions.layers.0", [C, 1], C),
    ...kernel("encoder.convolutions.layers.1", [D, C], D),
    ...linear("encoder.dense", D * 49, hidden),
    ...linear("mean", hidden, latent),
    ...linear("log_variance", hidden, latent),
    ...linear("decoder.dense", latent, D * 49),
    ...kernel("decoder.convolutions.layers.0", [D, D], D),
    ...kernel("decoder.convolutions.layers.1", [D, C], C),
    ...kernel("decoder.convolutions.output", [1, C], 1),
  };
}

/** `gates`: 1 for a simple RNN, 3 for a GRU, 4 for an LSTM. */
export const recurrentShapes = (gates, { I, H } = RECURRENT) => ({
  weight_ih: [gates * H, I],
  weight_hh: [gates * H, H],
  bias_ih: [gates * H],
  bias_hh: [gates * H],
});

/** `gates`: 2 for a minGRU, 3 for a minLSTM, the candidate's rows included. */
export const minimalShapes = (gates, { I, H } = RECURRENT) => ({
  weight_ih_l0: [gates * H, I],
  bias_ih_l0: [gates * H],
});

export const ctcShapes = () => ({ weight: [CTC.K, CTC.I], bias: [CTC.K] });

export function gptShapes({ layers, C, T, V }) {
  const block = (i) => ({
    ...norm(`h.${i}.ln_1`, C),
    ...linear(`h.${i}.c_attn`, C, 3 * C),
    ...linear(`h.${i}.attn_proj`, C, C),
    ...norm(`h.${i}.ln_2`, C),
    ...linear(`h.${i}.c_fc`, C, 4 * C),
    ...linear(`h.${i}.mlp_proj`, 4 * C, C),
  });
  const blocks = Array.from({ length: layers }, (_, i) => block(i));
  return Object.assign({ "wte.weight": [V, C], "wpe.weight": [T, C] }, ...blocks, norm("ln_f", C));
}

/** As transformers names and lays them out: Conv1D keeps [in, out]. */
export function gpt2Shapes({ layers, C, T, V } = GPT2.sizes) {
  const conv1d = (name, inputs, outputs) => ({ [`${name}.weight`]: [inputs, outputs], [`${name}.bias`]: [outputs] });
  const block = (i) => ({
    ...norm(`h.${i}.ln_1`, C),
    ...conv1d(`h.${i}.attn.c_attn`, C, 3 * C),
    ...conv1d(`h.${i}.attn.c_proj`, C, C),
    ...norm(`h.${i}.ln_2`, C),
    ...conv1d(`h.${i}.mlp.c_fc`, C, 4 * C),
    ...conv1d(`h.${i}.mlp.c_proj`, 4 * C, C),
  });
  const blocks = Array.from({ length: layers }, (_, i) => block(i));
  return Object.assign({ "wte.weight": [V, C], "wpe.weight": [T, C] }, ...blocks, norm("ln_f", C));
}

/** AdamW of the GPT rows. Weight decay is for matrices only; gradients are clipped to a global norm of `clip`. */
export const ADAMW = { rate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, decay: 0.1, clip: 1 };

// --- the protocol ----------------------------------------------------------------------------------------------------

const peakMB = () => Math.round(process.resourceUsage().maxRSS / 102.4) / 10;

const oneLine = (error) =>
  String(error?.message ?? error)
    .split("\n", 1)[0]
    .slice(0, 300);

/** Build a row and warm it up. `make(request)` gives `{ step, parameters, note }`; `step()` resolves to the loss, `step.prepare()` is not timed. */
async function ready(make, request, about) {
  if ((request.threads ?? threads) !== threads)
    throw new Error(`started with --threads ${threads}, asked for ${request.threads}`);
  const start = performance.now();
  const { step, ...rest } = await make(request);
  await step.prepare?.();
  const losses = [await step()];
  const compileMs = performance.now() - start;
  for (let i = 0; i < (request.warmup ?? 3); i++) {
    await step.prepare?.();
    losses.push(await step());
  }
  return { step, answer: { ready: true, compileMs, ...about, ...rest, losses, peakMB: peakMB() } };
}

async function go(step, count) {
  const ms = [];
  for (let i = 0; i < count; i++) {
    await step.prepare?.();
    const start = performance.now();
    await step();
    ms.push(performance.now() - start);
  }
  return { ms, peakMB: peakMB() };
}

/** Answer one JSON line for each line of stdin. */
export async function serve(rows, about) {
  let step;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (!line.trim()) continue;
    let answer;
    try {
      const request = JSON.parse(line);
      if (request.row) {
        step = undefined;
        const make = rows[request.row];
        if (!make) throw new Error(`no row ${request.row}, there are ${Object.keys(rows).join(", ")}`);
        ({ step, answer } = await ready(make, request, about));
      } else if (step) answer = await go(step, request.go);
      else throw new Error("no row is ready");
    } catch (error) {
      if (process.env.DEBUG) console.error(error);
      answer = { error: oneLine(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}
