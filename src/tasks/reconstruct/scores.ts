/** Scores of an autoencoder: means over pictures, in nats. L code · P places · V rows of a codebook */
import type { Json } from "../../checkpoint/index.ts";
import type { Feeds, HostTensor } from "../../runtime/index.ts";
import type { Scores } from "../../train/index.ts";
import { rowOf } from "../batched.ts";
import type { Scorer } from "../task.ts";
import type { Options } from "./options.ts";

/** A dimension is active where the variance of its mean over pictures is larger. Burda et al. 2016. */
const ACTIVE = 0.01;

const sum = (values: ArrayLike<number>): number => Array.prototype.reduce.call(values, (a, b) => a + b, 0) as number;

/** Sums over pictures of every number that is measured, by name. */
class Sums {
  readonly #sums = new Map<string, Float64Array>();
  add(name: string, values: ArrayLike<number>): void {
    const sums = this.#sums.get(name) ?? new Float64Array(values.length);
    for (let i = 0; i < values.length; i++) sums[i] = (sums[i] ?? 0) + (values[i] ?? 0);
    this.#sums.set(name, sums);
  }
  has(name: string): boolean {
    return this.#sums.has(name);
  }
  /** Means over `count` pictures. */
  means(name: string, count: number): number[] {
    return Array.from(this.#sums.get(name) ?? [], (value) => value / count);
  }
  get names(): string[] {
    return [...this.#sums.keys()];
  }
}

/** How often each row of a codebook stands at each place: [P, V], no more rows than are used. */
class Uses {
  readonly counts: number[][] = [];
  add(ids: ArrayLike<number>): void {
    for (let p = 0; p < ids.length; p++) {
      const [id, row] = [ids[p] ?? 0, this.counts[p] ?? []];
      for (let v = row.length; v <= id; v++) row.push(0);
      row[id] = (row[id] ?? 0) + 1;
      this.counts[p] = row;
    }
  }
  /** e^entropy of rows wherever they stand. */
  get perplexity(): number {
    const all = new Sums();
    const most = Math.max(...this.counts.map(({ length }) => length));
    for (const row of this.counts)
      all.add(
        "row",
        Array.from({ length: most }, (_, v) => row[v] ?? 0),
      );
    const counts = all.means("row", 1);
    const total = sum(counts);
    return Math.exp(-sum(counts.map((n) => (n > 0 ? (n / total) * Math.log(n / total) : 0))));
  }
}

/** What of the options says how the rate counts. */
type Weighing = Pick<Options, "objective" | "beta" | "capacity" | "freeBits">;

/** The rate that counts in the end, from the means of the KL of each dimension. */
function weighedRate(kl: readonly number[], { objective, beta, capacity, freeBits }: Weighing): number {
  if (objective !== "elbo") return sum(kl);
  if (capacity !== undefined) return beta * Math.abs(sum(kl) - capacity);
  return beta * sum(kl.map((nats) => Math.max(freeBits, nats)));
}

class ImageScorer implements Scorer<unknown> {
  readonly #options: Weighing;
  readonly #sums = new Sums();
  readonly #uses = new Uses();
  #count = 0;
  constructor(options: Weighing) {
    this.#options = options;
  }

  add(examples: readonly unknown[], measured: Feeds): void {
    for (const i of examples.keys()) {
      for (const [name, tensor] of Object.entries(measured)) this.#addRow(name, tensor, i);
      this.#count++;
    }
  }

  #addRow(name: string, tensor: HostTensor, i: number): void {
    const row = rowOf(tensor, i);
    if (name === "ids") this.#uses.add(row);
    else this.#sums.add(name, row);
    if (name === "mean")
      this.#sums.add(
        "square",
        Float64Array.from(row, (value) => value * value),
      );
  }

  #mean(name: string): number {
    return sum(this.#sums.means(name, this.#count));
  }

  /** What is made small, with the weights of the last step. */
  #loss(reconstruction: number): number {
    if (this.#sums.has("bound")) return -this.#mean("bound");
    const terms = this.#sums.names.filter((name) => name.startsWith("term."));
    const kl = this.#sums.means("kl", this.#count);
    return reconstruction + weighedRate(kl, this.#options) + sum(terms.map((name) => this.#mean(name)));
  }

  /** Dimensions that say something of pictures. */
  #active(): number {
    const squares = this.#sums.means("square", this.#count);
    const means = this.#sums.means("mean", this.#count);
    return means.filter((mean, l) => (squares[l] ?? 0) - mean * mean > ACTIVE).length;
  }

  scores(): Scores {
    const reconstruction = this.#mean("reconstruction");
    const cost = ["kl", "rate"].find((name) => this.#sums.has(name));
    const rate = cost === undefined ? 0 : this.#mean(cost);
    return {
      loss: this.#loss(reconstruction),
      ...(cost !== undefined && { elbo: -reconstruction - rate }),
      reconstruction,
      ...(cost !== undefined && { [cost]: rate }),
      ...(this.#sums.has("bits") && { bits: this.#mean("bits") }),
      active: this.#active(),
      ...(this.#uses.counts.length > 0 && { perplexity: this.#uses.perplexity }),
    };
  }

  /** Of a codebook, how often each row stands at each place, which samples are drawn by. */
  calibration(): Json | undefined {
    return this.#uses.counts.length > 0 ? { counts: this.#uses.counts } : undefined;
  }
}

/** Scores of what `measuredOf` gives. */
export const imageScorer = (options: Weighing): Scorer<unknown> => new ImageScorer(options);
