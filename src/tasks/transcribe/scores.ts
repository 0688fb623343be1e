/** Scores of transcripts, and what is reached by those who do not listen. */
import type { Dataset } from "../../data/index.ts";
import { ctcGreedy, type Emissions } from "../../generate/index.ts";
import { characterErrorRate, wordErrorRate } from "../../metrics/index.ts";
import type { Feeds } from "../../runtime/index.ts";
import type { Scores } from "../../train/index.ts";
import { rowOf } from "../batched.ts";
import type { Scorer } from "../task.ts";
import type { Utterance } from "./strings.ts";

/** Which class is which character. */
export class Alphabet {
  readonly characters: readonly string[];
  readonly #classes: ReadonlyMap<string, number>;
  constructor(characters: readonly string[]) {
    this.characters = characters;
    this.#classes = new Map(characters.map((character, i) => [character, i + 1]));
  }
  /** Classes with the one for nothing, 0. */
  get size(): number {
    return this.characters.length + 1;
  }
  /** Classes of a text; characters that are not known cannot be said, and are left out. */
  labels(text: string): Int32Array {
    return Int32Array.from(Array.from(text).flatMap((character) => this.#classes.get(character) ?? []));
  }
  text(labels: readonly number[]): string {
    return labels.map((label) => this.characters[label - 1] ?? "").join("");
  }
}

/** The steps of row `i` of logits [B, T, K] that count. */
export function emissionsOf({ data, shape }: Feeds[string], i: number, steps: number): Emissions {
  const K = shape[2] ?? 1;
  return { data: rowOf({ data, shape, dtype: "f32" }, i).subarray(0, steps * K), shape: [steps, K] };
}

/** What is said of how many transcripts, and what was right. */
class Tally {
  readonly #characters = characterErrorRate().running();
  readonly #words = wordErrorRate().running();
  #right = 0;
  #total = 0;
  add(said: string, transcript: string): void {
    this.#characters.add([said], [transcript]);
    this.#words.add([said], [transcript]);
    this.#right += Number(said.trim() === transcript);
    this.#total++;
  }
  /** Error rates of characters and words over all of them, and the share of transcripts without an error. */
  scores(): Scores {
    return { cer: this.#characters.value, wer: this.#words.value, accuracy: this.#right / this.#total };
  }
}

/** Scores of logits [B, T, K] and losses [B]. */
export function transcriptScorer(alphabet: Alphabet): Scorer<Utterance> {
  const found = new Tally();
  let [loss, letters] = [0, 0];
  return {
    add(examples, { logits, losses }) {
      if (!logits || !losses) throw new Error("internal: a transcription without logits or losses");
      for (const [i, { transcript, features }] of examples.entries()) {
        const { labels } = ctcGreedy(emissionsOf(logits, i, features.frames));
        found.add(alphabet.text(labels).trim(), transcript);
        loss += Number(losses.data[i]);
        letters += Array.from(transcript).length;
      }
    },
    scores: () => ({ loss: loss / letters, ...found.scores() }),
  };
}

/** The transcript that is most frequent in training, and an empty one, whatever is said. */
export function baselines(train: Dataset<Utterance>, test: Dataset<Utterance>): Record<string, Scores> {
  const counts = new Map<string, number>();
  for (let i = 0; i < train.size; i++) {
    const { transcript } = train.at(i);
    counts.set(transcript, (counts.get(transcript) ?? 0) + 1);
  }
  const [frequent = ""] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), ["", 0]);
  return { "most frequent transcript": always(frequent, test), "nothing said": always("", test) };
}

function always(said: string, test: Dataset<Utterance>): Scores {
  const found = new Tally();
  for (let i = 0; i < test.size; i++) found.add(said, test.at(i).transcript);
  return found.scores();
}
