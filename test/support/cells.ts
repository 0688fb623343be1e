/** The formulas of recurrent cells as loops over numbers in double precision, one row of a batch at a time. */

/** A matrix as its rows, or a vector. */
export type Matrix = readonly (readonly number[])[];
type Vector = readonly number[];

export interface CellWeights {
  readonly weight_ih: Matrix;
  readonly weight_hh: Matrix;
  readonly bias_ih: Vector;
  readonly bias_hh: Vector;
}

export interface CellForm {
  readonly recurrentActivation?: "sigmoid" | "hard-sigmoid";
  readonly forgetBias?: number;
  readonly reset?: "after" | "before";
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const activations = { sigmoid: logistic, "hard-sigmoid": (x: number) => Math.min(Math.max(0.2 * x + 0.5, 0), 1) };
const times = (W: Matrix, v: Vector): number[] => W.map((row) => row.reduce((sum, w, i) => sum + w * (v[i] ?? 0), 0));
const plus = (a: Vector, b: Vector): number[] => a.map((x, i) => x + (b[i] ?? 0));
/** The k-th of the gates that stand one after the other in `rows`. */
const gate = <T>(rows: readonly T[], k: number, H: number): readonly T[] => rows.slice(k * H, (k + 1) * H);

/** i, f, o = σ(W x + U h + b), g = tanh(..), c' = f c + i g, h' = o tanh(c'). Returns [h', c']. */
export function lstmNumbers(
  form: CellForm,
  weights: CellWeights,
  h: Vector,
  c: Vector,
  x: Vector,
): [number[], number[]] {
  const { weight_ih, weight_hh, bias_ih, bias_hh } = weights;
  const σ = activations[form.recurrentActivation ?? "sigmoid"];
  const H = c.length;
  const sums = plus(plus(times(weight_ih, x), bias_ih), plus(times(weight_hh, h), bias_hh));
  const [i = [], f = [], g = [], o = []] = [0, 1, 2, 3].map((k) => gate(sums, k, H));
  const at = (v: Vector, k: number) => v[k] ?? 0;
  const next = c.map((past, k) => σ(at(f, k) + (form.forgetBias ?? 0)) * past + σ(at(i, k)) * Math.tanh(at(g, k)));
  return [next.map((value, k) => σ(at(o, k)) * Math.tanh(value)), next];
}

/** r, z = σ(W x + U h + b), n = tanh(W x + b + r (U h + b')) or tanh(W x + b + U (r h) + b'), h' = (1 - z) n + z h. */
export function gruNumbers(form: CellForm, weights: CellWeights, h: Vector, x: Vector): number[] {
  const { weight_ih, weight_hh, bias_ih, bias_hh } = weights;
  const σ = activations[form.recurrentActivation ?? "sigmoid"];
  const H = h.length;
  const fromX = plus(times(weight_ih, x), bias_ih);
  const fromH = plus(times(weight_hh, h), bias_hh);
  const [r = [], z = []] = [0, 1].map((k) => plus(gate(fromX, k, H), gate(fromH, k, H)).map(σ));
  const seen = h.map((value, k) => (r[k] ?? 0) * value);
  const late = gate(fromH, 2, H).map((value, k) => (r[k] ?? 0) * value);
  const early = plus(times(gate(weight_hh, 2, H) as Matrix, seen), gate(bias_hh, 2, H));
  const n = plus(gate(fromX, 2, H), form.reset === "before" ? early : late).map(Math.tanh);
  return h.map((value, k) => (1 - (z[k] ?? 0)) * (n[k] ?? 0) + (z[k] ?? 0) * value);
}
