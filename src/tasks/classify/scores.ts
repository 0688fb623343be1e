/** Scores of a classifier. K labels */
import { accuracy, confusionMatrix, f1, type Numbers, type Running } from "../../metrics/index.ts";
import { confusion, MOST_LABELS } from "../../pictures/index.ts";
import type { Scores } from "../../train/index.ts";
import { rowOf } from "../batched.ts";
import type { Pictures, Scorer } from "../task.ts";
import type { Labelled } from "./labelled.ts";

/** Probabilities in double precision. */
export function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const top = Math.max(...values);
  const weights = values.map((value) => Math.exp(value - top));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

/** Where the largest number stands; the first of equals. */
export const likeliest = (numbers: readonly number[]): number => numbers.indexOf(Math.max(...numbers));

/** The likeliest of `labels` and how likely it is, and the `top` likeliest with their probabilities. */
export function namedClasses(probabilities: readonly number[], labels: readonly string[], top: number) {
  const order = probabilities.map((_, k) => k).sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0));
  const named = order.slice(0, top).map((k) => [labels[k] ?? "", probabilities[k] ?? 0] as const);
  const [label, probability] = named[0] ?? ["", 0];
  return { label, probability, labels: Object.fromEntries(named) };
}

/** Labels and their probabilities, the likeliest first, with tabs between them. */
export function classesLine(labels: Readonly<Record<string, number>>): string {
  const order = Object.entries(labels).sort(([, a], [, b]) => b - a); // keys that are numbers come first in a record
  return order.map(([name, probability]) => `${name}\t${probability.toFixed(4)}`).join("\t");
}

/** Loss, accuracy and F1 of probabilities, one text after another. */
export class ClassTally {
  /** Of few labels only: it grows with their square. */
  readonly #counts: Running<[Numbers, Numbers], number[][]> | undefined;
  readonly #accuracy = accuracy().running();
  readonly #f1: Running<[Numbers, Numbers]>;
  #loss = 0;
  #total = 0;
  constructor(K: number) {
    this.#f1 = f1({ classes: K }).running();
    this.#counts = K > MOST_LABELS ? undefined : confusionMatrix(K).running();
  }

  add(probabilities: readonly number[], label: number): void {
    const predicted = [likeliest(probabilities)];
    this.#accuracy.add(predicted, [label]);
    this.#f1.add(predicted, [label]);
    this.#counts?.add(predicted, [label]);
    this.#loss -= Math.log(Math.max(probabilities[label] ?? 0, Number.MIN_VALUE));
    this.#total++;
  }

  /** Rows the right labels, columns the predicted ones; undefined of more labels than are drawn. */
  get counts(): number[][] | undefined {
    return this.#counts?.value;
  }

  /** The mean of -log p of the right label in nats, accuracy, and the mean of F1 over all labels. */
  scores(): Scores {
    return { loss: this.#loss / this.#total, accuracy: this.#accuracy.value, f1: this.#f1.value };
  }
}

/** Scores of logits [B, K], and a picture of which labels are taken for which. */
export function classScorer<E extends Pick<Labelled, "label"> = Labelled>(labels: readonly string[]): Scorer<E> {
  const found = new ClassTally(labels.length);
  return {
    add(examples, { logits }) {
      if (!logits) throw new Error("internal: a classifier without logits");
      for (const [i, { label }] of examples.entries()) found.add(softmax(rowOf(logits, i)), label);
    },
    scores: () => found.scores(),
    pictures(): Pictures {
      const { counts } = found;
      const drawn = counts && confusion(labels, counts);
      return drawn ? { confusion: drawn } : {};
    },
  };
}
