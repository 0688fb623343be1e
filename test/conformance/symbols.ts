/** Cases that no single sample is: one program for many sizes, and the leaves that hosts fill. */
import { gradient, type OpName, scan } from "../../src/graph/index.ts";
import { constantInit } from "../../src/nn/index.ts";
import { compile, type Device, fillNoise, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { arange, buffer, input, noise, parameter, type Shape, type Tensor, tensor } from "../../src/tensor/index.ts";
import { evaluate, host, prepare, requireClose, trace, uniform } from "../support/numbers.ts";
import { exact, reordered } from "../tolerances.ts";
import type { Case } from "./case.ts";

interface Sized {
  readonly name: string;
  readonly covers: OpName;
  /** Shapes of the inputs, which may hold B and T. */
  readonly shapes: readonly Shape[];
  readonly apply: (inputs: Tensor[]) => readonly Tensor[];
  /** Sizes that B and T take. */
  readonly sizes?: readonly { B: number; T: number }[];
}

const defaults = [
  { B: 1, T: 1 },
  { B: 2, T: 3 },
  { B: 3, T: 2 },
  { B: 1, T: 5 },
];

/** A program with symbols gives what one with fixed sizes gives. */
const sized = ({ name, covers, shapes, apply, sizes = defaults }: Sized): Case => ({
  name: `sizes known at run time: ${name}`,
  covers,
  async run(device) {
    const traced = trace(
      shapes.map((shape) => ({ shape, dtype: "f32" })),
      apply,
    );
    if (!traced.operations.has(covers)) throw new Error(`the graph has no ${covers}`);
    const run = await prepare(traced, device);
    for (const size of sizes) {
      const values = shapes.map((shape, i) =>
        uniform(
          i,
          shape.map((dim) => (typeof dim === "number" ? dim : size[dim as "B" | "T"])),
          -1,
          1,
          "f32",
        ),
      );
      const [got, expected] = [await run(...values), await evaluate(values, apply, device)];
      for (const [i, value] of expected.entries())
        requireClose(`B = ${size.B}, T = ${size.T}, output ${i}`, got[i], value, reordered);
    }
  },
});

const two =
  (apply: (a: Tensor, b: Tensor) => readonly Tensor[]) =>
  ([a, b = a]: Tensor[]) =>
    a && b ? apply(a, b) : [];
const withGradient = (y: Tensor, ...wrt: Tensor[]): Tensor[] => [y, ...gradient(y.mul(y).sum(), wrt)];

const symbolic: readonly Case[] = [
  sized({
    name: "elementwise",
    covers: "add",
    shapes: [["B", "T"], ["T"]],
    apply: two((a, b) => withGradient(a.add(b).mul(a), a, b)),
  }),
  sized({
    name: "matmul",
    covers: "matmul",
    shapes: [
      ["B", "T", 3],
      [3, 4],
    ],
    apply: two((a, b) => withGradient(a.matmul(b), a, b)),
  }),
  sized({
    name: "linear",
    covers: "matmul",
    shapes: [
      ["B", "T", 3],
      [4, 3],
    ],
    apply: two((a, b) => withGradient(a.linear(b), a, b)),
  }),
  sized({
    name: "heads",
    covers: "transpose",
    shapes: [["B", "T", 6]],
    apply: two((x) => {
      const heads = x.rearrange("b t (h d) -> b h t d", { h: 2 });
      const mixed = heads.matmul(heads, { transB: true }).causal().softmax().matmul(heads);
      return withGradient(mixed.rearrange("b h t d -> b t (h d)"), x);
    }),
  }),
  sized({
    name: "flatten and mean",
    covers: "mean",
    shapes: [["B", "T", 2]],
    apply: two((x) => withGradient(x.reshape([-1, 2]).mean(0), x)),
  }),
  sized({
    name: "mean over symbols",
    covers: "mean",
    shapes: [["B", "T"]],
    apply: two((x) => withGradient(x.mean(1), x)),
  }),
  sized({
    name: "variance over symbols",
    covers: "mean",
    shapes: [["B", "T"]],
    apply: two((x) => withGradient(x.variance([0, 1]), x)),
  }),
  sized({
    name: "variance over symbols beside nothing",
    covers: "sum",
    shapes: [["B", "T", 0]],
    apply: two((x) => withGradient(x.variance(0), x)),
  }),
  sized({
    name: "expand",
    covers: "expand",
    shapes: [
      ["B", 1],
      ["B", "T"],
    ],
    apply: two((a, b) => withGradient(a.expand(b.shape).mul(b), a, b)),
  }),
  sized({
    name: "arange",
    covers: "arange",
    shapes: [["B", "T"]],
    apply: two((x) => [x.add(arange(x.dim(1)).cast("f32"))]),
  }),
  sized({
    name: "concat along a symbol",
    covers: "concat",
    shapes: [
      ["B", "T"],
      ["B", 2],
    ],
    apply: two((a, b) => [a.concat([b], 1), a.concat([a], 1).concat([b], 1).mul(2)]),
  }),
  sized({
    name: "slice of a symbol",
    covers: "slice",
    shapes: [["B", "T"]],
    apply: two((x) => [x.slice(1, 1), x.slice(1, 0, -1), x.flip(1), x.slice(1, -1)]),
  }),
  sized({
    name: "pad",
    covers: "pad",
    shapes: [["B", "T"]],
    apply: two((x) => withGradient(x.pad([0, 1], [1, 0]), x)),
  }),
  sized({
    name: "gather rows of a symbolic table",
    covers: "gather",
    shapes: [["T", 2]],
    apply: two((x) => withGradient(x.gather(arange(1)), x)),
  }),
  sized({
    name: "layerNorm",
    covers: "layerNorm",
    shapes: [["B", "T", 4], [4]],
    apply: two((x, w) => withGradient(x.layerNorm(w, w, 1e-5)[0] ?? x, x, w)),
  }),
  sized({
    name: "scan",
    covers: "scan",
    shapes: [
      ["B", "T", 2],
      ["B", 2],
    ],
    apply: two((xs, s) => {
      const [, hs] = scan((h: Tensor, x: Tensor) => [h.add(x).tanh(), h] as const, s, xs);
      return withGradient(hs, xs, s);
    }),
  }),
  sized({
    name: "scan, also of no step",
    covers: "scan",
    shapes: [
      ["B", "T", 2],
      ["B", 2],
    ],
    apply: two((xs, s) => {
      const [last, hs] = scan((h: Tensor, x: Tensor) => [h.mul(x).tanh(), h] as const, s, xs);
      return [last, hs, ...gradient(hs.sum().add(last.sum()), [xs, s])];
    }),
    sizes: [
      { B: 2, T: 0 },
      { B: 2, T: 3 },
    ],
  }),
  sized({
    name: "topK of no rows",
    covers: "topK",
    shapes: [["B", 3, "T"]],
    apply: two((x) => [...x.topK(2, 1), x.mean(0), x.sum(2)]),
    sizes: [
      { B: 0, T: 2 },
      { B: 2, T: 0 },
      { B: 2, T: 2 },
    ],
  }),
  sized({
    name: "batched products over nothing",
    covers: "matmul",
    shapes: [
      [2, 64, "T"],
      [2, "T", 64],
    ],
    apply: two((a, b) => [a.matmul(a, { transB: true }), b.matmul(b, { transA: true })]),
    sizes: [5, 0, 5, 0].map((T) => ({ B: 1, T })),
  }),
  sized({
    name: "gather from the end of a symbolic table",
    covers: "gather",
    shapes: [["T", 2]],
    apply: two((x) => withGradient(x.gather(tensor([-1, 0, -1], "i32")), x)),
  }),
  sized({
    name: "whole numbers summed along a symbol",
    covers: "sum",
    shapes: [["B", "T"]],
    apply: two((x) => [x.mul(8).cast("i32").sum(1), x.mul(8).cast("i64").sum()]),
    sizes: [
      { B: 2, T: 0 },
      { B: 2, T: 3 },
    ],
  }),
  sized({
    name: "nothing in a batch",
    covers: "matmul",
    shapes: [
      ["B", "T", 2],
      [3, 2],
    ],
    apply: two((x, w) => [x.linear(w).softmax(), x.reshape([-1]).mul(2), x.rearrange("b t c -> (t b) c")]),
    sizes: [
      { B: 0, T: 3 },
      { B: 2, T: 0 },
    ],
  }),
];

/** Runs a graph whose leaves are not all inputs. */
async function runNamed(
  device: Device,
  inputs: Record<string, Tensor>,
  y: Tensor,
  feeds: Record<string, HostTensor>,
): Promise<HostTensor> {
  const { y: result } = await (await compile(inputs, { y }, { device, threads: 1 })).run(feeds);
  if (!result) throw new Error("the program gave no y");
  return result;
}

/** A slice that names a number of elements has it, or the run fails: it never stretches over what it meets. */
const counted: readonly Case[] = [
  [(x: Tensor) => x.slice(0, 0, 2), [1, 2]] as const,
  [(x: Tensor) => x.slice(0, -2), [2, 3]] as const,
  [(x: Tensor) => x.slice(0, 1, 3), [2, 3]] as const,
  [(x: Tensor) => x.slice(0, -3, -1), [1, 2]] as const,
].map(([apply, expected], i) => ({
  name: `sizes known at run time: a slice of two of three elements ${i}`,
  covers: "slice",
  async run(device) {
    const x = input("x", ["T"]);
    const y = apply(x).add(input("zero", [2]));
    const zero = host([0, 0], [2]);
    const inputs = { x, zero: y.node.inputs[1] ?? y };
    requireClose("y", await runNamed(device, inputs, y, { x: host([1, 2, 3], [3]), zero }), host(expected, [2]), exact);
    const short = await runNamed(device, inputs, y, { x: host([1], [1]), zero }).catch(() => "refused");
    if (device !== "webgpu" && short !== "refused") throw new Error("one element was taken for two");
  },
}));

const leaves: readonly Case[] = [
  {
    name: "parameter",
    covers: "parameter",
    async run(device) {
      const weight = parameter([2], constantInit(3));
      const y = await runNamed(device, { weight }, weight.mul(2), initialValues({ weight }, 0));
      requireClose("y", y, host([6, 6], [2]), exact);
    },
  },
  {
    name: "buffer",
    covers: "buffer",
    async run(device) {
      const [mean, count] = [buffer([2], constantInit(3)), buffer([], constantInit(4), "i32")];
      const y = await runNamed(device, { mean, count }, mean.mul(count.cast("f32")), initialValues({ mean, count }, 0));
      requireClose("y", y, host([12, 12], [2]), exact);
    },
  },
  {
    name: "noise",
    covers: "noise",
    async run(device) {
      const drawn = noise("uniform", [8]);
      const numbers = host([], [8]).shape;
      const values = new Float32Array(8);
      fillNoise(values, "uniform", { seed: 1, step: 2, site: 0 });
      const y = await runNamed(device, { drawn }, drawn.greaterEqual(0.5).cast("f32"), {
        drawn: host(values, numbers),
      });
      requireClose(
        "y",
        y,
        host(
          Array.from(values, (value) => Number(value >= 0.5)),
          numbers,
        ),
        exact,
      );
    },
  },
  {
    name: "names of inputs and outputs that look like the writer's own",
    covers: "input",
    async run(device) {
      const [v0, c0] = [input("v0", [2], "f32"), input("c0", [2], "f32")];
      const outputs = { v1: v0.mul(2).add(c0), v2: v0.exp().mul(0).add(1), c1: c0 };
      const program = await compile({ v0, c0 }, outputs, { device, threads: 1 });
      const results = await program.run({ v0: host([1, 2], [2]), c0: host([3, 4], [2]) });
      for (const [name, values] of Object.entries({ v1: [5, 8], v2: [1, 1], c1: [3, 4] }))
        requireClose(name, (results as Record<string, HostTensor>)[name], host(values, [2]), exact);
    },
  },
];

export const programCases: readonly Case[] = [...symbolic, ...counted, ...leaves];
