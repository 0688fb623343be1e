/** Scores of a tagger: entities as conlleval counts them. K tags */
import { type Dataset, legalScores } from "../../data/index.ts";
import { type Entity, entitiesOf } from "../../metrics/entities.ts";
import { accuracy, type EntityScores, entityScores } from "../../metrics/index.ts";
import { type ChainScores, viterbi } from "../../nn/index.ts";
import { bars, confusion } from "../../pictures/index.ts";
import type { Feeds, HostTensor } from "../../runtime/index.ts";
import type { Scores } from "../../train/index.ts";
import { rowOf } from "../batched.ts";
import type { Pictures, Scorer } from "../task.ts";
import type { Sentence } from "./words.ts";

/** Tags by number, and which may follow which. */
export class TagSet {
  readonly labels: readonly string[];
  readonly #legal: ChainScores;
  readonly #numbers: ReadonlyMap<string, number>;
  constructor(scheme: "BIO" | "BIOES", labels: readonly string[]) {
    this.labels = labels;
    this.#legal = legalScores(scheme, labels);
    this.#numbers = new Map(labels.map((label, i) => [label, i]));
  }
  number(label: string): number | undefined {
    return this.#numbers.get(label);
  }
  names(tags: ArrayLike<number>): string[] {
    return Array.from(tags, (tag) => this.labels[tag] ?? "O");
  }

  /** The legal tags that score highest for a sentence of n words: logits [T, K], and what the CRF's scores add. */
  best(logits: Float32Array, n: number, measured: Feeds): Int32Array {
    const sum = (name: string, legal: ArrayLike<number>): Float64Array => {
      const own = measured[name];
      return Float64Array.from(legal, (score, i) => score + Number(own?.data[i] ?? 0));
    };
    const { transitions, start, end } = this.#legal;
    return viterbi(logits.subarray(0, n * this.labels.length), {
      transitions: sum("transitions", transitions),
      start: sum("start_transitions", start),
      end: sum("end_transitions", end),
    });
  }
}

const spanOf = ({ start, end }: Entity): string => `${start} ${end}`;
/** What a span is taken for that is no entity. */
const NONE = "(none)";

/** Which types were taken for which, of entities with the same words; rows the right ones. */
class TypeConfusion {
  readonly #types: string[];
  readonly #counts: number[][];
  constructor(labels: readonly string[]) {
    this.#types = [...new Set(labels.flatMap((label) => (label === "O" ? [] : [label.slice(2)]))), NONE];
    this.#counts = this.#types.map(() => this.#types.map(() => 0));
  }
  #count(right: string, predicted: string): void {
    const row = this.#counts[this.#types.indexOf(right)] ?? [];
    const at = this.#types.indexOf(predicted);
    row[at] = (row[at] ?? 0) + 1;
  }
  add(right: readonly Entity[], predicted: readonly Entity[]): void {
    const found = new Map(predicted.map((entity) => [spanOf(entity), entity.type]));
    const spans = new Set(right.map(spanOf));
    for (const entity of right) this.#count(entity.type, found.get(spanOf(entity)) ?? NONE);
    for (const entity of predicted) if (!spans.has(spanOf(entity))) this.#count(NONE, entity.type);
  }
  draw(): string | undefined {
    return confusion(this.#types, this.#counts);
  }
}

/** Counts over sentences, one after another. */
class TagTally {
  readonly #set: TagSet;
  readonly #entities = entityScores().running();
  readonly #accuracy = accuracy().running();
  readonly #confusion: TypeConfusion;
  constructor(set: TagSet) {
    this.#set = set;
    this.#confusion = new TypeConfusion(set.labels);
  }
  add(predicted: Int32Array, right: Int32Array): void {
    const [found, gold] = [this.#set.names(predicted), this.#set.names(right)];
    this.#entities.add([found], [gold]);
    this.#accuracy.add(predicted, right);
    this.#confusion.add(entitiesOf(gold), entitiesOf(found));
  }
  get entities(): EntityScores {
    return this.#entities.value;
  }
  scores(): Scores {
    const { precision, recall, f1 } = this.entities;
    return { f1, precision, recall, accuracy: this.#accuracy.value };
  }
  pictures(): Pictures {
    const types = Object.entries(this.entities.types);
    const rows = types.map(([type, { f1, support }]) => ({
      name: type,
      value: f1,
      note: support === 1 ? "1 entity" : `${support} entities`,
    }));
    const [confused, drawn] = [this.#confusion.draw(), bars("F1 of entities by type", rows)];
    return { ...(confused && { confusion: confused }), ...(drawn && { types: drawn }) };
  }
}

const required = (measured: Feeds, name: string): HostTensor => {
  const found = measured[name];
  if (!found) throw new Error(`internal: a tagger without ${name}`);
  return found;
};

/** Scores of logits [B, T, K] and losses [B]: of the best legal tags, and nats a word. */
export function tagScorer(set: TagSet): Scorer<Sentence> {
  const tally = new TagTally(set);
  let [loss, words] = [0, 0];
  return {
    add(examples, measured) {
      const [logits, losses] = [required(measured, "logits"), required(measured, "losses")];
      for (const [i, { tags }] of examples.entries()) {
        tally.add(set.best(rowOf(logits, i), tags.length, measured), tags);
        loss += Number(losses.data[i]);
        words += tags.length;
      }
    },
    scores: () => ({ loss: loss / words, ...tally.scores() }),
    pictures: () => tally.pictures(),
  };
}

/** Every word gets the tag that it has most often in training, the first of equals; a word that was not there gets O. */
export function mostFrequentTags(train: Dataset<Sentence>, test: Dataset<Sentence>, set: TagSet): Scores {
  const counts = new Map<string, number[]>();
  for (let i = 0; i < train.size; i++) {
    const { words, tags } = train.at(i);
    for (const [t, word] of words.entries()) {
      const row = counts.get(word) ?? set.labels.map(() => 0);
      counts.set(word, row);
      row[tags[t] ?? 0] = (row[tags[t] ?? 0] ?? 0) + 1;
    }
  }
  const best = new Map([...counts].map(([word, row]) => [word, row.indexOf(Math.max(...row))]));
  const tally = new TagTally(set);
  for (let i = 0; i < test.size; i++) {
    const { words, tags } = test.at(i);
    tally.add(
      Int32Array.from(words, (word) => best.get(word) ?? 0),
      tags,
    );
  }
  return tally.scores();
}
