/**
 * GPT-Neo (Black et al. 2021; the TinyStories models are of this kind): GPT-2 whose blocks alternate between seeing all tokens
 * and the last few, with scores that are not divided by √D.
 * Reference: `modeling_gpt_neo.py` of transformers.
 *
 * B batch · T tokens · C width · H heads · D = C / H · V vocabulary
 */
import { z } from "zod";
import {
  activations,
  atLast,
  attention,
  Dropout,
  Embedding,
  KeyValueCache,
  type LayerCache,
  LayerNorm,
  module,
  placesAfter,
  times,
} from "../nn/index.ts";
import { probability, such, whole } from "../schema.ts";
import { arange, type Tensor } from "../tensor/index.ts";
import { architecture, labelCount } from "./architecture.ts";
import { Projection } from "./decoder/attention.ts";
import { activation } from "./decoder/config.ts";
import { Head } from "./decoder/heads.ts";
import { guarded, guardedCausal } from "./guarded.ts";
import { type CausalModel, type ClassesModel, causalInputs, classesInputs } from "./heads.ts";
import { classCount } from "./sizes.ts";

/** Kinds of blocks and how often they come, such as [[["global", "local"], 6]]. */
type Kinds = readonly (readonly [kinds: readonly string[], times: number])[];

const isKinds = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.every(
    (row: unknown) =>
      Array.isArray(row) &&
      Array.isArray(row[0]) &&
      row[0].every((kind) => kind === "global" || kind === "local") &&
      Number.isSafeInteger(row[1]) &&
      row[1] >= 0 &&
      row[1] <= 512,
  );

/** The kind of each block. */
const expanded = (kinds: Kinds): string[] =>
  kinds.flatMap(([row, count]) => Array<readonly string[]>(count).fill(row).flat());

/** Keys as in the checkpoint's `config.json`. */
const gptNeoConfig = z
  .strictObject({
    vocab_size: whole(1, 1e7).describe("tokens; by default the tokenizer's"),
    max_position_embeddings: whole(1, 1e6)
      .default(64)
      .describe("tokens it sees together (default: the context or length)"),
    hidden_size: whole(1, 65536).default(128).describe("width"),
    num_layers: whole(1, 512).default(4).describe("blocks"),
    num_heads: whole(1, 1024).default(4).describe("heads of attention in a block"),
    intermediate_size: whole(1, 1e6)
      .optional()
      .describe("width inside of a block's MLP (default: four times the width)"),
    attention_types: such<Kinds>('a list such as [[["global", "local"], 2]]', isKinds)
      .default([[["global", "local"], 2]])
      .describe("what blocks see: all tokens or the last ones"),
    window_size: whole(1, 1e6).default(256).describe("tokens that a local block sees"),
    activation_function: activation("gelu_new"),
    layer_norm_epsilon: z.number().min(0).max(1).default(1e-5).describe("added to variances"),
    initializer_range: z.number().gt(0).max(10).default(0.02).describe("deviation of initial weights"),
    embed_dropout: probability().default(0).describe("dropout of embeddings"),
    attention_dropout: probability().default(0).describe("dropout of attention weights"),
    resid_dropout: probability().default(0).describe("dropout of what blocks add"),
    num_labels: whole(1, 1e6).optional().describe("classes, for a classifier"),
  })
  .refine(({ hidden_size: C, num_heads: H }) => C % H === 0, {
    message: "expected a divisor of hidden_size",
    path: ["num_heads"],
  })
  .refine(({ attention_types, num_layers: L }) => expanded(attention_types).length === L, {
    message: "expected as many kinds as there are blocks, num_layers",
    path: ["attention_types"],
  });
type GPTNeoConfig = z.infer<typeof gptNeoConfig>;

const linear = (I: number, O: number, bias: boolean, { initializer_range }: GPTNeoConfig) =>
  Projection(I, O, bias, { deviation: initializer_range });

/** x [B, T, C] -> [B, T, C]. */
const Attention = (config: GPTNeoConfig, kind: string | undefined) => {
  const { hidden_size: C, num_heads: H, window_size } = config;
  const [dropout, dropOutput] = [Dropout(config.attention_dropout), Dropout(config.resid_dropout)];
  const seen = { scale: 1, ...(kind === "local" && { window: window_size }) };
  const heads = (x: Tensor): Tensor => x.rearrange("b t (h d) -> b h t d", { h: H });
  return module(
    "Attention",
    {
      k_proj: linear(C, C, false, config),
      v_proj: linear(C, C, false, config),
      q_proj: linear(C, C, false, config),
      out_proj: linear(C, C, true, config),
    },
    ({ q_proj, k_proj, v_proj, out_proj }, x: Tensor, cache?: LayerCache) => {
      const [q, k, v] = [heads(q_proj(x)), heads(k_proj(x)), heads(v_proj(x))]; // 3 × [B, H, T, D]
      const mixed = cache ? cache.attend(q, k, v, seen) : attention(q, k, v, { causal: true, dropout, ...seen });
      return dropOutput(out_proj(mixed.rearrange("b h t d -> b t (h d)")));
    },
  );
};

/** x [B, T, C] -> [B, T, C], through I. */
const MLP = (config: GPTNeoConfig) => {
  const { hidden_size: C, intermediate_size: I = 4 * C } = config;
  const [activate, drop] = [activations[config.activation_function], Dropout(config.resid_dropout)];
  return module(
    "MLP",
    { c_fc: linear(C, I, true, config), c_proj: linear(I, C, true, config) },
    ({ c_fc, c_proj }, x: Tensor) => drop(c_proj(activate(c_fc(x)))),
  );
};

const Block = (config: GPTNeoConfig, kind: string | undefined) =>
  module(
    "Block",
    {
      ln_1: LayerNorm(config.hidden_size, config.layer_norm_epsilon),
      attn: module("Kind", { attention: Attention(config, kind) }, (parts) => parts.attention),
      ln_2: LayerNorm(config.hidden_size, config.layer_norm_epsilon),
      mlp: MLP(config),
    },
    ({ ln_1, attn, ln_2, mlp }, x: Tensor, cache?: LayerCache) => {
      const attended = x.add(attn.attention(ln_1(x), cache));
      return attended.add(mlp(ln_2(attended)));
    },
  );

/** ids [B, T] -> hidden states [B, T, C]. */
const GPTNeo = (config: GPTNeoConfig) => {
  const { hidden_size: C, initializer_range, max_position_embeddings } = config;
  const [drop, kinds] = [Dropout(config.embed_dropout), expanded(config.attention_types)];
  return module(
    "GPTNeo",
    {
      wte: Embedding(config.vocab_size, C, initializer_range),
      wpe: Embedding(max_position_embeddings, C, initializer_range),
      h: times(config.num_layers, (layer) => Block(config, kinds[layer])),
      ln_f: LayerNorm(C, config.layer_norm_epsilon),
    },
    ({ wte, wpe, h, ln_f }, ids: Tensor, cache?: KeyValueCache) => {
      const T = ids.dim(1);
      const last = max_position_embeddings - 1; // where a row is filled up, positions mean nothing but must exist
      const positions = cache ? placesAfter(cache.past, T).minimum(last) : arange(T); // [T] or [B, T]
      let x = drop(wte(ids).add(wpe(positions))); // [B, T, C]
      for (const [i, block] of h.entries()) x = block(x, cache?.layer(i));
      return ln_f(x);
    },
  );
};

/** The head is the embedding once more. */
function causal(config: GPTNeoConfig): CausalModel {
  const gpt = GPTNeo(config);
  const { hidden_size: C, num_heads: H, num_layers } = config;
  return guardedCausal({
    parts: gpt,
    inputs: causalInputs,
    vocabulary: config.vocab_size,
    context: config.max_position_embeddings,
    forward: ({ ids }) => ({ logits: gpt(ids).linear(gpt.wte.weight) }), // [B, T, V]
    carried: KeyValueCache.specs(num_layers, H, C / H),
    step({ ids, lengths, past }, carried) {
      const cache = new KeyValueCache(past, carried);
      return { logits: atLast(gpt(ids, cache), lengths).linear(gpt.wte.weight), carried: cache.next };
    },
  });
}

/** As GPTNeoForSequenceClassification: the hidden state of the last token, without bias. */
function classes(config: GPTNeoConfig): ClassesModel {
  const gpt = GPTNeo(config);
  const score = Head(config.hidden_size, classCount(config), config.initializer_range);
  return guarded<"ids" | "lengths", ClassesModel>({
    parts: { ...gpt, score },
    inputs: classesInputs,
    head: ["score"],
    tokens: "wte.weight",
    vocabulary: config.vocab_size,
    context: config.max_position_embeddings,
    classes: classCount(config),
    forward: ({ ids, lengths }) => ({ logits: score(atLast(gpt(ids), lengths)) }),
  });
}

/** Files with a head prefix every name; old files also carry the causal mask as a buffer, and some repeat the tied head. */
export const gptNeo = architecture({
  modelType: "gpt_neo",
  about: "transformer decoder with local blocks, GPT-Neo and TinyStories (Black et al. 2021)",
  config: gptNeoConfig,
  published: {
    vocab_size: 50_257,
    hidden_size: 2048,
    max_position_embeddings: 2048,
    num_layers: 24,
    num_heads: 16,
    attention_types: [[["global", "local"], 12]],
  },
  fixed: { tie_word_embeddings: true },
  spellings: { num_labels: labelCount },
  files: { prefix: "transformer.", bare: /^score\./, ignore: /(\.attention\.(masked_)?bias|^lm_head\.weight)$/ },
  heads: { causal, classes },
});
