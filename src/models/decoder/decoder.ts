/**
 * The body of Llama and its relatives: blocks that normalise before they compute, positions by rotation.
 *
 * B batch · T tokens · C width · V vocabulary
 */
import { Embedding, KeyValueCache, type LayerCache, module, placesAfter, type Turn, times } from "../../nn/index.ts";
import { arange, type Tensor } from "../../tensor/index.ts";
import type { Piece } from "../heads.ts";
import { SelfAttention } from "./attention.ts";
import { makeMLP, type Routed } from "./mlp.ts";
import { type Rope, ropeTurns } from "./rope.ts";
import type { Shape } from "./shape.ts";

/** What a block gets beside its input. */
interface Around {
  readonly turn: Turn;
  readonly cache: LayerCache | undefined;
  readonly routed: Routed[] | undefined;
}

const Block = (shape: Shape, layer: number) =>
  module(
    "Block",
    {
      input_layernorm: shape.norm(shape.width),
      self_attn: SelfAttention(shape, layer),
      post_attention_layernorm: shape.norm(shape.width),
      mlp: makeMLP(shape),
    },
    (parts, x: Tensor, { turn, cache, routed }: Around) => {
      const attended = x.add(parts.self_attn(parts.input_layernorm(x), turn, cache));
      return attended.add(parts.mlp(parts.post_attention_layernorm(attended), routed));
    },
  );

/** A block that normalises what is added to the stream as well. */
const SandwichBlock = (shape: Shape, layer: number) =>
  module(
    "SandwichBlock",
    {
      input_layernorm: shape.norm(shape.width),
      self_attn: SelfAttention(shape, layer),
      post_attention_layernorm: shape.norm(shape.width),
      pre_feedforward_layernorm: shape.norm(shape.width),
      mlp: makeMLP(shape),
      post_feedforward_layernorm: shape.norm(shape.width),
    },
    (parts, x: Tensor, { turn, cache, routed }: Around) => {
      const { self_attn, mlp } = parts;
      const attended = x.add(parts.post_attention_layernorm(self_attn(parts.input_layernorm(x), turn, cache)));
      return attended.add(parts.post_feedforward_layernorm(mlp(parts.pre_feedforward_layernorm(attended), routed)));
    },
  );

/** Turns of the tokens' places, the same for all blocks with the same rotary positions. */
function turnsOf(ids: Tensor, piece: Piece | undefined): (rope: Rope) => Turn {
  const positions = piece ? placesAfter(piece.past, ids.dim(1)) : arange(ids.dim(1)); // [B, T] or [T]
  const length = piece ? (piece.total ?? piece.past.add(piece.lengths)) : positions.max().add(1); // [B] or []
  const known = new Map<Rope, Turn>();
  return (rope) => {
    const turn = known.get(rope) ?? ropeTurns(rope, positions, length);
    known.set(rope, turn);
    return turn;
  };
}

/** The next piece of a text with what came before, and where layers say where they sent tokens. */
export interface Reading {
  readonly after?: { readonly piece: Piece; readonly cache: KeyValueCache };
  readonly routed?: Routed[] | undefined;
}

/** ids [B, T] -> hidden states [B, T, C]. */
export const Decoder = (shape: Shape) =>
  module(
    "Decoder",
    {
      embed_tokens: Embedding(shape.vocabulary, shape.width, shape.deviation),
      layers: times(shape.layers, (layer) => (shape.normsAfter ? SandwichBlock : Block)(shape, layer)),
      norm: shape.norm(shape.width),
    },
    ({ embed_tokens, layers, norm }, ids: Tensor, { after, routed }: Reading = {}) => {
      const turns = turnsOf(ids, after?.piece);
      const embedded = embed_tokens(ids); // [B, T, C]
      let x = shape.embeddingScale === 1 ? embedded : embedded.mul(shape.embeddingScale);
      for (const [i, block] of layers.entries())
        x = block(x, { turn: turns(shape.rope(i)), cache: after?.cache.layer(i), routed });
      return norm(x);
    },
  );

/** What the blocks keep of a text. */
export const keptOf = ({ layers, keyHeads, headWidth }: Shape) => KeyValueCache.specs(layers, keyHeads, headWidth);
