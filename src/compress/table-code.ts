/**
 * Codes of P places with a row of a table each (VQ-VAE). They follow from a picture, so that nothing is drawn and no bits come
 * back. The prior learns while codes are decoded: at place p, row v is as likely as n_pv + c (g_v + ½) / (G + V/2), where
 * n_pv counts rows at that place, g_v at all places and G all of them. Codes are decoded from the last one on, so whoever
 * encodes knows all of them before, and counts each out before it is pushed.
 *
 * P places · V rows of the table
 */
import type { AnsStack } from "./ans.ts";
import { PRECISION } from "./frequencies.ts";
import type { LatentCode } from "./latent.ts";

/** c: how many codes at a place count as much as what is known of all places. */
const BACKGROUND = 8;

class Counts {
  readonly #size: number;
  /** [P, V] */
  readonly #here: Uint32Array;
  /** [V] */
  readonly #everywhere: Uint32Array;
  #all = 0;

  constructor(places: number, size: number) {
    this.#size = size;
    this.#here = new Uint32Array(places * size);
    this.#everywhere = new Uint32Array(size);
  }

  /** Counts row `v` at place `p`, or with -1 counts it out again. */
  add(p: number, v: number, by: 1 | -1): void {
    const at = p * this.#size + v;
    this.#here[at] = (this.#here[at] as number) + by;
    this.#everywhere[v] = (this.#everywhere[v] as number) + by;
    this.#all += by;
  }

  /** Where the numbers of each row begin at place `p`, and 2^p at the end: [V + 1]. */
  starts(p: number): Float64Array {
    const V = this.#size;
    const starts = new Float64Array(V + 1);
    const share = BACKGROUND / (this.#all + V / 2);
    let [below, here] = [0, 0];
    for (let v = 0; v < V; v++) here += this.#here[p * V + v] as number;
    const scale = (2 ** PRECISION - V) / (here + BACKGROUND);
    for (let v = 0; v < V; v++) {
      starts[v] = v + Math.floor(below * scale);
      below += (this.#here[p * V + v] as number) + share * ((this.#everywhere[v] as number) + 0.5);
    }
    starts[V] = 2 ** PRECISION;
    return starts;
  }
}

function pushRow(stack: AnsStack, starts: Float64Array, v: number): void {
  const start = starts[v] as number;
  stack.push(start, (starts[v + 1] as number) - start, PRECISION);
}

function popRow(stack: AnsStack, starts: Float64Array): number {
  const number = stack.peek(PRECISION);
  const v = starts.findLastIndex((start) => start <= number);
  const start = starts[v] as number;
  stack.drop(start, (starts[v + 1] as number) - start, PRECISION);
  return v;
}

/** A row of the encoder is the [P] rows of the table. */
export function tableCode(P: number, V: number): LatentCode {
  const counts = new Counts(P, V);
  return {
    length: P,
    size: V,
    draw: (_stack, row) => Uint32Array.from(row),
    restore: () => undefined,
    foresee(codes) {
      for (const code of codes) for (const [p, v] of code.entries()) counts.add(p, v, 1);
    },
    push(stack, code) {
      for (const [p, v] of code.entries()) {
        counts.add(p, v, -1);
        pushRow(stack, counts.starts(p), v);
      }
    },
    pop(stack) {
      const code = new Uint32Array(P);
      for (let p = P - 1; p >= 0; p--) {
        const v = popRow(stack, counts.starts(p));
        code[p] = v;
        counts.add(p, v, 1);
      }
      return code;
    },
    values: (code) => Float32Array.from(code),
    numbers: (row) => row,
  };
}
