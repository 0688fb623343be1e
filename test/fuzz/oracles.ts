/**
 * What a program is compared with where there is no PyTorch: its own graph run node by node, the engine without its
 * optimisations, and central differences. How far a small change of the inputs moves a result says how well each can agree.
 */
import { DescentError } from "../../src/errors.ts";
import { lower } from "../../src/onnx/index.ts";
import { type Feeds, type HostTensor, loadEngine, Program as Runnable } from "../../src/runtime/index.ts";
import { sessionOptions } from "../../src/runtime/session.ts";
import { isFloat, type Tensor } from "../../src/tensor/index.ts";
import { interpret } from "../support/interpret.ts";
import { numbersOf } from "../support/numbers.ts";
import { fuzz } from "../tolerances.ts";
import type { Verdict } from "./compare.ts";
import { type Float, feedsOf, type Graph, graphOf, weightOf } from "./evaluate.ts";
import { allCalls, type Program } from "./program.ts";

type Results = Readonly<Record<string, HostTensor>>;
type Run = (feeds: Feeds) => Promise<Results>;

/** The graph compiled with the engine's optimisations or without. */
async function compiled(
  { inputs, outputs }: Graph,
  level: "all" | "disabled",
): Promise<{ run: Run; release: () => Promise<void> }> {
  const model = lower(inputs, outputs);
  const engine = await loadEngine("cpu", 1);
  const given = { device: "cpu", threads: 1 } as const;
  const options = { ...sessionOptions(given, model), graphOptimizationLevel: level };
  const session = await engine.InferenceSession.create(model.bytes, options);
  const program = new Runnable(model, engine, session, given, 0).retain();
  return { run: (feeds) => program.run(feeds), release: () => program.release() };
}

/** The feeds with element i of float leaf k moved by `by` · sin(1 + 3i + 5k), in `relative` to its size where asked. */
function shifted(feeds: Feeds, by: number, relative = false): Feeds {
  const entries = Object.entries(feeds).map(([name, feed], k) => {
    if (!isFloat(feed.dtype)) return [name, feed] as const;
    const data = feed.data.slice() as Float64Array;
    for (const [i, x] of data.entries()) data[i] = x + by * direction(i, k) * (relative ? Math.abs(x) : 1);
    return [name, { ...feed, data }] as const;
  });
  return Object.fromEntries(entries);
}
const direction = (i: number, k: number): number => Math.sin(1 + 3 * i + 5 * k);

const finite = (values: readonly number[]): number[] => values.filter(Number.isFinite);
const scaleOf = (values: readonly number[]): number => finite(values).reduce((a, b) => Math.max(a, Math.abs(b)), 1);

/** The first element of `got` that is further from `expected` than a small change of the inputs explains. */
function disagreement(what: string, got: Results, expected: Results, moved: Results, float: Float): string | undefined {
  const { factor, floor } = fuzz.own[float];
  for (const [key, { data, shape }] of Object.entries(expected)) {
    const [wanted, found, near] = [data, got[key]?.data ?? [], moved[key]?.data ?? []].map((list) =>
      numbersOf(list as typeof data),
    );
    if (!wanted || !found || !near) continue;
    if (`${got[key]?.shape}` !== `${shape}`) return `${what}: ${key} is [${got[key]?.shape}], expected [${shape}]`;
    const scale = scaleOf(wanted);
    const loose = wanted.map((value, i) => (Object.is(value, near[i]) ? 0 : Math.abs(value - (near[i] ?? 0))));
    if (!loose.every((by) => by <= fuzz.illConditioned * scale)) continue;
    const at = wanted.findIndex((value, i) => {
      const other = found[i] ?? Number.NaN;
      return !(Object.is(value, other) || Math.abs(value - other) <= factor * (loose[i] ?? 0) + floor * scale);
    });
    if (at >= 0) return `${what}: ${key}, element ${at} is ${found[at]}, expected ${wanted[at]}`;
  }
  return undefined;
}

/** Σ w·y over the float results whose names begin with `what`, weighed as evaluate.ts does. */
function loss(results: Results, what: string): number {
  const ys = Object.entries(results).filter(([key]) => key.startsWith(what));
  return ys.reduce((sum, [, { data, dtype }], k) => {
    if (!isFloat(dtype)) return sum;
    return sum + numbersOf(data).reduce((part, y, i) => part + y * weightOf(i, k), 0);
  }, 0);
}

/** Along one direction through all leaves: the difference quotient of the loss, and what the gradient says it is. */
async function slope(run: Run, feeds: Feeds, what: string, by: string): Promise<string | undefined> {
  const names = Object.keys(feeds);
  const results = await run(feeds);
  const wrt = Object.entries(results).filter(([key]) => key.startsWith(by));
  const gradient = wrt.reduce((sum, [key, { data }]) => {
    const k = names.indexOf(key.slice(by.length + 1));
    return sum + numbersOf(data).reduce((part, g, i) => part + g * direction(i, k), 0);
  }, 0);
  const scale = Math.max(scaleOf(wrt.flatMap(([, { data }]) => numbersOf(data))), Math.abs(loss(results, what)), 1);
  const { step } = fuzz;
  const at = async (by: number) => loss(await run(shifted(feeds, by)), what);
  const [far, back, here, on, beyond] = [
    await at(-2 * step),
    await at(-step),
    loss(results, what),
    await at(step),
    await at(2 * step),
  ];
  const [near, wide] = [(on - back) / (2 * step), (beyond - far) / (4 * step)];
  const error = Math.abs(wide - near);
  const bend = Math.abs(on - 2 * here + back) / step; // about step times the second derivative, but at a kink
  if (!(Math.max(error, bend) <= fuzz.kink * scale) || !Number.isFinite(gradient)) return undefined;
  if (Math.abs(gradient - near) <= fuzz.quotient * scale + 4 * error) return undefined;
  return `${by} along a line is ${gradient}, the difference quotient is ${near}`;
}

/** Where every float leaf has a gradient that a difference quotient knows of. */
const comparable = (program: Program, outputs: Graph["outputs"], what: string): boolean =>
  program.leaves.every(({ name, kind }) => kind !== "F" || Object.hasOwn(outputs, `${what}_${name}`)) &&
  !allCalls(program.calls).some(({ op }) => op === "stopGradient");

async function differences(program: Program, { outputs }: Graph, run: Run, feeds: Feeds): Promise<string | undefined> {
  if (program.order > 0 && comparable(program, outputs, "gradient")) {
    const wrong = await slope(run, feeds, "value", "gradient");
    if (wrong) return wrong;
    if (program.order > 1 && comparable(program, outputs, "second")) return slope(run, feeds, "gradient", "second");
  }
  return undefined;
}

async function nodeByNode({ inputs, outputs }: Graph, feeds: Feeds): Promise<Results> {
  const known = new Map<Tensor, HostTensor>();
  for (const [name, tensor] of Object.entries(inputs)) {
    const feed = feeds[name];
    if (feed) known.set(tensor, feed);
  }
  const values = await interpret(Object.values(outputs), known);
  return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, values[i] as HostTensor]));
}

async function checkIn(program: Program, float: Float): Promise<Verdict> {
  const graph = graphOf(program, float);
  const feeds = feedsOf(program, float);
  const { run, release } = await compiled(graph, "all");
  const bare = await compiled(graph, "disabled");
  const own = await run(feeds);
  const moved = await run(shifted(feeds, fuzz.own[float].nudge, true));
  const wrong =
    disagreement("the engine's optimisations", own, await bare.run(feeds), moved, float) ??
    disagreement("simplification", own, await nodeByNode(graph, feeds), moved, float) ??
    (float === "f64" ? await differences(program, graph, run, shifted(feeds, fuzz.aside)) : undefined);
  await release();
  await bare.release();
  return wrong ? { kind: "different", message: wrong } : { kind: "same", message: "" };
}

/** In float64, or in float32 where Descent does not take float64. */
export async function check(program: Program): Promise<Verdict> {
  let refusal = "";
  for (const float of ["f64", "f32"] as const) {
    try {
      return await checkIn(program, float);
    } catch (error) {
      refusal = `${float}: ${(error as Error).name}: ${(error as Error).message}`;
      if (!(error instanceof DescentError)) return { kind: "error", message: refusal };
    }
  }
  return { kind: "refused", message: refusal };
}
