/** What TypeScript sees of rows.js. */

export interface Filled {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
type Shapes = Readonly<Record<string, readonly number[]>>;

export interface RecurrentSizes {
  readonly B: number;
  readonly T: number;
  readonly I: number;
  readonly H: number;
}
export interface GPTSizes {
  readonly layers: number;
  readonly heads: number;
  readonly C: number;
  readonly T: number;
  readonly B: number;
  readonly V: number;
}

export const threads: number;
export const X: number;
export const Y: number;
export const MLP: { readonly B: number; readonly widths: readonly number[] };
export const CONV: { readonly B: number };
export const VAE: {
  readonly B: number;
  readonly hidden: number;
  readonly latent: number;
  readonly channels: readonly [number, number];
};
export const RECURRENT: RecurrentSizes;
export const CTC: {
  readonly B: number;
  readonly T: number;
  readonly I: number;
  readonly K: number;
  readonly L: number;
};
export const FORWARD: Readonly<Record<"lstm-forward" | "lstm-forward-32", RecurrentSizes>>;
export const GPT: { readonly "gpt-4x128": GPTSizes; readonly "gpt-6x384": GPTSizes };
export const GPT2: { readonly sizes: Omit<GPTSizes, "B">; readonly PROMPT: number; readonly TOKENS: number };
export const ADAMW: Readonly<Record<"rate" | "beta1" | "beta2" | "epsilon" | "decay" | "clip", number>>;

export function uniform(shape: readonly number[], seed: number, scale?: number, shift?: number): Float32Array;
export function integers(shape: readonly number[], seed: number, limit: number): Int32Array;
export function filled(name: string, shape: readonly number[], seed: number): Filled;
export function fill(shapes: Shapes): Record<string, Filled>;
export function parameterCount(shapes: Shapes): number;
export function mlpShapes(): Shapes;
export function convShapes(): Shapes;
export function vaeShapes(): Shapes;
export function recurrentShapes(gates: number, sizes?: RecurrentSizes): Shapes;
export function minimalShapes(gates: number, sizes?: RecurrentSizes): Shapes;
export function ctcShapes(): Shapes;
export function gptShapes(sizes: GPTSizes): Shapes;
export function gpt2Shapes(sizes?: Omit<GPTSizes, "B">): Shapes;

/** What a row gives to the protocol; what it holds besides `step` becomes part of the answer. */
export interface Made {
  /** `prepare` comes before it and is not timed. */
  readonly step: (() => number | Promise<number>) & { readonly prepare?: () => unknown };
  readonly parameters: number;
}
export function serve<Request>(
  rows: Readonly<Record<string, (request: Request) => Made | Promise<Made>>>,
  about: Readonly<Record<string, unknown>>,
): Promise<void>;
