/**
 * Transformers that read a source and write a target, as the head that tasks ask for.
 *
 * B batch · S tokens of the source · T of the target · C width · H heads · D width of a head · V vocabulary
 */
import { arange, type Tensor } from "../../tensor/index.ts";
import { guardedEncoderDecoder } from "../guarded.ts";
import { type Carried, type EncoderDecoderModel, encoderDecoderInputs } from "../heads.ts";
import { type Kept, type Pair, Past } from "./past.ts";

/** What the decoder reads of a source. */
export interface Memory {
  /** Keys and values for each of its layers: [B, H, S, D]. */
  readonly pairs: readonly Pair[];
  /** True where a token of the source is meant: bool [B, S]. */
  readonly seen: Tensor;
}

/** What an architecture computes. */
export interface Body {
  readonly parts: object;
  readonly sourceVocabulary: number;
  /** V. */
  readonly vocabulary: number;
  readonly kept: Kept;
  /** source [B, S] and where it is meant [B, S] -> what the decoder's layers look at. */
  encode(source: Tensor, seen: Tensor): readonly Pair[];
  /** target [B, T], all of it or the next token after `past` -> logits [B, T, V]. */
  decode(target: Tensor, memory: Memory, past?: Past): Tensor;
}

/** True where a token is meant: ids or anything else of S tokens, of which lengths [B] are meant -> bool [B, S]. */
const meant = (S: Tensor["shape"][number] | undefined, lengths: Tensor): Tensor =>
  arange(S ?? 0).less(lengths.unsqueeze(1));

/** Keys and values by name, and how long the sources are. */
const toRecord = (pairs: readonly Pair[], lengths: Tensor): Carried => ({
  ...Object.fromEntries(
    pairs.flatMap(([keys, values], i) => [
      [`key.${i}`, keys],
      [`value.${i}`, values],
    ]),
  ),
  lengths,
});

function fromRecord({ lengths, ...memory }: Carried, { layers }: Kept): Memory {
  const pairs = Array.from({ length: layers }, (_, i) => [memory[`key.${i}`], memory[`value.${i}`]] as unknown as Pair);
  return { pairs, seen: meant(pairs[0]?.[0].dim(2), lengths as Tensor) };
}

/** The model of a body. */
export function transformer({ kept, encode, decode, ...rest }: Body): EncoderDecoderModel {
  const { heads: H, headWidth: D } = kept;
  const memorySpecs = Object.entries(Past.specs(kept)).map(([name, { dtype }]) => [
    name,
    { shape: ["B", H, "S", D], dtype },
  ]);
  return guardedEncoderDecoder({
    ...rest,
    inputs: encoderDecoderInputs,
    forward({ source, sourceLengths, target }) {
      const seen = meant(source.dim(1), sourceLengths);
      return { logits: decode(target, { pairs: encode(source, seen), seen }) };
    },
    memory: { ...Object.fromEntries(memorySpecs), lengths: { shape: ["B"], dtype: "i32" } },
    carried: Past.specs(kept),
    encode(source, lengths) {
      const pairs = encode(source, meant(source.dim(1), lengths));
      return { memory: toRecord(pairs, lengths), carried: Past.none(kept, source) };
    },
    step(ids, memory, carried) {
      const past = new Past(carried);
      const logits = decode(ids.unsqueeze(1), fromRecord(memory, kept), past).squeeze(1);
      return { logits, carried: past.next };
    },
  });
}
