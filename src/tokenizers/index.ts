/** Text -> ids and back. */
export { type BpeModel, bpeTokenizer } from "./bpe.ts";
export { type BpeTraining, trainBpe } from "./bpe-train.ts";
export { charTokenizer, trainChar } from "./char.ts";
export { type Decoder, decoderOf } from "./decoder.ts";
export { readTokenizer } from "./read.ts";
export type { Tokenizer } from "./tokenizer.ts";
export { rankedWords, trainWords, UNKNOWN, wordsIn, wordTokenizer } from "./word-level.ts";
export { wordPieceJson, wordPieceVocabulary } from "./word-piece.ts";
