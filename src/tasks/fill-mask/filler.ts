/** A model of masked words that answers. B texts · T tokens · V vocabulary */
import { z } from "zod";
import type { Json } from "../../checkpoint/index.ts";
import { padded } from "../../data/index.ts";
import { spelled } from "../../errors.ts";
import type { MaskedModel } from "../../models/index.ts";
import type { Named } from "../../onnx/index.ts";
import type { RunOptions, Weights } from "../../runtime/index.ts";
import { checked, whole } from "../../schema.ts";
import type { Tokenizer } from "../../tokenizers/index.ts";
import { finite, grouped, InputError, RowProgram, requireWatch, rowOf, several } from "../batched.ts";
import { softmax } from "../classify/scores.ts";
import type { Predictor, Tensors, Watch } from "../task.ts";
import { encodeWithin, requireTokens } from "../vocabulary.ts";
import { type Mask, spelledAs } from "./masks.ts";

export const prediction = z.strictObject({
  top: whole(1, 1000).default(5).describe("tokens to name for each mask, likeliest first"),
  batch: whole(1, 65536).default(8).describe("texts at a time"),
});

/** A token for a mask. */
export interface Filling {
  /** As text, without the spaces around it. */
  readonly token: string;
  readonly id: number;
  /** From 0 to 1. */
  readonly probability: number;
  /** The whole text with it in the mask's place, other masks left as they are. */
  readonly text: string;
}

/** A text and, for each of its masks, the likeliest tokens. */
export interface Filled {
  readonly text: string;
  readonly masks: readonly (readonly Filling[])[];
}

const answers = z.object({ masks: z.array(z.array(z.object({ token: z.string(), probability: z.number() }))) });

/** Fills the gaps of texts. */
export class MaskFiller implements Predictor<unknown, Filled> {
  readonly #tokenizer: Tokenizer;
  readonly #mask: Mask;
  readonly #length: number;
  readonly #program: RowProgram;
  private constructor(tokenizer: Tokenizer, mask: Mask, length: number, program: RowProgram) {
    [this.#tokenizer, this.#mask, this.#length, this.#program] = [tokenizer, mask, length, program];
  }

  static async open(
    { tokenizer, mask, length }: { tokenizer: Tokenizer; mask: Mask; length: number },
    model: MaskedModel,
    weights: Weights,
    run: RunOptions,
  ) {
    requireTokens(model.vocabulary, tokenizer);
    const outputs = (batch: Named): Named => model.forward(batch as Tensors<"ids" | "lengths">);
    const program = await RowProgram.create(model.parts, model.inputs, outputs, { ...run, weights });
    return new MaskFiller(tokenizer, mask, Math.min(model.context ?? length, length), program);
  }

  /** Texts with [MASK] or <mask> in them, or records { text }. Throws DataError for one without. */
  async *predict(inputs: Iterable<unknown> | AsyncIterable<unknown>, options: Json & Watch = {}) {
    requireWatch(options);
    const { signal, onProgress: _, ...given } = options;
    const { top, batch } = checked(prediction, given, "option");
    for await (const group of grouped(several(inputs), batch)) {
      signal?.throwIfAborted();
      const texts = group.map((input) => this.#text(input));
      const rows = texts.map((text, i) => this.#ids(text, group[i]));
      const { logits } = await this.#program.run(padded(rows, this.#length));
      if (!logits) throw new Error("internal: a model of masked words without logits");
      const V = logits.shape[2] ?? 0;
      for (const [i, text] of texts.entries())
        yield this.#answer(text, rows[i] ?? new Int32Array(), { logits: rowOf(logits, i), V, top });
    }
  }

  #text(input: unknown): string {
    const record = typeof input === "object" && input !== null ? (input as Json) : { text: input };
    if (typeof record.text === "string") return spelledAs(this.#mask, record.text);
    throw new InputError(`text: expected a text, or a record with text, got ${spelled(input)}`, input);
  }

  #ids(text: string, input: unknown): Int32Array {
    const ids = encodeWithin(this.#tokenizer, text, this.#length);
    if (ids.includes(this.#mask.id)) return ids;
    const where = text.includes(this.#mask.token) ? ` in the first ${this.#length} tokens` : "";
    throw new InputError(
      `text: expected ${this.#mask.token}${where} for the word to be found, got ${JSON.stringify(text.slice(0, 80))}`,
      input,
    );
  }

  #answer(text: string, ids: Int32Array, given: { logits: Float32Array; V: number; top: number }): Filled {
    const { logits, V, top } = given;
    const parts = text.split(this.#mask.token);
    const places = Array.from(ids.keys()).filter((t) => ids[t] === this.#mask.id);
    const masks = places.map((t, m) => {
      const probabilities = softmax(finite(logits.subarray(t * V, (t + 1) * V))).slice(0, this.#tokenizer.vocabSize);
      const order = probabilities.map((_, id) => id).sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0));
      return order.slice(0, top).map((id): Filling => {
        const token = this.#tokenizer.decode([id]).trim();
        const before = parts.slice(0, m + 1).join(this.#mask.token);
        const after = parts.slice(m + 1).join(this.#mask.token);
        return { token, id, probability: probabilities[id] ?? 0, text: before + token + after };
      });
    });
    return { text, masks };
  }

  /** The tokens of each mask with their probabilities; between masks a bar. */
  line(answer: Filled): string {
    const { masks } = checked(answers, answer, "line");
    const told = masks.map((of) =>
      of.map(({ token, probability }) => `${token}\t${probability.toFixed(4)}`).join("\t"),
    );
    return told.join("\t|\t");
  }

  release(): Promise<void> {
    return this.#program.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
