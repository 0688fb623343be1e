/**
 * The body of Llama and its relatives: blocks that normalise before they compute (pre-norm), positions by rotation.
 *
 * B batch · T tokens · C width · V vocabulary
 */
import {
  Embedding,
  KeyValueCache,
  type LayerCache,
  module,
  placesAfter,
  RMSNorm,
  type Turn,
  times,
} from "../../nn/index.ts";
import { arange, type Tensor } from "../../tensor/index.ts";
import type { Piece } from "../heads.ts";
import { SelfAttention } from "./attention.ts";
import { GatedMLP } from "./mlp.ts";
import { type Rope, ropeTurns } from "./rope.ts";
import type { Shape } from "./shape.ts";

const Block = (shape: Shape, layer: number) =>
  module(
    "Block",
    {
      input_layernorm: RMSNorm(shape.width, shape.epsilon),
      self_attn: SelfAttention(shape, layer),
      post_attention_layernorm: RMSNorm(shape.width, shape.epsilon),
      mlp: GatedMLP(shape),
    },
    ({ input_layernorm, self_attn, post_attention_layernorm, mlp }, x: Tensor, turn: Turn, cache?: LayerCache) => {
      const attended = x.add(self_attn(input_layernorm(x), turn, cache));
      return attended.add(mlp(post_attention_layernorm(attended)));
    },
  );

/** Turns of the tokens' places, the same for all blocks with the same rotary positions. */
function turnsOf(ids: Tensor, piece: Piece | undefined): (rope: Rope) => Turn {
  const positions = piece ? placesAfter(piece.past, ids.dim(1)) : arange(ids.dim(1)); // [B, T] or [T]
  const length = piece ? piece.past.add(piece.lengths) : positions.max().add(1); // [B] or []
  const known = new Map<Rope, Turn>();
  return (rope) => {
    const turn = known.get(rope) ?? ropeTurns(rope, positions, length);
    known.set(rope, turn);
    return turn;
  };
}

/** ids [B, T] -> hidden states [B, T, C]; or those of a piece of a text, and what came before it. */
export const Decoder = (shape: Shape) =>
  module(
    "Decoder",
    {
      embed_tokens: Embedding(shape.vocabulary, shape.width, shape.deviation),
      layers: times(shape.layers, (layer) => Block(shape, layer)),
      norm: RMSNorm(shape.width, shape.epsilon),
    },
    ({ embed_tokens, layers, norm }, ids: Tensor, after?: { piece: Piece; cache: KeyValueCache }) => {
      const turns = turnsOf(ids, after?.piece);
      let x = embed_tokens(ids); // [B, T, C]
      for (const [i, block] of layers.entries()) x = block(x, turns(shape.rope(i)), after?.cache.layer(i));
      return norm(x);
    },
  );

/** What the blocks keep of a text. */
export const keptOf = ({ layers, keyHeads, headWidth }: Shape) => KeyValueCache.specs(layers, keyHeads, headWidth);
