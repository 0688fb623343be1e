/**
 * GPT-2 (Radford et al. 2019): token + position embeddings, a stack of causal blocks, a head tied to the embedding.
 * Reference: https://github.com/openai/gpt-2/blob/master/src/model.py
 *
 * B batch · T tokens · S tokens seen so far · C width (n_embd) · H heads · D = C / H · V vocabulary
 */
import { z } from "zod";
import {
  atLast,
  causalAttention,
  constantInit,
  Dropout,
  Embedding,
  KeyValueCache,
  type LayerCache,
  LayerNorm,
  module,
  normalInit,
  placesAfter,
  times,
} from "../nn/index.ts";
import { probability, whole } from "../schema.ts";
import { arange, parameter, type Tensor } from "../tensor/index.ts";
import { architecture, labelCount } from "./architecture.ts";
import { Head } from "./decoder/heads.ts";
import { guarded, guardedCausal } from "./guarded.ts";
import { type CausalModel, type ClassesModel, causalInputs, classesInputs } from "./heads.ts";
import { classCount } from "./sizes.ts";

/** Keys as in the checkpoint's `config.json`. */
export const gptConfig = z
  .strictObject({
    vocab_size: whole(1, 1e7).describe("tokens; by default the tokenizer's"),
    n_positions: whole(1, 1e6).default(64).describe("tokens it sees together (default: the context or length)"),
    n_embd: whole(1, 65536).default(128).describe("width"),
    n_layer: whole(1, 512).default(4).describe("blocks"),
    n_head: whole(1, 1024).default(4).describe("heads of attention in a block"),
    activation_function: z.enum(["gelu_new", "gelu"]).default("gelu_new").describe("GELU, tanh or exact"),
    layer_norm_epsilon: z.number().min(0).max(1).default(1e-5).describe("added to variances"),
    initializer_range: z.number().gt(0).max(10).default(0.02).describe("deviation of initial weights"),
    embd_pdrop: probability().default(0).describe("dropout of embeddings"),
    attn_pdrop: probability().default(0).describe("dropout of attention weights"),
    resid_pdrop: probability().default(0).describe("dropout of what blocks add"),
    num_labels: whole(1, 1e6).optional().describe("classes, for a classifier"),
  })
  .refine(({ n_embd, n_head }) => n_embd % n_head === 0, { message: "n_head must divide n_embd", path: ["n_head"] });
export type GPTConfig = z.infer<typeof gptConfig>;

/** Projections into the residual stream start smaller, by 1/√(2·layers). */
const residual = (config: GPTConfig) => config.initializer_range / Math.sqrt(2 * config.n_layer);

/** x [.., I] -> [.., O]: a linear layer, so called in GPT-2's code, with its weight [I, O]. */
const Conv1D = (I: number, O: number, deviation: number) =>
  module(
    "Conv1D",
    { weight: parameter([I, O], normalInit(deviation)), bias: parameter([O], constantInit(0)) },
    ({ weight, bias }, x: Tensor) => x.affine(weight, bias),
  );

/** x [B, T, C] -> [B, T, C]. Conv1D keeps GPT-2's [in, out] weights, so nothing is transposed on loading. */
const Attention = (config: GPTConfig) => {
  const { n_embd: C, n_head: H, initializer_range } = config;
  const [dropWeights, dropOutput] = [Dropout(config.attn_pdrop), Dropout(config.resid_pdrop)];
  return module(
    "Attention",
    { c_attn: Conv1D(C, 3 * C, initializer_range), c_proj: Conv1D(C, C, residual(config)) },
    ({ c_attn, c_proj }, x: Tensor, cache?: LayerCache) => {
      const heads = (part: Tensor) => part.rearrange("b t (h d) -> b h t d", { h: H });
      const [q, k, v] = c_attn(x).chunk(3).map(heads) as [Tensor, Tensor, Tensor]; // 3 × [B, H, T, D]
      const mixed = cache ? cache.attend(q, k, v) : causalAttention(q, k, v, dropWeights); // [B, H, T, D]
      return dropOutput(c_proj(mixed.rearrange("b h t d -> b t (h d)")));
    },
  );
};

/** x [B, T, C] -> [B, T, C], through 4C. */
const MLP = (config: GPTConfig) => {
  const { n_embd: C, initializer_range, activation_function } = config;
  const drop = Dropout(config.resid_pdrop);
  return module(
    "MLP",
    { c_fc: Conv1D(C, 4 * C, initializer_range), c_proj: Conv1D(4 * C, C, residual(config)) },
    ({ c_fc, c_proj }, x: Tensor) => drop(c_proj(c_fc(x).gelu(activation_function === "gelu_new" ? "tanh" : "none"))),
  );
};

const Block = (config: GPTConfig) =>
  module(
    "Block",
    {
      ln_1: LayerNorm(config.n_embd, config.layer_norm_epsilon),
      attn: Attention(config),
      ln_2: LayerNorm(config.n_embd, config.layer_norm_epsilon),
      mlp: MLP(config),
    },
    ({ ln_1, attn, ln_2, mlp }, x: Tensor, cache?: LayerCache) => {
      const attended = x.add(attn(ln_1(x), cache));
      return attended.add(mlp(ln_2(attended)));
    },
  );

/** ids [B, T] -> hidden states [B, T, C]. */
export const GPT = (config: GPTConfig) => {
  const drop = Dropout(config.embd_pdrop);
  return module(
    "GPT",
    {
      wte: Embedding(config.vocab_size, config.n_embd, config.initializer_range),
      wpe: Embedding(config.n_positions, config.n_embd, config.initializer_range),
      h: times(config.n_layer, () => Block(config)),
      ln_f: LayerNorm(config.n_embd, config.layer_norm_epsilon),
    },
    ({ wte, wpe, h, ln_f }, ids: Tensor, cache?: KeyValueCache) => {
      const last = config.n_positions - 1; // where a row is filled up, positions mean nothing but must exist
      const T = ids.dim(1);
      const positions = cache ? placesAfter(cache.past, T).minimum(last) : arange(T); // [T] or [B, T]
      let x = drop(wte(ids).add(wpe(positions))); // [B, T, C]
      for (const [i, block] of h.entries()) x = block(x, cache?.layer(i));
      return ln_f(x);
    },
  );
};

/** The head is the embedding once more. */
function causal(config: GPTConfig): CausalModel {
  const gpt = GPT(config);
  const { n_embd: C, n_head: H, n_layer } = config;
  return guardedCausal({
    parts: gpt,
    inputs: causalInputs,
    vocabulary: config.vocab_size,
    context: config.n_positions,
    forward: ({ ids }) => ({ logits: gpt(ids).linear(gpt.wte.weight) }), // [B, T, V]
    carried: KeyValueCache.specs(n_layer, H, C / H),
    step({ ids, lengths, past }, carried) {
      const cache = new KeyValueCache(past, carried);
      return { logits: atLast(gpt(ids, cache), lengths).linear(gpt.wte.weight), carried: cache.next };
    },
  });
}

/** As GPT2ForSequenceClassification: the hidden state of the last token, without bias. */
function classes(config: GPTConfig): ClassesModel {
  const gpt = GPT(config);
  const score = Head(config.n_embd, classCount(config), config.initializer_range);
  return guarded<"ids" | "lengths", ClassesModel>({
    parts: { ...gpt, score },
    inputs: classesInputs,
    head: ["score"],
    tokens: "wte.weight",
    vocabulary: config.vocab_size,
    context: config.n_positions,
    classes: classCount(config),
    forward: ({ ids, lengths }) => ({ logits: score(atLast(gpt(ids), lengths)) }),
  });
}

/** Files with a head prefix every name; old files also carry the causal mask as a buffer, and some repeat the tied head. */
export const gpt = architecture({
  modelType: "gpt2",
  about: "transformer decoder, GPT-2 (Radford et al. 2019)",
  config: gptConfig,
  fixed: {
    n_inner: null,
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    add_cross_attention: false,
    tie_word_embeddings: true,
  },
  spellings: { num_labels: labelCount },
  files: { prefix: "transformer.", bare: /^score\./, ignore: /(\.attn\.(masked_)?bias|^lm_head\.weight)$/ },
  heads: { causal, classes },
});
