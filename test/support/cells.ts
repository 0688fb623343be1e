/**
 * Recurrent layers as loops over numbers in double precision, written from the formulas of the papers, one row of a batch
 * and one step at a time.
 */
type Row = readonly number[];
/** A matrix as its rows, or a vector. */
export type Weight = Row | readonly Row[];
export type Weights = Readonly<Record<string, Weight>>;
export type CellName = "RNN" | "LSTM" | "GRU";

export interface CellForm {
  readonly nonlinearity?: "tanh" | "relu";
  readonly recurrentActivation?: "sigmoid" | "hard-sigmoid";
  readonly forgetBias?: number;
  readonly reset?: "after" | "before";
  readonly peepholes?: boolean;
  readonly projection?: number;
  readonly layerNorm?: boolean;
  readonly bias?: boolean;
}

export interface LayerForm extends CellForm {
  readonly layers?: number;
  readonly bidirectional?: boolean;
  readonly merge?: "concat" | "sum" | "mul" | "average";
  readonly dropout?: number;
  readonly inputDropout?: number;
  readonly recurrentDropout?: number;
  readonly dropoutMask?: "sequence" | "step";
  readonly zoneout?: number;
  readonly cellZoneout?: number;
}

/** h, and c of an LSTM. */
export interface RowState {
  readonly h: Row;
  readonly c: Row;
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const activations = { sigmoid: logistic, "hard-sigmoid": (x: number) => Math.min(Math.max(0.2 * x + 0.5, 0), 1) };
const at = (row: Row | undefined, i: number): number => row?.[i] ?? 0;
const times = (W: readonly Row[], v: Row): Row => W.map((row) => row.reduce((sum, w, i) => sum + w * at(v, i), 0));
const plus = (a: Row, b: Row | undefined): Row => a.map((x, i) => x + at(b, i));
const mul = (a: Row, b: Row): Row => a.map((x, i) => x * at(b, i));
const part = <T>(rows: readonly T[], from: number, to: number): readonly T[] => rows.slice(from, to);

/** (a - mean a)/√(variance of a + 1e-5)·gain. */
function normalised(a: Row, gain: Row): Row {
  const mean = a.reduce((x, y) => x + y, 0) / a.length;
  const variance = a.reduce((sum, x) => sum + (x - mean) ** 2, 0) / a.length;
  return a.map((x, i) => ((x - mean) / Math.sqrt(variance + 1e-5)) * at(gain, i));
}

/** The weights of one layer in one direction by their names without the suffix. */
interface Own {
  readonly weight_ih: readonly Row[];
  readonly weight_hh: readonly Row[];
  readonly bias_ih?: Row;
  readonly bias_hh?: Row;
  readonly gain?: Row;
  readonly gain_ih?: Row;
  readonly gain_hh?: Row;
  readonly gain_c?: Row;
  readonly bias_c?: Row;
  readonly peephole?: Row;
  readonly weight_hr?: readonly Row[];
}
type Step = (form: CellForm, own: Own, state: RowState, seen: Row, x: Row) => RowState;

const rnn: Step = (form, own, _, seen, x) => {
  const sum = plus(times(own.weight_ih, x), times(own.weight_hh, seen));
  const biased = plus(plus(own.gain ? normalised(sum, own.gain) : sum, own.bias_ih), own.bias_hh);
  return { h: biased.map((a) => (form.nonlinearity === "relu" ? Math.max(a, 0) : Math.tanh(a))), c: [] };
};

const lstm: Step = (form, own, { c }, seen, x) => {
  const σ = activations[form.recurrentActivation ?? "sigmoid"];
  const H = c.length;
  const [fromX, fromH] = [times(own.weight_ih, x), times(own.weight_hh, seen)];
  const a = plus(own.gain_ih ? normalised(fromX, own.gain_ih) : fromX, own.bias_ih);
  const sums = plus(a, plus(own.gain_hh ? normalised(fromH, own.gain_hh) : fromH, own.bias_hh));
  const next = c.map((past, k) => {
    const i = σ(at(sums, k) + at(own.peephole, k) * past);
    const f = σ(at(sums, H + k) + at(own.peephole, H + k) * past + (form.forgetBias ?? 0));
    return f * past + i * Math.tanh(at(sums, 2 * H + k));
  });
  const shown = own.gain_c ? plus(normalised(next, own.gain_c), own.bias_c) : next;
  const out = next.map(
    (value, k) => σ(at(sums, 3 * H + k) + at(own.peephole, 2 * H + k) * value) * Math.tanh(at(shown, k)),
  );
  return { h: own.weight_hr ? times(own.weight_hr, out) : out, c: next };
};

const gru: Step = (form, own, { h }, seen, x) => {
  const σ = activations[form.recurrentActivation ?? "sigmoid"];
  const H = h.length;
  /** Rows from..to of W v + b, normalised by themselves. */
  const product = (which: "ih" | "hh", v: Row, from: number, to: number): Row => {
    const sum = times(part(own[`weight_${which}`], from, to), v);
    const gain = own[`gain_${which}`];
    return plus(gain ? normalised(sum, part(gain, from, to)) : sum, part(own[`bias_${which}`] ?? [], from, to));
  };
  const gates = plus(product("ih", x, 0, 2 * H), product("hh", seen, 0, 2 * H)).map(σ);
  const [r, z] = [part(gates, 0, H), part(gates, H, 2 * H)];
  const past =
    form.reset === "before" ? product("hh", mul(r, seen), 2 * H, 3 * H) : mul(r, product("hh", seen, 2 * H, 3 * H));
  const n = plus(product("ih", x, 2 * H, 3 * H), past).map(Math.tanh);
  return { h: h.map((value, k) => (1 - at(z, k)) * at(n, k) + at(z, k) * value), c: [] };
};

const steps = { RNN: rnn, LSTM: lstm, GRU: gru };

/** One step of a cell. */
export const stepNumbers = (name: CellName, form: CellForm, weights: Weights, state: RowState, x: Row): RowState =>
  steps[name](form, weights as unknown as Own, state, state.h, x);

/** Uniform numbers in [0, 1) of one use of noise: [steps][width], or one row for all steps. */
type Draws = readonly Row[];

/** What a call over one row is given. */
export interface RowCall {
  readonly length: number;
  /** L·D states to start from. */
  readonly states: readonly RowState[];
  /** In training, the numbers of each use of noise, in the order of their making. */
  readonly draws?: readonly Draws[] | undefined;
}

const kept = (u: Row, p: number): Row => u.map((value) => Number(value >= p) / (1 - p));

/** One direction of one layer: outputs [T][P], 0 behind the length, and the last state. */
function directionNumbers(
  name: CellName,
  form: LayerForm,
  own: Own,
  xs: readonly Row[],
  first: RowState,
  length: number,
  reverse: boolean,
  next: (() => Draws) | undefined,
): [ys: readonly Row[], last: RowState] {
  const { inputDropout = 0, recurrentDropout = 0, zoneout = 0, cellZoneout = 0 } = form;
  const ofX = next && inputDropout > 0 ? next() : undefined;
  const ofH = next && recurrentDropout > 0 ? next() : undefined;
  const staysH = next && zoneout > 0 ? next() : undefined;
  const staysC = next && cellZoneout > 0 ? next() : undefined;
  const drawnAt = (draws: Draws, t: number): Row => (draws.length === 1 ? draws[0] : draws[t]) ?? [];
  const zoned = (before: Row, after: Row, p: number, stays: Draws | undefined, t: number): Row =>
    after.map((value, k) => {
      if (!next) return p * at(before, k) + (1 - p) * value;
      return p > 0 && stays && at(drawnAt(stays, t), k) < p ? at(before, k) : value;
    });
  const ys: Row[] = xs.map(() => first.h.map(() => 0));
  let state = first;
  const order = Array.from({ length }, (_, t) => (reverse ? length - 1 - t : t));
  for (const t of order) {
    const x = ofX ? mul(xs[t] ?? [], kept(drawnAt(ofX, t), inputDropout)) : (xs[t] ?? []);
    const seen = ofH ? mul(state.h, kept(drawnAt(ofH, t), recurrentDropout)) : state.h;
    const after = steps[name](form, own, state, seen, x);
    state = {
      h: zoned(state.h, after.h, zoneout, staysH, t),
      c: zoned(state.c, after.c, cellZoneout, staysC, t),
    };
    ys[t] = state.h;
  }
  return [ys, state];
}

const merges = {
  concat: (a: Row, b: Row): Row => [...a, ...b],
  sum: (a: Row, b: Row): Row => plus(a, b),
  mul,
  average: (a: Row, b: Row): Row => plus(a, b).map((x) => x / 2),
};

/** Outputs [T][D·P] and the last states [L·D] of one row xs [T][I]. */
export function layerNumbers(name: CellName, form: LayerForm, weights: Weights, xs: readonly Row[], call: RowCall) {
  const { layers = 1, bidirectional = false, merge = "concat", dropout = 0 } = form;
  const draws = call.draws?.values();
  const next = draws && (() => draws.next().value ?? []);
  const last: RowState[] = [];
  let ys: readonly Row[] = xs.map((x, t) => (t < call.length ? x : x.map(() => 0)));
  for (let l = 0; l < layers; l++) {
    const sides = [false, ...(bidirectional ? [true] : [])].map((reverse) => {
      const end = `_l${l}${reverse ? "_reverse" : ""}`;
      const names = Object.keys(weights).filter((key) => key.replace(/_l\d+(_reverse)?$/, "") + end === key);
      const own = Object.fromEntries(names.map((key) => [key.slice(0, -end.length), weights[key]])) as unknown as Own;
      const first = call.states[last.length] ?? { h: [], c: [] };
      const [outputs, state] = directionNumbers(name, form, own, ys, first, call.length, reverse, next);
      last.push(state);
      return outputs;
    });
    const [forwards = [], backwards] = sides;
    ys = backwards ? forwards.map((y, t) => merges[merge](y, backwards[t] ?? [])) : forwards;
    if (next && dropout > 0 && l < layers - 1) {
      const mask = next();
      ys = ys.map((y, t) => mul(y, kept(mask[t] ?? [], dropout)));
    }
  }
  return { ys, last };
}
