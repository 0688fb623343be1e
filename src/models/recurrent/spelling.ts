/**
 * How words are spelled: a convolution over the characters of each and the largest value of each channel
 * (Ma & Hovy 2016, arXiv 1603.01354), and beside it the shape of the word.
 *
 * B texts · T words · C characters · E width of a character · F channels
 */
import { Conv1d, Embedding } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { SHAPES, type Spelled } from "../heads.ts";
import { characterCount } from "../sizes.ts";
import type { RecurrentConfig } from "./config.ts";

const CHARACTER_DEVIATION = 0.5;
/** Characters that a channel looks at together. */
const KERNEL = 3;
const CHANNELS = 50;

/** How words are spelled -> vectors beside those of the words [B, T, width]. */
export interface Spelling {
  readonly parts: Readonly<Record<string, object>>;
  readonly width: number;
  /** How many characters are told apart. */
  readonly count: number;
  read(inputs: Spelled): readonly Tensor[];
}

/** Undefined where a configuration reads words alone. */
export function spellingOf(config: RecurrentConfig): Spelling | undefined {
  const { char_embedding_dim: E = 0, char_channels: F = CHANNELS } = config;
  if (E === 0) return undefined;
  const count = characterCount(config);
  const [char_embedding, char_conv] = [
    Embedding(count, E, CHARACTER_DEVIATION),
    Conv1d(E, F, KERNEL, { padding: "same" }),
  ];
  const vectors = (characters: Tensor): Tensor => {
    const [B, T] = characters.shape;
    const ids = characters.rearrange("b t c -> (b t) c");
    const seen = ids.greater(0).unsqueeze(1); // [B·T, 1, C]
    const xs = seen.where(char_embedding(ids).rearrange("n c e -> n e c"), 0);
    return seen
      .where(char_conv(xs).relu(), 0)
      .max(2)
      .reshape([B ?? 0, T ?? 0, F]);
  };
  return {
    parts: { char_embedding, char_conv },
    width: F + SHAPES,
    count,
    read: ({ characters, shapes }) => (characters && shapes ? [vectors(characters), shapes.oneHot(SHAPES)] : []),
  };
}
