/**
 * The body of BERT and RoBERTa: blocks that normalise after they add, positions from a table.
 *
 * B batch · T tokens · C width · I width inside · V vocabulary
 */
import { activations, Dropout, Embedding, module, times } from "../../nn/index.ts";
import { arange, type Tensor, zeros } from "../../tensor/index.ts";
import { meant, mixer, Norm, Projection, type Tokens } from "./parts.ts";
import type { Shape } from "./shape.ts";

/** What is added to the stream, and the norm of the sum: x [.., I], residual [.., C] -> [.., C]. */
const Output = (shape: Shape, I: number) => {
  const drop = Dropout(shape.dropout.hidden);
  return module(
    "Output",
    { dense: Projection(I, shape.width, shape.deviation), LayerNorm: Norm(shape) },
    ({ dense, LayerNorm }, x: Tensor, residual: Tensor) => LayerNorm(drop(dense(x)).add(residual)),
  );
};

const SelfAttention = (shape: Shape) => {
  const project = () => Projection(shape.width, shape.width, shape.deviation);
  const mix = mixer(shape);
  return module(
    "SelfAttention",
    { query: project(), key: project(), value: project() },
    ({ query, key, value }, x: Tensor, seen: Tensor) => mix(query(x), key(x), value(x), seen),
  );
};

const Attention = (shape: Shape) =>
  module(
    "Attention",
    { self: SelfAttention(shape), output: Output(shape, shape.width) },
    ({ self, output }, x: Tensor, seen: Tensor) => output(self(x, seen), x),
  );

const Intermediate = (shape: Shape) => {
  const activate = activations[shape.activation];
  return module("Intermediate", { dense: Projection(shape.width, shape.inner, shape.deviation) }, (parts, x: Tensor) =>
    activate(parts.dense(x)),
  );
};

const Block = (shape: Shape) =>
  module(
    "Block",
    { attention: Attention(shape), intermediate: Intermediate(shape), output: Output(shape, shape.inner) },
    ({ attention, intermediate, output }, x: Tensor, seen: Tensor) => {
      const attended = attention(x, seen);
      return output(intermediate(attended), attended);
    },
  );

const Blocks = (shape: Shape) =>
  module("Blocks", { layer: times(shape.layers, () => Block(shape)) }, ({ layer }, x: Tensor, seen: Tensor) =>
    layer.reduce((y, block) => block(y, seen), x),
  );

/** ids, segments [B, T] -> [B, T, C]: the sum of what token, place and segment mean, normalised. */
export const Embeddings = (shape: Shape) => {
  const drop = Dropout(shape.dropout.hidden);
  const table = (rows: number) => Embedding(rows, shape.width, shape.deviation);
  return module(
    "Embeddings",
    {
      word_embeddings: table(shape.vocabulary),
      position_embeddings: table(shape.positions),
      token_type_embeddings: shape.segments > 0 ? table(shape.segments) : undefined,
      LayerNorm: Norm(shape),
    },
    (parts, { ids, segments }: Tokens) => {
      const places = arange(ids.dim(1)).add(shape.first); // [T]
      const placed = parts.word_embeddings(ids).add(parts.position_embeddings(places));
      const kinds = parts.token_type_embeddings?.(segments ?? zeros([1], "i32")); // [B, T, C] or [1, C]
      return drop(parts.LayerNorm(kinds ? placed.add(kinds) : placed));
    },
  );
};

/** Tokens -> hidden states [B, T, C]. */
export const Encoder = (shape: Shape) =>
  module(
    "Encoder",
    { embeddings: Embeddings(shape), encoder: Blocks(shape) },
    ({ embeddings, encoder }, tokens: Tokens) => encoder(embeddings(tokens), meant(tokens)),
  );
