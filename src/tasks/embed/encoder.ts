/** A sentence encoder that answers. B texts · C width */
import { z } from "zod";
import type { Json } from "../../checkpoint/index.ts";
import { padded } from "../../data/index.ts";
import { spelled } from "../../errors.ts";
import type { SentenceModel } from "../../models/index.ts";
import { normalize } from "../../nn/index.ts";
import type { Named } from "../../onnx/index.ts";
import type { RunOptions, Weights } from "../../runtime/index.ts";
import { checked, whole } from "../../schema.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { Tokenizer } from "../../tokenizers/index.ts";
import { finite, grouped, InputError, RowProgram, requireWatch, rowOf, several } from "../batched.ts";
import type { Predictor, Tensors, Watch } from "../task.ts";
import { encodeWithin, requireTokens } from "../vocabulary.ts";
import type { Manner } from "./pooling.ts";

export const prediction = z.strictObject({
  batch: whole(1, 65536).default(32).describe("texts at a time"),
});

/** A text and its vector. */
export interface EmbeddedSentence {
  readonly text: string;
  /** [C] */
  readonly code: readonly number[];
}

const answers = z.object({ code: z.array(z.number()) });

/** ids [B, T] and lengths [B] -> vectors [B, C]. */
export function vectors(
  model: SentenceModel,
  { pooling, normalize: unit }: Manner,
  ids: Tensor,
  lengths: Tensor,
): Tensor {
  const { mean, first } = model.forward({ ids, lengths });
  const pooled = pooling === "mean" ? mean : first;
  return unit ? normalize(pooled) : pooled;
}

function textOf(input: unknown): string {
  const record = typeof input === "object" && input !== null ? (input as Json) : { text: input };
  const value = record.text ?? record.sentence ?? Object.values(record)[0];
  if (typeof value === "string") return value;
  throw new InputError(`text: expected a text, or a record with text, got ${spelled(input)}`, input);
}

/** Texts as vectors: those that mean the same are near each other. */
export class SentenceEncoder implements Predictor<unknown, EmbeddedSentence> {
  readonly #tokenizer: Tokenizer;
  readonly #length: number;
  readonly #program: RowProgram;
  private constructor(tokenizer: Tokenizer, length: number, program: RowProgram) {
    [this.#tokenizer, this.#length, this.#program] = [tokenizer, length, program];
  }

  static async open(tokenizer: Tokenizer, manner: Manner, model: SentenceModel, weights: Weights, run: RunOptions) {
    requireTokens(model.vocabulary, tokenizer);
    const outputs = (batch: Named): Named => {
      const { ids, lengths } = batch as Tensors<"ids" | "lengths">;
      return { vector: vectors(model, manner, ids, lengths) };
    };
    const program = await RowProgram.create(model.parts, model.inputs, outputs, { ...run, weights });
    return new SentenceEncoder(tokenizer, Math.min(manner.length, model.context ?? manner.length), program);
  }

  /** A vector for each text: a string, or a record with a text. */
  async *predict(inputs: Iterable<unknown> | AsyncIterable<unknown>, options: Json & Watch = {}) {
    requireWatch(options);
    const { signal, onProgress: _, ...given } = options;
    const { batch } = checked(prediction, given, "option");
    for await (const group of grouped(several(inputs), batch)) {
      signal?.throwIfAborted();
      const texts = group.map(textOf);
      const ids = texts.map((text) => encodeWithin(this.#tokenizer, text, this.#length));
      const { vector } = await this.#program.run(padded(ids, this.#length));
      if (!vector) throw new Error("internal: a sentence encoder without vectors");
      for (const [i, text] of texts.entries())
        yield { text, code: Array.from(finite(rowOf(vector, i), "gives numbers")) } satisfies EmbeddedSentence;
    }
  }

  /** The same. */
  embed(inputs: Iterable<unknown> | AsyncIterable<unknown>, options: Json & Watch = {}) {
    return this.predict(inputs, options);
  }

  /** The numbers with tabs between them. */
  line(answer: EmbeddedSentence): string {
    return checked(answers, answer, "line").code.join("\t");
  }

  release(): Promise<void> {
    return this.#program.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
