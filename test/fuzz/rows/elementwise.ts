/** Rows that work on each element. */
import type { Kind } from "../program.ts";
import { NotApplicable, type Row, type Scope, type Sketch, type Value } from "../scope.ts";

const on = (x: Value, ts: string, py: string, rounds = true): Sketch => ({ inputs: [x], ts, py, rounds });

const unary =
  (ts: string, py: string, take: (scope: Scope) => Value = (scope) => scope.float()): Row =>
  (scope) =>
    on(take(scope), `$0.${ts}`, py);
const exact =
  (ts: string, py: string, take: (scope: Scope) => Value = (scope) => scope.float()): Row =>
  (scope) =>
    on(take(scope), `$0.${ts}`, py, false);

const number = (scope: Scope) => scope.number();
const bounded = (scope: Scope): Value =>
  scope.one("clamp", { ...on(scope.float(), "$0.clamp(-50, 50)", "clamp($0, -50, 50)"), rounds: false });

const binary =
  (ts: string, py: string, take: (scope: Scope) => Value = number, rounds = true): Row =>
  (scope) => {
    const x = take(scope);
    const inputs = [x, scope.partner(x)];
    return { inputs: scope.draw.chance(0.5) ? inputs : inputs.reverse(), ts, py, rounds };
  };

/** With a number: a multiple of 1/8, or whole beside whole numbers. */
const withNumber =
  (ts: (c: number) => string, py: (c: number) => string, take: (scope: Scope) => Value = number): Row =>
  (scope) => {
    const x = take(scope);
    const c = x.kind === "F" ? scope.draw.whole(-24, 24) / 8 : scope.draw.whole(-3, 3);
    return on(x, ts(c), py(c));
  };

const div: Row = (scope) => {
  const x = scope.number();
  if (x.kind === "F") {
    const below = scope.positive();
    const above = scope.partner(below);
    return { inputs: [above, below], ts: "$0.div($1)", py: "$0 / $1" };
  }
  const shape = scope.partnerShape(x.shape);
  const length = shape.reduce((a, b) => a * b, 1);
  const below = scope.leaf(
    shape,
    x.kind,
    Array.from({ length }, () => scope.draw.one([-3, -2, -1, 1, 2, 3])),
  );
  return { inputs: [x, below], ts: "$0.div($1)", py: 'torch.div($0, $1, rounding_mode="trunc")', rounds: false };
};

const pow: Row = (scope) => {
  const base = scope.positive();
  return { inputs: [base, scope.partner(base)], ts: "$0.pow($1)", py: "power($0, $1)" };
};

const where: Row = (scope) => {
  const a = scope.any();
  const b = scope.partner(a);
  const condition = scope.pick(
    ({ kind, shape }) =>
      kind === "bool" &&
      shape.length <= a.shape.length &&
      shape.every((n, i) => n === 1 || n === a.shape.slice(-shape.length)[i]),
    () => scope.leaf(scope.partnerShape(a.shape), "bool"),
  );
  return { inputs: [condition, a, b], ts: "$0.where($1, $2)", py: "torch.where($0, $1, $2)", rounds: false };
};

const behind: Row = (scope) => ({ inputs: [scope.any(), scope.any()], ts: "behind($0, $1)", py: "$0", rounds: false });

const cast: Row = (scope) => {
  const x = scope.draw.chance(0.3) ? scope.bool() : scope.draw.chance(0.5) ? scope.int() : bounded(scope);
  const to = scope.draw.one<Kind>(["F", "F", "i32", "i64", "bool"]);
  if (scope.shared.special && x.kind === "F") throw new NotApplicable(); // NaN has no whole number
  const types = { F: "F", i32: "torch.int32", i64: "torch.int64", bool: "torch.bool" };
  return on(x, `$0.cast(${to === "F" ? "F" : `"${to}"`})`, `$0.to(${types[to]})`, false);
};

const logical =
  (name: string): Row =>
  (scope) => {
    const a = scope.bool();
    return { inputs: [a, scope.partner(a)], ts: `$0.${name}($1)`, py: `torch.logical_${name}($0, $1)`, rounds: false };
  };

const compare = (name: string, py: string): Row => binary(`$0.${name}($1)`, `torch.${py}($0, $1)`, number, false);

export const elementwise = {
  add: binary("$0.add($1)", "$0 + $1"),
  sub: binary("$0.sub($1)", "$0 - $1"),
  mul: binary("$0.mul($1)", "$0 * $1"),
  div,
  pow,
  maximum: binary("$0.maximum($1)", "torch.maximum($0, $1)", number, false),
  minimum: binary("$0.minimum($1)", "torch.minimum($0, $1)", number, false),
  addNumber: withNumber(
    (c) => `$0.add(${c})`,
    (c) => `$0 + (${c})`,
  ),
  subNumber: withNumber(
    (c) => `$0.sub(${c})`,
    (c) => `$0 - (${c})`,
  ),
  rsub: withNumber(
    (c) => `$0.rsub(${c})`,
    (c) => `(${c}) - $0`,
  ),
  mulNumber: withNumber(
    (c) => `$0.mul(${c})`,
    (c) => `$0 * (${c})`,
  ),
  divNumber: withNumber(
    (c) => `$0.div(${c || 2})`,
    (c) => `$0 / (${c || 2})`,
    (scope) => scope.float(),
  ),
  square: unary("mul($0)", "$0 * $0"),
  powNumber: (scope) => {
    const c = scope.draw.one([2, 3, 0.5, -1, -2, 1, 0, 1.5]);
    return on(Number.isInteger(c) && c > 0 ? scope.float() : scope.positive(), `$0.pow(${c})`, `torch.pow($0, ${c})`);
  },
  clamp: (scope) => on(scope.number(), "$0.clamp(-1, 2)", "clamp($0, -1, 2)", false),
  neg: exact("neg()", "-$0", number),
  exp: unary("exp()", "torch.exp($0)"),
  log: unary("log()", "torch.log($0)", (scope) => scope.positive()),
  sqrt: unary("sqrt()", "torch.sqrt($0)", (scope) => scope.positive()),
  rsqrt: unary("rsqrt()", "torch.rsqrt($0)", (scope) => scope.positive()),
  abs: exact("abs()", "torch.abs($0)", number),
  sign: exact("sign()", "sign($0)", number),
  sin: unary("sin()", "torch.sin($0)"),
  cos: unary("cos()", "torch.cos($0)"),
  tanh: unary("tanh()", "torch.tanh($0)"),
  sigmoid: unary("sigmoid()", "torch.sigmoid($0)"),
  silu: unary("mul($0.sigmoid())", "$0 * torch.sigmoid($0)"),
  logSigmoid: unary("logSigmoid()", "F_nn.logsigmoid($0)"),
  relu: exact("relu()", "torch.relu($0)"),
  erf: unary("erf()", "torch.erf($0)"),
  softplus: unary("softplus()", "torch.logaddexp($0, torch.zeros_like($0))"),
  gelu: unary("gelu()", "F_nn.gelu($0)"),
  geluTanh: unary('gelu("tanh")', 'F_nn.gelu($0, approximate="tanh")'),
  floor: exact("floor()", "torch.floor($0)"),
  ceil: exact("ceil()", "torch.ceil($0)"),
  round: exact("round()", "torch.round($0)"),
  isNaN: exact("isNaN()", "torch.isnan($0)"),
  equal: compare("equal", "eq"),
  less: compare("less", "lt"),
  greater: compare("greater", "gt"),
  lessEqual: compare("lessEqual", "le"),
  greaterEqual: compare("greaterEqual", "ge"),
  and: logical("and"),
  or: logical("or"),
  not: exact("not()", "torch.logical_not($0)", (scope) => scope.bool()),
  where,
  whereNumber: (scope) => {
    const condition = scope.bool();
    const a = scope.leaf(scope.partnerShape(condition.shape));
    return { inputs: [condition, a], ts: "$0.where($1, 0.5)", py: "torch.where($0, $1, 0.5)", rounds: false };
  },
  cast,
  stopGradient: exact("stopGradient()", "$0.detach()"),
  behind,
} satisfies Record<string, Row>;
