/** A program as data, and its spelling in the two languages that run it. */
import type { DType } from "../../src/tensor/index.ts";

/** The float type of a run, or one that stays what it is. */
export type Kind = "F" | Exclude<DType, "f32" | "f64">;

/** What is fed. Numbers that JSON lacks are strings, such as "NaN". */
export interface Leaf {
  readonly name: string;
  readonly kind: Kind;
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

/** Names as a call's result is nested: of one tensor, or of lists of them. */
export type Names = string | readonly Names[];

/** A function of its own: the step of a scan, a block to recompute. Reads names from outside as closures do. */
export interface Body {
  readonly parameters: readonly Names[];
  readonly calls: readonly Call[];
  readonly results: Names;
}

/** One operation. In `ts` and `py`, $0, $1, ... stand for the inputs and $f for the body. */
export interface Call {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: Names;
  readonly ts: string;
  readonly py: string;
  /** Whether the result is rounded. */
  readonly rounds: boolean;
  readonly body?: Body;
}

export interface Program {
  readonly leaves: readonly Leaf[];
  readonly calls: readonly Call[];
  /** What is compared. */
  readonly results: readonly string[];
  /** How many times the weighted sum of the results is differentiated. */
  readonly order: 0 | 1 | 2;
}

export const namesIn = (names: Names): string[] => (typeof names === "string" ? [names] : names.flatMap(namesIn));
const show = (names: Names): string => (typeof names === "string" ? names : `[${names.map(show).join(", ")}]`);
const functionName = (call: Call): string => `f_${namesIn(call.outputs)[0]}`;

function fill(template: string, call: Call): string {
  return template.replace(/\$(\d+|f)/g, (_, key: string) =>
    key === "f" ? functionName(call) : (call.inputs[Number(key)] ?? "undefined"),
  );
}

/** The statements of `calls` in TypeScript that is JavaScript as well. */
export function typescript(calls: readonly Call[], indent = ""): string[] {
  return calls.flatMap((call) => {
    const line = `${indent}const ${show(call.outputs)} = ${fill(call.ts, call)};`;
    if (!call.body) return [line];
    const { parameters, calls: inner, results } = call.body;
    return [
      `${indent}const ${functionName(call)} = (${parameters.map(show).join(", ")}) => {`,
      ...typescript(inner, `${indent}  `),
      `${indent}  return ${show(results)};`,
      `${indent}};`,
      line,
    ];
  });
}

/** The statements of `calls` in Python; `watched` puts `rounded` around what rounds and `kept` around the rest. */
export function python(calls: readonly Call[], { indent = "", watched = false } = {}): string[] {
  return calls.flatMap((call) => {
    const value = fill(call.py, call);
    const line = `${indent}${show(call.outputs)} = ${watched ? `${call.rounds ? "rounded" : "kept"}(${value})` : value}`;
    if (!call.body) return [line];
    const { parameters, calls: inner, results } = call.body;
    const plain = parameters.map((names, i) => (typeof names === "string" ? names : `group${i}`));
    const unpacked = parameters.flatMap((names, i) =>
      typeof names === "string" ? [] : [`${indent}    ${show(names)} = group${i}`],
    );
    return [
      `${indent}def ${functionName(call)}(${plain.join(", ")}):`,
      ...unpacked,
      ...python(inner, { indent: `${indent}    `, watched }),
      `${indent}    return ${show(results)}`,
      line,
    ];
  });
}

/** Every name that a call reads, its body's included. */
export function readsOf(call: Call): string[] {
  if (!call.body) return [...call.inputs];
  const own = new Set([
    ...call.body.parameters.flatMap(namesIn),
    ...call.body.calls.flatMap((c) => namesIn(c.outputs)),
  ]);
  const inner = [...call.body.calls.flatMap(readsOf), ...namesIn(call.body.results)];
  return [...call.inputs, ...inner.filter((name) => !own.has(name))];
}

/** Every call, those inside bodies too. */
export const allCalls = (calls: readonly Call[]): Call[] =>
  calls.flatMap((call) => [call, ...allCalls(call.body?.calls ?? [])]);

/** `calls` without those that nothing in `needed` follows from; adds to `needed` what is left over to read. */
function neededCalls(calls: readonly Call[], needed: Set<string>): Call[] {
  const kept = [...calls].reverse().flatMap((call) => {
    if (!namesIn(call.outputs).some((name) => needed.has(name))) return [];
    const whole = call.body ? { ...call, body: prunedBody(call.body) } : call;
    for (const name of readsOf(whole)) needed.add(name);
    return [whole];
  });
  return kept.reverse();
}

const prunedBody = (body: Body): Body => ({ ...body, calls: neededCalls(body.calls, new Set(namesIn(body.results))) });

/** The program without what its results do not need. */
export function pruned(program: Program): Program {
  const needed = new Set(program.results);
  const calls = neededCalls(program.calls, needed);
  return { ...program, calls, leaves: program.leaves.filter(({ name }) => needed.has(name)) };
}

/** The numbers of a leaf; one that all of them are is written once. */
const numbers = ({ data }: Leaf): string =>
  data.length > 1 && data.every((x) => x === data[0]) ? `${data[0]} throughout` : `[${data.join(", ")}]`;

/** The whole program as a person would try it in Descent. */
export function asTypeScript({ leaves, calls, results, order }: Program, F: "f32" | "f64"): string {
  const floats = leaves.filter(({ kind }) => kind === "F").map(({ name }) => name);
  return [
    `const F = "${F}";`,
    ...leaves.map(
      ({ name, shape, kind }) => `const ${name} = input("${name}", [${shape}], ${kind === "F" ? "F" : `"${kind}"`});`,
    ),
    ...typescript(calls),
    `// results: ${results.join(", ")}; differentiated ${order} times by ${floats.join(", ")}`,
    ...leaves.map((leaf) => `// ${leaf.name} = ${numbers(leaf)}`),
  ].join("\n");
}

/** The same in PyTorch, with the helpers of reference.py. */
export function asPython({ leaves, calls, results, order }: Program, F: "f32" | "f64"): string {
  const types = { F: "F", i32: "torch.int32", i64: "torch.int64", bool: "torch.bool" };
  const number = (value: number | string) => (typeof value === "string" ? `float("${value}")` : value);
  const tensorOf = (data: Leaf["data"], shape: Leaf["shape"]) =>
    data.length > 1 && data.every((x) => x === data[0])
      ? `torch.full([${shape}], ${number(data[0] ?? 0)})`
      : `torch.tensor([${data.map(number).join(", ")}]).reshape([${shape}])`;
  return [
    `F = torch.${F === "f32" ? "float32" : "float64"}`,
    ...leaves.map(
      ({ name, kind, shape, data }) =>
        `${name} = ${tensorOf(data, shape)}.to(${types[kind]})${kind === "F" ? ".requires_grad_()" : ""}`,
    ),
    ...python(calls),
    `# results: ${results.join(", ")}; order ${order}`,
  ].join("\n");
}
