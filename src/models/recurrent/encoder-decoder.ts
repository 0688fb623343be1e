/**
 * Recurrent encoder-decoders (Sutskever et al. 2014, Cho et al. 2014) with attention as Luong et al. 2015 place it.
 *
 *   m₁ … m_S = encoder(x₁ … x_S)      h₀ = tanh(W_b [last states of both directions]), or the last state of one
 *   h_t = decoder([y_t; h̃_{t-1}], h_{t-1})               without input feeding: of y_t alone
 *   c_t = Σₛ aₛ mₛ, a = softmax(score(h_t, m))           nn/alignment.ts
 *   h̃_t = tanh(W_c [c_t; h_t])                           without attention: h_t
 *   logits_t = W h̃_t + b
 *
 * Without input feeding no step of the decoder waits for what another one saw: attention is computed for all steps at
 * once. With it, and with scheduled sampling (Bengio et al. 2015), where a step reads what the model would have said, the
 * whole step is the cell of one scan, in which dropout between layers draws one mask for all steps (Gal & Ghahramani
 * 2016). The logits of all steps are one product either way.
 *
 * B sentences · S tokens of the source · T of the target · I width of embeddings · H hidden width,
 * that of a projection where there is one · L layers · D directions
 */
import { ConfigError } from "../../errors.ts";
import { scan } from "../../graph/index.ts";
import {
  AdditiveAttention,
  DotAttention,
  Dropout,
  Embedding,
  GeneralAttention,
  isTraining,
  Linear,
  uniformInit,
} from "../../nn/index.ts";
import { noise, ones, type Tensor, zeros } from "../../tensor/index.ts";
import { guardedEncoderDecoder } from "../guarded.ts";
import { type Carried, type EncoderDecoderModel, encoderDecoderInputs } from "../heads.ts";
import { targetVocabularySize, vocabularySize } from "../sizes.ts";
import { overTokens, type Recurrence, stateWidths } from "./body.ts";
import { directions, drawsEachStep, outputWidth, type RecurrentConfig, stateWidth } from "./config.ts";

/** What a step saw last, which input feeding hands on. */
const FED = "attentional";

/** What a step makes of its state h [.., H]: h̃ [.., H], and how much it looked at each position of the source. */
type Look = (h: Tensor, memory: Carried) => { readonly seen: Tensor; readonly attention?: Tensor };

interface Looking {
  readonly parts: Readonly<Record<string, object>>;
  /** What steps read, made of the encoder's outputs [B, S, M] and lengths [B]. */
  readonly memory: Readonly<Record<string, readonly (string | number)[]>>;
  remember(hs: Tensor, lengths: Tensor): Carried;
  readonly look: Look;
}

const blind: Looking = { parts: {}, memory: {}, remember: () => ({}), look: (h) => ({ seen: h }) };

/** Attention over the encoder's outputs, as the configuration names it. */
function looking(config: RecurrentConfig): Looking {
  const { attention: kind = "general" } = config;
  const [H, M] = [stateWidth(config), outputWidth(config)];
  if (kind === "none") return blind;
  if (kind === "dot" && M !== H)
    throw new ConfigError(
      "config: attention: dot compares vectors of one width, and an encoder that reads both ways gives twice the decoder's; choose general or leave out bidirectional",
    );
  const attention = { additive: AdditiveAttention, general: GeneralAttention, dot: DotAttention }[kind](H, M);
  // Glorot & Bengio 2010: with the smaller values of Linear, what is seen hardly reaches the logits at first.
  const combine = Linear(M + H, H, { bias: false, weightInit: uniformInit(Math.sqrt(6 / (M + H + H))) });
  return {
    parts: { attention, combine },
    memory: { values: ["B", "S", M], ...(kind !== "dot" && { keys: ["B", "S", H] }), lengths: ["B"] },
    remember: (values, lengths) => ({
      values,
      ...(kind !== "dot" && { keys: attention.keys(values, lengths) }),
      lengths,
    }),
    look(h, { values = h, keys, lengths = h }) {
      const [context, weights] = attention(h, values, { lengths, ...(keys && { keys }) });
      return { seen: combine(context.concat([h], -1)).tanh(), attention: weights };
    },
  };
}

/** From the encoder's last state, tensors [L·D, B, H], to the decoder's first one [L, B, H]. */
function bridging<S>(recurrence: Recurrence<S>, config: RecurrentConfig) {
  if (directions(config) === 1) return { parts: {}, cross: (last: Carried) => last };
  const widths = Object.entries(stateWidths(recurrence, config));
  const bridge = Object.fromEntries(widths.map(([name, H]) => [name, Linear(2 * H, H)]));
  const cross = (last: Carried): Carried =>
    Object.fromEntries(
      Object.entries(last).map(([name, h]) => [
        name,
        bridge[name]?.(h.rearrange("(l d) b h -> l b (d h)", { d: 2 })).tanh() ?? h,
      ]),
    );
  return { parts: { bridge }, cross };
}

/** The id that a uniform number [B] falls on, where each takes as much room as it is likely: logits [B, V] -> i32 [B]. */
function drawn(logits: Tensor, u: Tensor): Tensor {
  const reached = logits.softmax().cumsum(1); // [B, V]
  const before = reached.less(u.unsqueeze(1).mul(reached.slice(1, -1))).cast("i32");
  return before.sum(1).minimum(Number(logits.dim(1)) - 1);
}

/** A target [B, T], and where it starts from -> h̃ [B, T, H]. */
type Decode = (target: Tensor, memory: Carried, carried: Carried) => Tensor;

/** The decoder: its parts, one step of it from x [B, I], and all steps of a target. */
function decoding<S>(recurrence: Recurrence<S>, config: RecurrentConfig, V: number, { parts, look }: Looking) {
  const { embedding_dim: I, dropout, input_feeding: feeding = false } = config;
  const { modelType, toRecord, fromRecord } = recurrence;
  const embedding = Embedding(V, I);
  const layers = recurrence.layers(feeding ? I + stateWidth(config) : I, {
    ...config,
    bidirectional: false,
    merge: undefined,
  });
  const drop = Dropout(dropout);
  const advance = (x: Tensor, memory: Carried, { [FED]: fed, ...state }: Carried) => {
    const read = fed ? x.concat([fed], -1) : x;
    const [hs, next] = layers(read.unsqueeze(1), { state: fromRecord(state) });
    const { seen, ...rest } = look(hs.squeeze(1), memory);
    const carried: Carried = { ...toRecord(next), ...(fed && { [FED]: seen }) };
    return { seen, ...rest, carried };
  };
  const decode: Decode = (target, memory, carried) => {
    const xs = drop(embedding(target));
    if (!feeding) return look(layers(xs, { state: fromRecord(carried) })[0], memory).seen;
    const cell = (state: Carried, x: Tensor) => {
      const step = advance(x, memory, state);
      return [step.carried, step.seen] as const;
    };
    return scan(cell, carried, xs)[1];
  };
  return { parts: { embedding, [modelType]: layers, ...parts }, embedding, advance, decode };
}

/**
 * The same where each step reads its target with probability 1 - p only, and else what was drawn from the step before it;
 * `logits` [B, V] are those of h̃ [B, H].
 */
const sampledDecoding =
  (
    { embedding, advance }: Pick<ReturnType<typeof decoding>, "embedding" | "advance">,
    { scheduled_sampling: p = 0, dropout }: RecurrentConfig,
    logits: (seen: Tensor) => Tensor,
  ): Decode =>
  (target, memory, carried) => {
    type Inputs = Readonly<Record<"id" | "own" | "u" | "kept", Tensor>>;
    type State = { readonly said: Tensor; readonly carried: Carried };
    const kept = Dropout(dropout)(ones([...target.shape, embedding.weight.dim(1)]));
    const uniform = () => noise("uniform", target.shape);
    const cell = ({ said, carried }: State, x: Inputs) => {
      const step = advance(embedding(x.own.where(said, x.id)).mul(x.kept), memory, carried);
      const next = drawn(logits(step.seen).stopGradient(), x.u);
      return [{ said: next, carried: step.carried }, step.seen] as const;
    };
    const first = { said: target.slice(1, 0, 1).squeeze(1), carried };
    return scan(cell, first, { id: target, own: uniform().less(p), u: uniform(), kept })[1];
  };

/** The encoder: its parts, and what it makes of a source for the decoder. */
function encoding<S>(recurrence: Recurrence<S>, config: RecurrentConfig, { remember }: Looking) {
  const { input_feeding: feeding = false } = config;
  const H = stateWidth(config);
  const { embedding, layers } = overTokens(recurrence, config);
  const bridge = bridging(recurrence, config);
  const drop = Dropout(config.dropout);
  const encode = (source: Tensor, lengths: Tensor) => {
    const [hs, last] = layers(drop(embedding(source)), { lengths });
    const first = bridge.cross(recurrence.toRecord(last));
    const carried: Carried = feeding ? { ...first, [FED]: zeros([source.dim(0), H]) } : first;
    return { memory: remember(drop(hs), lengths), carried };
  };
  return { parts: { encoder: { embedding, [recurrence.modelType]: layers }, ...bridge.parts }, encode };
}

type Shapes = Readonly<Record<string, readonly (string | number)[]>>;
const specsOf = (shapes: Shapes): EncoderDecoderModel["carried"] =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, { shape, dtype: shape.length === 1 ? "i32" : "f32" }]),
  );

/** Throws ConfigError where a decoder whose step is the cell of a scan would draw once what is to be drawn at each step. */
function requireDraws(config: RecurrentConfig): void {
  if (drawsEachStep(config) && (config.input_feeding || config.scheduled_sampling))
    throw new ConfigError(
      'config: zoneout and dropout_mask "step" draw anew at each step, which a decoder with input_feeding or scheduled_sampling cannot; leave out one of them',
    );
}

/** Encoder, decoder, and a projection onto the target's vocabulary. */
export function encoderDecoder<S>(recurrence: Recurrence<S>, config: RecurrentConfig): EncoderDecoderModel {
  const { num_layers: L, dropout, input_feeding: feeding, scheduled_sampling: sampling = 0 } = config;
  requireDraws(config);
  const H = stateWidth(config);
  const V = targetVocabularySize(config);
  const attention = looking(config);
  const { parts, encode } = encoding(recurrence, config, attention);
  const decoder = decoding(recurrence, config, V, attention);
  const projection = Linear(H, V);
  const sampled = sampledDecoding(decoder, config, projection);
  const drop = Dropout(dropout);
  const widths = Object.entries(stateWidths(recurrence, config));
  const state = Object.fromEntries(widths.map(([name, width]) => [name, [L, "B", width]]));
  return guardedEncoderDecoder({
    parts: { ...parts, decoder: decoder.parts, projection },
    inputs: encoderDecoderInputs,
    sourceVocabulary: vocabularySize(config),
    vocabulary: V,
    forward({ source, sourceLengths, target }) {
      const { memory, carried } = encode(source, sourceLengths);
      const decode = isTraining() && sampling > 0 ? sampled : decoder.decode;
      return { logits: projection(drop(decode(target, memory, carried))) };
    },
    memory: specsOf(attention.memory),
    carried: specsOf({ ...state, ...(feeding && { [FED]: ["B", H] }) }),
    encode,
    step(ids, memory, carried) {
      const { seen, ...rest } = decoder.advance(decoder.embedding(ids), memory, carried);
      return { logits: projection(seen), ...rest };
    },
  });
}
