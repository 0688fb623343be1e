/** Smaller programs that show the same fault. */
import { type Body, type Call, type Leaf, type Names, namesIn, type Program, pruned } from "./program.ts";
import { sizeOf, type Value } from "./scope.ts";

/** Shapes and types of all values outside bodies. */
export type Values = ReadonlyMap<string, Value>;

const renameNames = (names: Names, from: string, to: string): Names =>
  typeof names === "string" ? (names === from ? to : names) : names.map((part) => renameNames(part, from, to));

function renameBody(body: Body, from: string, to: string): Body {
  return {
    ...body,
    calls: body.calls.map((call) => renameCall(call, from, to)),
    results: renameNames(body.results, from, to),
  };
}

const renameCall = (call: Call, from: string, to: string): Call => ({
  ...call,
  inputs: call.inputs.map((name) => (name === from ? to : name)),
  ...(call.body ? { body: renameBody(call.body, from, to) } : {}),
});

/** The program with every use of `from` replaced by `to`. */
const replaced = (program: Program, from: string, to: string): Program => ({
  ...program,
  calls: program.calls.map((call) => renameCall(call, from, to)),
  results: [...new Set(program.results.map((name) => (name === from ? to : name)))],
});

const alike = (a: Value | undefined, b: Value | undefined): boolean =>
  a !== undefined && b !== undefined && a.kind === b.kind && `${a.shape}` === `${b.shape}`;

/** The numbers of a leaf that stands for a value that is cut off. */
const plain = ({ kind, shape }: Value): number[] =>
  Array.from({ length: sizeOf(shape) }, (_, i) =>
    kind === "bool" ? i % 2 : kind === "F" ? ((5 * i) % 7) / 4 - 0.5 : i % 2,
  );

/** A value's calls cut off: it becomes a leaf. */
function cut(program: Program, value: Value): Program {
  const name = `${value.name}x`;
  const leaf: Leaf = { name, kind: value.kind, shape: value.shape, data: plain(value) };
  return replaced({ ...program, leaves: [...program.leaves, leaf] }, value.name, name);
}

/** `calls` with the body of call `at` changed. */
const withBody = (program: Program, at: number, body: Body): Program => ({
  ...program,
  calls: program.calls.map((call, i) => (i === at ? { ...call, body } : call)),
});

/** Without one call of the body at a time, the uses of whose result become uses of one of its inputs. */
function smallerBodies(program: Program): Program[] {
  return program.calls.flatMap(({ body }, at) =>
    (body?.calls ?? []).flatMap((inner, i) => {
      if (!body) return [];
      const without = { ...body, calls: body.calls.filter((_, j) => j !== i) };
      return namesIn(inner.outputs).flatMap((name) =>
        inner.inputs.map((input) => withBody(program, at, renameBody(without, name, input))),
      );
    }),
  );
}

/** A recomputed block opened up. */
function lessControl(program: Program): Program[] {
  return program.calls.flatMap((call, at) => {
    const { body, inputs, outputs } = call;
    if (!body || typeof body.results !== "string" || typeof outputs !== "string") return [];
    const opened = body.parameters
      .flatMap(namesIn)
      .reduce((b, name, i) => renameBody(b, name, inputs[i] ?? name), body);
    const calls = [...program.calls.slice(0, at), ...opened.calls, ...program.calls.slice(at + 1)];
    return [replaced({ ...program, calls }, outputs, namesIn(opened.results)[0] ?? outputs)];
  });
}

/** Smaller programs to try. Those that do not fit together are refused when they are tried. */
export function smaller(program: Program, values: Values): Program[] {
  const outputs = program.calls.flatMap((call) => namesIn(call.outputs).map((name) => ({ name, call })));
  return [
    ...(program.results.length > 1 ? program.results.map((name) => ({ ...program, results: [name] })) : []),
    ...(program.order > 0 ? [{ ...program, order: (program.order - 1) as 0 | 1 }] : []),
    ...outputs
      .map(({ name }) => ({ ...program, results: [name] }))
      .filter(({ results }) => !program.results.includes(results[0] ?? "")),
    ...outputs.flatMap(({ name }) => {
      const value = values.get(name);
      return value && !program.results.includes(name) ? [cut(program, value)] : [];
    }),
    ...outputs.flatMap(({ name, call }) =>
      call.inputs.filter((from) => alike(values.get(from), values.get(name))).map((to) => replaced(program, name, to)),
    ),
    ...lessControl(program),
    ...smallerBodies(program),
    ...program.leaves.flatMap((leaf) => simplerLeaves(program, leaf)),
  ].map(pruned);
}

const simplerLeaves = (program: Program, leaf: Leaf): Program[] =>
  [leaf.data.map((x) => Math.round(Number(x))), leaf.data.map(() => 1), leaf.data.map(() => 0)]
    .filter((data) => `${data}` !== `${leaf.data}` && data.every(Number.isFinite))
    .slice(0, leaf.kind === "F" ? 2 : 0)
    .map((data) => ({
      ...program,
      leaves: program.leaves.map((other) => (other === leaf ? { ...leaf, data } : other)),
    }));

/** Calls, then derivatives, then numbers that are not whole: what a smaller program has less of. */
const measure = (program: Program): number =>
  1000 * callCount(program.calls) +
  300 * program.order +
  100 * program.results.length +
  10 * program.leaves.length +
  program.leaves
    .flatMap(({ data }) => data)
    .reduce<number>((sum, x) => sum + (Number.isInteger(x) ? (x === 1 ? 0.01 : 0.02) : 0.1), 0);

const callCount = (calls: readonly Call[]): number =>
  calls.reduce((sum, { body }) => sum + 1 + (body ? callCount(body.calls) : 0), 0);

/** The smallest program found in at most `tries` runs of `faulty`. `describe` gives the values of a program, or none. */
export async function shrink(
  program: Program,
  {
    faulty,
    describe,
    tries = 250,
  }: {
    readonly faulty: (program: Program) => Promise<boolean>;
    readonly describe: (program: Program) => Values | undefined;
    readonly tries?: number;
  },
): Promise<Program> {
  let best = program;
  const seen = new Set<string>();
  for (let left = tries; left > 0; ) {
    const values = describe(best);
    const candidates = (values ? smaller(best, values) : [])
      .filter((candidate) => measure(candidate) < measure(best) && !seen.has(JSON.stringify(candidate)))
      .sort((a, b) => measure(a) - measure(b));
    let found: Program | undefined;
    for (const candidate of candidates) {
      if (left-- <= 0) break;
      seen.add(JSON.stringify(candidate));
      if (await faulty(candidate)) {
        found = candidate;
        break;
      }
    }
    if (!found) break;
    best = found;
  }
  return best;
}
