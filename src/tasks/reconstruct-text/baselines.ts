/**
 * How well texts are told without a code, by counting: n-grams that give way to shorter ones.
 *
 *   p(w | c) = (n(c w) + t(c) · p(w | c')) / (n(c) + t(c))       Witten & Bell 1991
 *
 * where c' is the context c without its first token, n counts and t(c) is how many different tokens came after c; below
 * the empty context all tokens are as likely as each other.
 */
import type { Dataset } from "../../data/index.ts";
import type { Scores } from "../../train/index.ts";
import type { Watch } from "../task.ts";

/** A text as numbers, and as it was written. */
export interface TextExample {
  readonly ids: Int32Array;
  readonly text: string;
}

/** What came after a context. */
interface After {
  total: number;
  readonly counts: Map<number, number>;
}

/** Counts of every context of up to `order` - 1 tokens. */
export class NGrams {
  readonly #order: number;
  readonly #boundary: number;
  readonly #after = new Map<string, After>();
  /** `boundary` is what texts begin after and end with; ids are below it. */
  constructor(order: number, boundary: number) {
    [this.#order, this.#boundary] = [order, boundary];
  }

  /** A text with what it begins after and its end. */
  #tokens(ids: Int32Array): number[] {
    return [...Array<number>(this.#order - 1).fill(this.#boundary), ...ids, this.#boundary];
  }

  add(ids: Int32Array): void {
    const tokens = this.#tokens(ids);
    for (let at = this.#order - 1; at < tokens.length; at++)
      for (let length = 0; length < this.#order; length++) this.#count(tokens.slice(at - length, at), tokens[at] ?? 0);
  }

  #count(context: readonly number[], token: number): void {
    const key = context.join(" ");
    const found = this.#after.get(key) ?? { total: 0, counts: new Map() };
    found.total++;
    found.counts.set(token, (found.counts.get(token) ?? 0) + 1);
    this.#after.set(key, found);
  }

  #probability(context: readonly number[], token: number, length: number): number {
    if (length < 0) return 1 / (this.#boundary + 1);
    const shorter = this.#probability(context, token, length - 1);
    const found = this.#after.get(context.slice(context.length - length).join(" "));
    if (!found) return shorter;
    const { total, counts } = found;
    return ((counts.get(token) ?? 0) + counts.size * shorter) / (total + counts.size);
  }

  /** -log p of a text and its end, in nats. */
  nats(ids: Int32Array): number {
    const tokens = this.#tokens(ids);
    let sum = 0;
    for (let at = this.#order - 1; at < tokens.length; at++) {
      const context = tokens.slice(at - this.#order + 1, at);
      sum -= Math.log(this.#probability(context, tokens[at] ?? 0, this.#order - 1));
    }
    return sum;
  }
}

/** Tokens of a context and the one after it. */
const ORDERS = { "token frequencies": 1, "pairs of tokens": 2, "four tokens": 4 } as const;

/** Tokens that are counted at most, so that their contexts fit into memory. */
const MOST = 1_000_000;

const sizeOf = ({ ids }: TextExample): number => ids.length + 1;

/** Every n-th example of `data`, so that they have at most `most` tokens or so. */
export function* sparsely(data: Dataset<TextExample>, most: number, { signal }: Watch): Generator<TextExample> {
  let tokens = 0;
  for (let i = 0; i < data.size; i++) tokens += sizeOf(data.at(i));
  const stride = Math.max(1, Math.ceil(tokens / most));
  for (let i = 0; i < data.size; i += stride) {
    signal?.throwIfAborted();
    yield data.at(i);
  }
}

/** What n-grams of a few orders give; their log p is no bound, but comparable with one. */
export function countedBaselines(
  train: Dataset<TextExample>,
  test: Dataset<TextExample>,
  boundary: number,
  watch: Watch,
): Readonly<Record<string, Scores>> {
  const scored = Object.entries(ORDERS).map(([name, order]) => {
    const counted = new NGrams(order, boundary);
    for (const { ids } of sparsely(train, MOST, watch)) counted.add(ids);
    let [nats, tokens] = [0, 0];
    for (const example of sparsely(test, Number.POSITIVE_INFINITY, watch)) {
      nats += counted.nats(example.ids);
      tokens += sizeOf(example);
    }
    const each = nats / test.size;
    return [name, { elbo: -each, nll: each, perplexity: Math.exp(nats / tokens) }] as const;
  });
  return Object.fromEntries(scored);
}
