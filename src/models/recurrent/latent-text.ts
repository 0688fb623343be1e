/**
 * Recurrent variational autoencoders of texts (Bowman et al. 2016, arXiv 1511.06349; Roberts et al. 2018, MusicVAE, arXiv
 * 1803.05428).
 *
 *   e = the encoder's last states, or what else `pooling` takes of them
 *   q(z | x) = N(μ, σ²)              μ = W_μ e + b    log σ² = W_σ e + b
 *   h₀ = tanh(W z + b)               in every layer of the decoder, and so are the other tensors of a state
 *   h_t = decoder([y_t; z], h_{t-1})
 *   p(y_{t+1} | y_1 … y_t, z) = softmax(W h_t + b)
 *
 * A decoder that reads the text so far can do without z, and mostly learns to. In training with word_dropout, each token but
 * the first is read as zeros with that probability, so that the decoder has to ask z.
 *
 * B texts · S ids of the longest · T ids that the decoder reads · I width of embeddings · H hidden width, that of a
 * projection where there is one · N layers · V vocabulary · L code
 */
import { Dropout, Embedding, isTraining, Linear } from "../../nn/index.ts";
import { noise, type Tensor } from "../../tensor/index.ts";
import type { Carried } from "../heads.ts";
import { guardedLatentText, type LatentTextModel, latentTextInputs } from "../latent/text.ts";
import { vocabularySize } from "../sizes.ts";
import { overTokens, type Recurrence, stateWidths } from "./body.ts";
import { type RecurrentConfig, stateWidth } from "./config.ts";
import { pooling } from "./pooling.ts";

const LATENT = 32;

/** ids [B, S] and lengths [B] -> a posterior of codes. */
function encoding<S>(recurrence: Recurrence<S>, config: RecurrentConfig, L: number) {
  const { embedding, layers } = overTokens(recurrence, config);
  const { parts, width, pool } = pooling(recurrence, { ...config, pooling: config.pooling ?? "last" });
  const [mean, log_variance] = [Linear(width, L), Linear(width, L)];
  const drop = Dropout(config.dropout);
  const encode = (ids: Tensor, lengths: Tensor) => {
    const [hs, state] = layers(drop(embedding(ids)), { lengths });
    const { vector } = pool(hs, state, lengths);
    return { mean: mean(vector), logVariance: log_variance(vector) };
  };
  return {
    parts: { encoder: { embedding, [recurrence.modelType]: layers, ...parts }, mean, log_variance },
    encode,
  };
}

/** codes [B, L] -> the first state of every layer, tensors [N, B, H]. */
function beginning<S>(recurrence: Recurrence<S>, config: RecurrentConfig, L: number) {
  const { num_layers: N } = config;
  const widths = Object.entries(stateWidths(recurrence, config));
  const begin = Object.fromEntries(widths.map(([name, H]) => [name, Linear(L, N * H)]));
  const first = (codes: Tensor): Carried =>
    Object.fromEntries(
      Object.entries(begin).map(([name, linear]) => [
        name,
        linear(codes).tanh().rearrange("b (n h) -> n b h", { n: N }),
      ]),
    );
  return { parts: { begin }, first };
}

/** In training, each token of target [B, T] but the first is zeros with probability p in xs [B, T, I]. */
function withoutSome(xs: Tensor, target: Tensor, p: number): Tensor {
  if (p === 0 || !isTraining()) return xs;
  const first = target.equal(target.slice(1, 0, 1)); // no token of a text is the one that stands before it
  const kept = noise("uniform", target.shape).less(p).not().or(first);
  return kept.unsqueeze(2).where(xs, 0);
}

/** Encoder, code, and a decoder that the code begins and stands beside at every step. */
export function latentText<S>(recurrence: Recurrence<S>, config: RecurrentConfig): LatentTextModel {
  const { embedding_dim: I, num_layers: N, latent: L = LATENT, word_dropout = 0, dropout } = config;
  const { modelType, toRecord, fromRecord } = recurrence;
  const V = vocabularySize(config);
  const encoder = encoding(recurrence, config, L);
  const { parts, first } = beginning(recurrence, config, L);
  const embedding = Embedding(V, I);
  const layers = recurrence.layers(I + L, { ...config, bidirectional: false, merge: undefined });
  const projection = Linear(stateWidth(config), V);
  const drop = Dropout(dropout);
  const decode = (codes: Tensor, target: Tensor): Tensor => {
    const xs = drop(withoutSome(embedding(target), target, word_dropout));
    const beside = codes.unsqueeze(1).expand([codes.dim(0), target.dim(1), L]);
    const [hs] = layers(xs.concat([beside], -1), { state: fromRecord(first(codes)) });
    return projection(drop(hs));
  };
  return guardedLatentText({
    parts: { ...encoder.parts, ...parts, decoder: { embedding, [modelType]: layers }, projection },
    inputs: latentTextInputs,
    vocabulary: V,
    latent: L,
    carried: Object.fromEntries(
      Object.entries(stateWidths(recurrence, config)).map(([name, H]) => [name, { shape: [N, "B", H], dtype: "f32" }]),
    ),
    forward({ ids, lengths, target }) {
      const { mean } = encoder.encode(ids, lengths);
      return { mean, logits: decode(mean, target) };
    },
    encode: encoder.encode,
    decode,
    begin: first,
    step(ids, codes, carried) {
      const x = embedding(ids).concat([codes], -1).unsqueeze(1);
      const [hs, state] = layers(x, { state: fromRecord(carried) });
      return { logits: projection(hs.squeeze(1)), carried: toRecord(state) };
    },
  });
}
