/** Scores of translations: what the model thinks of the right ones, and BLEU of its own. */
import type { Dataset } from "../../data/index.ts";
import { bleu } from "../../metrics/index.ts";
import { type Bar, bars } from "../../pictures/index.ts";
import type { Scores } from "../../train/index.ts";
import type { Measured, Scorer, Watch } from "../task.ts";
import type { Translator } from "./translator.ts";

/** A pair as numbers, and as it was written. */
export interface TranslationExample {
  readonly source: Int32Array;
  readonly target: Int32Array;
  readonly text: string;
  readonly reference: string;
}

/** -log p of the right translations in nats per token, their ends counted, and its exponential. */
export function lossScorer(): Scorer<TranslationExample> {
  let [sum, count] = [0, 0];
  return {
    add(examples, { losses }) {
      for (const [b, { target }] of examples.entries()) {
        sum += Number(losses?.data[b]);
        count += target.length + 1;
      }
    },
    scores: () => ({ loss: sum / count, perplexity: Math.exp(sum / count) }),
  };
}

/** Words of a source: groups of sentences end with these numbers of them. */
const GROUPS = [5, 10, 15, 20, 30, 40, 60];

const wordsOf = (text: string): number => text.split(/\s+/).length;

/** BLEU of all, and drawn by the number of words of the source. */
function measured(
  examples: readonly TranslationExample[],
  translations: readonly string[],
  lowercase: boolean,
): Measured {
  const score = bleu({ lowercase });
  const of = (indices: readonly number[]) =>
    score.of(
      indices.map((i) => translations[i] ?? ""),
      indices.map((i) => examples[i]?.reference ?? ""),
    );
  const all = examples.map((_, i) => i);
  const drawn = [...GROUPS, Number.POSITIVE_INFINITY].flatMap((most, g): Bar[] => {
    const least = (GROUPS[g - 1] ?? 0) + 1;
    const indices = all.filter((i) => {
      const words = wordsOf(examples[i]?.text ?? "");
      return words >= least && words <= most;
    });
    const name = Number.isFinite(most) ? `${least}-${most}` : `${least} on`;
    return indices.length > 0 ? [{ name, value: of(indices) / 100, note: `n = ${indices.length}` }] : [];
  });
  const picture = bars("BLEU/100 by the number of words of the source", drawn);
  return { scores: { bleu: of(all) }, pictures: picture ? { "bleu-by-length": picture } : {} };
}

const listed = (data: Dataset<TranslationExample>): TranslationExample[] =>
  Array.from({ length: data.size }, (_, i) => data.at(i));

/** BLEU of greedy translations. Sentences of like length are translated side by side. */
export async function judge(
  translator: Translator,
  data: Dataset<TranslationExample>,
  lowercase: boolean,
  { signal }: Watch,
): Promise<Measured> {
  const examples = listed(data).sort((a, b) => a.source.length - b.source.length);
  const translations: string[] = [];
  const inputs = examples.map(({ text }) => text);
  for await (const { translation } of translator.predict(inputs, { beam: 1, batch: 64, signal }))
    translations.push(translation);
  return measured(examples, translations, lowercase);
}

/** BLEU of the source as its own translation. */
export function copied(data: Dataset<TranslationExample>, lowercase: boolean): Scores {
  const examples = listed(data);
  return measured(
    examples,
    examples.map(({ text }) => text),
    lowercase,
  ).scores;
}
