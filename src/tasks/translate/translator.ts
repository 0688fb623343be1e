/** Translations of any sentence by an encoder-decoder. */
import { z } from "zod";
import type { Json } from "../../checkpoint/index.ts";
import { CheckpointError, spelled } from "../../errors.ts";
import { lengthPenalty, perToken, SequenceWriter, type Written } from "../../generate/index.ts";
import type { EncoderDecoderModel } from "../../models/index.ts";
import { alignment } from "../../pictures/index.ts";
import type { RunOptions, Weights } from "../../runtime/index.ts";
import { checked, real, whole } from "../../schema.ts";
import { grouped, InputError, requireWatch, several } from "../batched.ts";
import type { Predictor, Watch } from "../task.ts";
import { requireTokens } from "../vocabulary.ts";
import type { Languages } from "./languages.ts";

export const prediction = z.strictObject({
  beam: whole(1, 1000).default(4).describe("hypotheses of each sentence; 1 takes the likeliest token each time"),
  lengthPenalty: real(0, 10).default(1).describe("how much longer translations are favoured (Wu et al. 2016)"),
  normalize: z.enum(["wu", "mean"]).default("wu").describe("compares by that penalty, or by the mean of log p"),
  maxLength: whole(1, 1e5).optional().describe("tokens of a translation (default: twice the source's, and 10)"),
  batch: whole(1, 4096).default(32).describe("sentences at a time"),
});
type Prediction = z.output<typeof prediction>;

/** What a sentence became. */
export interface Translation {
  readonly text: string;
  readonly translation: string;
  /** log P over what the length penalty says; 0 of nothing. */
  readonly score: number;
  /** Of the translation, without its end. */
  readonly tokens: readonly string[];
  readonly sourceTokens: readonly string[];
  /** How much each token, and then the end, looked at each token of the source; undefined where the model does not say. */
  readonly attention: readonly (readonly number[])[] | undefined;
  /** Whether only the first tokens of a long sentence were read. */
  readonly cut: boolean;
}

const nothing = (text: string): Translation => ({
  text,
  translation: "",
  score: 0,
  tokens: [],
  sourceTokens: [],
  attention: undefined,
  cut: false,
});

/** The sentence of an input: a text, or a record with one. */
function sentenceOf(input: unknown): string {
  const record = typeof input === "object" && input !== null ? (input as Json) : { text: input };
  const text = record.text ?? record.source ?? record.sentence;
  if (typeof text === "string") return text.trim();
  throw new InputError(`sentence: expected a text, or a record with text or source, got ${spelled(input)}`, input);
}

const answers = z.object({ translation: z.string() });

/** A trained encoder-decoder with both its languages. */
export class Translator implements Predictor<unknown, Translation> {
  readonly #languages: Languages;
  readonly #writer: SequenceWriter;
  private constructor(languages: Languages, writer: SequenceWriter) {
    [this.#languages, this.#writer] = [languages, writer];
  }

  /** Throws CheckpointError where the model has fewer tokens than its tokenizers, or none for what begins or ends a target. */
  static async open(languages: Languages, model: EncoderDecoderModel, weights: Weights, run: RunOptions) {
    requireTokens(model.sourceVocabulary, languages.source);
    requireTokens(model.vocabulary, languages.target);
    if (languages.last >= model.vocabulary)
      throw new CheckpointError(
        `config.json: expected decoder_start_token_id and eos_token_id below ${model.vocabulary}, the model's tokens, got ${languages.last}; correct them`,
      );
    return new Translator(languages, await SequenceWriter.create(model, weights, run));
  }

  /** The best translation of each sentence: a string, or a record with `text` or `source`. One without a token stays empty. */
  async *predict(inputs: Iterable<unknown> | AsyncIterable<unknown>, options: Json & Watch = {}) {
    requireWatch(options);
    const { signal, onProgress: _, ...given } = options;
    const chosen = checked(prediction, given, "option");
    for await (const group of grouped(several(inputs), chosen.batch)) {
      signal?.throwIfAborted();
      yield* await this.#together(group.map(sentenceOf), chosen, signal);
    }
  }

  async #together(texts: readonly string[], chosen: Prediction, signal: AbortSignal | undefined) {
    const { start, end, never } = this.#languages.marks;
    const whole = texts.map((text) => (text === "" ? new Int32Array() : this.#languages.ids("source", text)));
    const sources = whole.map((ids) => this.#languages.cut(ids));
    const said = sources.filter((ids) => ids.length > 0);
    const { beam, maxLength } = chosen;
    const found = await this.#writer.write(said, start, {
      ...{ beam, signal, end, suppress: never },
      longest: said.map(({ length }) => maxLength ?? 2 * length + 10),
      normalize: chosen.normalize === "mean" ? perToken : lengthPenalty(chosen.lengthPenalty),
    });
    const results = found.values();
    return texts.map((text, i) => {
      const source = sources[i] ?? new Int32Array();
      const [best] = source.length > 0 ? (results.next().value ?? []) : [];
      return best ? this.#answer(text, source, best, source.length < (whole[i]?.length ?? 0)) : nothing(text);
    });
  }

  #answer(text: string, source: Int32Array, { ids, score, attention }: Written, cut: boolean): Translation {
    const languages = this.#languages;
    return {
      text,
      translation: languages.text(ids),
      score,
      tokens: languages.tokens("target", ids),
      sourceTokens: languages.tokens("source", source),
      attention: attention?.map((row) => Array.from(row, (weight) => Number(weight.toFixed(4)))),
      cut,
    };
  }

  line(answer: Translation): string {
    return checked(answers, answer, "line").translation;
  }

  /** Source tokens across, tokens of the translation down. */
  picture({ translation, sourceTokens, tokens, attention }: Translation): string | undefined {
    return (
      attention &&
      alignment(`what each token of “${translation}” looked at`, sourceTokens, [...tokens, "(end)"], attention)
    );
  }

  release(): Promise<void> {
    return this.#writer.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
