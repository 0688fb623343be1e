/** Rows with a body of their own: recurrences and recomputed blocks. Recurrent layers, which stand for a recurrence. */
import { NotApplicable, type Row, Scope, type Value } from "../scope.ts";

const DEEPEST = 2;

/** Adds some calls to the scope of a body. */
export type Fill = (scope: Scope, calls: number) => void;

const sameShape = (a: Value, b: Value): boolean =>
  a.shape.length === b.shape.length && a.shape.every((n, i) => n === b.shape[i]);

/** The state after this step: bounded, of the state's shape, and made of the state and the newest value. */
function nextState(body: Scope, state: Value): Value {
  const values = body.values.filter(({ kind, name }) => kind === "F" && name !== state.name);
  const fitting = values.filter((value) => sameShape(value, state));
  const other = body.draw.chance(0.6) ? (fitting.at(-1) ?? values.at(-1)) : body.draw.any(values);
  if (!other || body.draw.chance(0.1)) return state;
  if (body.draw.chance(0.15) && fitting.length > 0) return fitting.at(-1) ?? state;
  const summed = sameShape(other, state) ? ["$1", "$1"] : ["$1.mean()", "reduce_mean($1, None, False)"];
  return body.one("next", {
    inputs: [state, other],
    ts: `$0.mul(0.5).add(${summed[0]}).tanh()`,
    py: `torch.tanh($0 * 0.5 + ${summed[1]})`,
  });
}

/** Sequences that share the size of one axis. */
function sequences(scope: Scope): { xs: Value[]; axis: number; time: number } {
  const x = scope.pick(
    ({ kind, shape }) => kind === "F" && shape.length >= 1 && shape.length <= 3,
    () => scope.leaf([scope.size(), scope.size(), scope.size()].slice(scope.draw.below(2))),
  );
  const time = scope.draw.below(x.shape.length);
  const xs = scope.draw.chance(0.25) ? [x, scope.leaf(x.shape, scope.draw.one(["F", "F", "i32"]))] : [x];
  return { xs, time, axis: scope.draw.chance(0.3) ? time - x.shape.length : time };
}

const scan =
  (fill: Fill): Row =>
  (scope) => {
    if (scope.depth >= DEEPEST) throw new NotApplicable();
    const { draw } = scope;
    const { xs, axis, time } = sequences(scope);
    const states = Array.from({ length: draw.chance(0.25) ? 2 : 1 }, () => scope.float(0, 3));
    const body = new Scope(scope.shared, scope.values, scope.depth + 1);
    const inner = states.map((state) => body.parameter(state));
    const slices = xs.map(({ shape, kind }) => body.parameter({ shape: shape.filter((_, i) => i !== time), kind }));
    fill(body, draw.whole(1, 4));
    const next = inner.map((state) => nextState(body, state).name);
    const own = body.values
      .slice(scope.values.length)
      .filter(({ kind, shape }) => kind === "F" && shape.length >= time);
    const ys = [own.at(-1), ...(draw.chance(0.3) ? [draw.any(own)] : [])].flatMap((value) =>
      value ? [value.name] : [],
    );
    const reverse = draw.chance(0.3);
    const names = (count: number, from: number) =>
      `[${Array.from({ length: count }, (_, i) => `$${from + i}`).join(", ")}]`;
    const taken = `$f, ${names(states.length, 0)}, ${names(xs.length, states.length)}`;
    return {
      inputs: [...states, ...xs],
      ts: `scan(${taken}, { axis: ${axis}, reverse: ${reverse} })`,
      py: `scan(${taken}, ${axis}, ${reverse ? "True" : "False"})`,
      rounds: false,
      body: {
        parameters: [inner.map(({ name }) => name), slices.map(({ name }) => name)],
        calls: body.calls,
        results: [next, ys],
      },
    };
  };

const recompute =
  (fill: Fill): Row =>
  (scope) => {
    if (scope.depth >= DEEPEST) throw new NotApplicable();
    const given = Array.from({ length: scope.draw.below(3) }, () => scope.float());
    const body = new Scope(scope.shared, scope.values, scope.depth + 1);
    const parameters = given.map((value) => body.parameter(value).name);
    fill(body, scope.draw.whole(1, 4));
    const own = body.values.slice(scope.values.length + given.length).filter(({ kind }) => kind === "F");
    const result = own.at(-1);
    if (!result || body.calls.length === 0) throw new NotApplicable();
    const names = given.map((_, i) => `$${i}`).join(", ");
    return {
      inputs: given,
      ts: `recompute($f)(${names})`,
      py: `$f(${names})`,
      rounds: false,
      body: { parameters, calls: body.calls, results: result.name },
    };
  };

/** An LSTM or GRU over [B, T, I], some of its rows shorter than others. */
const recurrence: Row = (scope) => {
  const { draw, shared } = scope;
  if (shared.special) throw new NotApplicable(); // the engine's kernels do not tell ∞ - ∞ from a number
  const gates = draw.one([3, 4]);
  const xs = scope.pick(
    ({ kind, shape }) => kind === "F" && shape.length === 3 && shape.every((n) => n > 0),
    () => scope.leaf([draw.whole(1, 3), draw.whole(1, 4), draw.whole(1, 3)]),
  );
  const [B = 1, T = 1, I = 1] = xs.shape;
  const H = draw.whole(1, 3);
  const state = () =>
    scope.pick(
      ({ kind, shape }) => kind === "F" && shape.length === 2 && shape[0] === B && shape[1] === H,
      () => scope.leaf([B, H]),
    );
  const states = [state(), ...(gates === 4 ? [state()] : [])];
  const weights = [scope.leaf([gates * H, I]), scope.leaf([gates * H, H])];
  const biases = draw.chance(0.5) ? [scope.leaf([gates * H]), scope.leaf([gates * H])] : [];
  const rows = Array.from({ length: B }, () => draw.whole(0, T));
  const lengths = draw.chance(0.4) ? [scope.leaf([B], draw.one(["i32", "i64"]), rows)] : [];
  const own = [xs, ...states, ...weights, ...biases, ...lengths];
  const place = (value: Value) => `$${own.indexOf(value)}`;
  const list = (values: readonly Value[]) => `[${values.map(place).join(", ")}]`;
  const how = {
    reverse: String(draw.chance(0.3)),
    ...(lengths.length > 0 ? { lengths: lengths.map(place).join("") } : {}),
    ...(gates === 3 && draw.chance(0.3) ? { reset: '"before"' } : {}),
    ...(gates === 4 && draw.chance(0.3) ? { forgetBias: "1" } : {}),
  };
  const spelled = (colon: string) =>
    Object.entries(how)
      .map(([key, value]) => `${key}${colon}${value}`)
      .join(", ");
  const given = `${place(xs)}, ${states.map(place).join(", ")}, ${list([...weights, ...biases])}`;
  return {
    inputs: own,
    ts: `${gates === 4 ? "lstm" : "gru"}Layer(${given}, { ${spelled(": ")} })`,
    py: `${gates === 4 ? "lstm" : "gru"}_layer(${given}, ${spelled("=").replace("true", "True").replace("false", "False")})`,
  };
};

export const control = (fill: Fill) =>
  ({ scan: scan(fill), recompute: recompute(fill), recurrence }) satisfies Record<string, Row>;
