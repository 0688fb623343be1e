/** Rewriting keeps the numbers and lowers the count of nodes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gradient, recompute, scan, simplify, sortNodes } from "../../src/graph/index.ts";
import { LSTMCell, type LSTMState } from "../../src/nn/index.ts";
import { input, noise, scalar, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";
import { interpret } from "../support/interpret.ts";
import { evaluate, iota, numbersOf, prepare, requireClose, uniform } from "../support/numbers.ts";
import { reordered, rewritten, type Tolerance } from "../tolerances.ts";

const leaf = new Set(["input", "parameter", "buffer", "noise", "constant"]);
/** The operations of a graph, leaves left out, in the order of recording. */
const operations = (...outputs: Tensor[]): string[] =>
  sortNodes(outputs).flatMap(({ op }) => (leaf.has(op) ? [] : [op]));
const simplified = (...outputs: Tensor[]): string[] => operations(...simplify(outputs));
const [x, y, w] = [input("x", [2, 3]), input("y", [2, 3]), input("w", [3, 3])];
const [image, kernels] = [input("image", [2, 3, 4, 6]), input("kernels", [5, 3, 1, 1])];
const half = { kernel: [2, 2] };
const maxima = (t: Tensor): Tensor => t.maxPool(half)[0] ?? t;
const [a, b, c] = [input("a", [2, 2, 3]), input("b", [2, 3, 3]), input("c", [3])];

describe("what a rule leaves", () => {
  const rows: [string, Tensor, string[]][] = [
    ["x + 0", x.add(0), []],
    ["0 + x", zeros([2, 3]).add(x), []],
    ["x - 0", x.sub(0), []],
    ["0 - x is not x", zeros([2, 3]).sub(x), ["sub"]],
    ["x · 1", x.mul(1), []],
    ["1 · x", scalar(1).mul(x), []],
    ["x / 1", x.div(1), []],
    ["a sum that stretches is kept", c.add(zeros([2, 3])), ["expand", "add"]],
    ["x · 2 · 3", x.mul(2).mul(3), ["mul"]],
    ["-(-x)", x.neg().neg(), []],
    ["a reshape of a reshape", x.reshape([6]).reshape([3, 2]), ["reshape"]],
    ["a reshape there and back", x.reshape([6]).reshape([2, 3]), []],
    ["a transposition there and back", x.mT.mT, []],
    ["two transpositions", a.transpose([1, 2, 0]).transpose([1, 2, 0]), ["transpose"]],
    ["an axis moved", a.transpose([1, 2, 0]), ["transpose"]],
    ["axes in reverse, in blocks", a.transpose([2, 1, 0]), ["reshape", "transpose", "reshape", "transpose"]],
    ["an operand stretched for nothing", x.add(c.expand([2, 3])), ["add"]],
    ["xᵀ y", x.mT.matmul(y), ["matmul"]],
    ["x yᵀ", x.matmul(y.mT), ["matmul"]],
    ["batches", a.matmul(b.mT.mT), ["matmul"]],
    ["a transposition of other axes is kept", b.transpose([1, 0, 2]).matmul(w), ["transpose", "matmul"]],
    ["x w + c", x.matmul(w).add(c), ["gemm"]],
    ["c + x w", c.add(x.matmul(w)), ["gemm"]],
    ["xᵀ y + w", x.mT.matmul(y).add(w), ["gemm"]],
    ["batches have no gemm", a.matmul(b).add(c), ["matmul", "add"]],
    ["a product that is read twice", x.matmul(w).add(c).add(x.matmul(w)), ["matmul", "add", "add"]],
    ["a sum wider than the product", c.reshape([1, 3]).matmul(w).add(x), ["reshape", "matmul", "add"]],
    ["conv and a bias", image.conv(kernels).add(input("bias", [5]).reshape([5, 1, 1])), ["conv"]],
    ["a bias and conv", input("bias", [1, 5, 1, 1]).add(image.conv(kernels)), ["reshape", "conv"]],
    ["conv and a row is kept", image.conv(kernels).add(input("row", [6])), ["conv", "add"]],
    [
      "a convolution that is read twice",
      image
        .conv(kernels)
        .add(input("bias", [5, 1, 1]))
        .mul(image.conv(kernels)),
      ["conv", "add", "mul"],
    ],
    [
      "relu before max-pooling",
      gradient(maxima(image.relu()).sum(), [image])[0] ?? image,
      ["relu", "maxPool", "reshape", "greater", "cast", "mul", "unpool"],
    ],
    ["what is computed twice", x.exp().add(x.exp()), ["exp", "add"]],
    ["where nothing flows back", x.stopGradient().exp(), ["exp"]],
    ["noise is drawn for every use", noise("uniform", [2]).add(noise("uniform", [2])), ["add"]],
  ];
  test.each(rows)("%s", (_, output, expected) => expect(simplified(output)).toEqual(expected));

  test("two draws stay two leaves", () => {
    const sum = noise("uniform", [2]).add(noise("uniform", [2]));
    expect(sortNodes(simplify([sum])).filter(({ op }) => op === "noise")).toHaveLength(2);
  });

  test("attributes that JSON cannot spell stay distinct", () => {
    const pads = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -0, 0].map((value) =>
      c.pad([1], [0], value),
    );
    expect(new Set(simplify(pads)).size).toBe(5);
  });

  test("constants of other types and signs stay distinct", () => {
    const [zero, minus, double] = [scalar(0), scalar(-0), scalar(0, "f64").cast("f32")];
    const results = simplify([c.div(zero), c.div(minus), c.div(double)]);
    expect(new Set(results).size).toBe(3);
  });
});

type Build = (parts: readonly [Tensor, Tensor, Tensor]) => Tensor;

/** Graphs of [2, 3] tensors, full of what rules look for. */
const graphs: fc.Arbitrary<Build> = fc.letrec<{ graph: Build }>((tie) => {
  const inner = tie("graph");
  const unary = (apply: (t: Tensor) => Tensor) =>
    inner.map(
      (build): Build =>
        (parts) =>
          apply(build(parts)),
    );
  const binary = (apply: (s: Tensor, t: Tensor) => Tensor) =>
    fc.tuple(inner, inner).map(
      ([f, g]): Build =>
        (parts) =>
          apply(f(parts), g(parts)),
    );
  return {
    graph: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.constantFrom<Build>(
        ([p]) => p,
        ([, q]) => q,
        ([p]) => p.mul(0),
        ([, q]) => q.onesLike(),
      ),
      binary((s, t) => s.add(t)),
      binary((s, t) => s.sub(t)),
      binary((s, t) => s.mul(t)),
      binary((s, t) => s.matmul(t.mT).matmul(s)),
      binary((s, t) => s.mT.matmul(t).sum(0).add(t)),
      binary((s, t) => s.less(t).where(s, t.sum(0).expand([2, 3]))),
      fc.tuple(inner).map(
        ([f]): Build =>
          (parts) =>
            f(parts).matmul(parts[2]).add(f(parts)),
      ),
      unary((t) => t.neg()),
      unary((t) => t.mul(0.5).mul(2)),
      unary((t) => t.reshape([6]).add(1).reshape([3, 2]).mT.mT.reshape([2, 3])),
      unary((t) => t.add(t.zerosLike()).mul(t.mean().expand([2, 3]))),
      unary((t) => t.unsqueeze(0).expand([2, 2, 3]).add(t).sum(0)),
      unary((t) => t.stopGradient().tanh().div(1)),
    ),
  };
}).graph;

/** Both ways of computing the same. */
async function requireSame(build: Build, tolerance: Tolerance): Promise<void> {
  const inputs = [x, y, w] as const;
  const values = inputs.map(({ shape }, i) => uniform(i + 1, shape.map(Number), -1, 1, "f32"));
  const output = build(inputs);
  const outputs = [output, ...gradient(output.mul(output).sum(), [x, y])];
  const named = (tensors: readonly Tensor[], letter: string) =>
    Object.fromEntries(tensors.map((t, i) => [`${letter}${i}`, t]));
  const run = await prepare({ inputs: named(inputs, "x"), outputs: named(outputs, "y"), operations: new Set() });
  const got = await run(...values);
  const expected = await interpret(outputs, new Map(inputs.map((t, i) => [t, values[i] ?? uniform(0, [])])));
  for (const [i, value] of expected.entries()) requireClose(`output ${i}`, got[i], value, tolerance);
}

test("random graphs and their gradients give the numbers that their nodes give one by one", async () => {
  await fc.assert(
    fc.asyncProperty(graphs, (build) => requireSame((parts) => build(parts).tanh(), rewritten)),
    { numRuns: 60, seed: 1 },
  );
}, 60_000);

test("simplifying again changes nothing", () => {
  fc.assert(
    fc.property(graphs, (build) => {
      const output = build([x, y, w]);
      const once = simplify([output, ...gradient(output.sum(), [x])]);
      expect(operations(...simplify(once)).length).toBeLessThanOrEqual(operations(...once).length);
      expect(operations(...once).length).toBeLessThanOrEqual(operations(output, ...gradient(output.sum(), [x])).length);
    }),
    { numRuns: 100, seed: 1 },
  );
});

describe("scans", () => {
  const cell = LSTMCell(3, 4);
  const xs = input("xs", [2, 5, 3]);
  const start: LSTMState = { h: zeros([2, 4]), c: zeros([2, 4]) };
  const [last, hs] = scan((state: LSTMState, now: Tensor) => cell(state, now), start, xs);
  const wrt = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh];
  const scansOf = (outputs: readonly Tensor[]) => sortNodes(outputs).filter(({ op }) => op === "scan");

  test("the forward scan and its recording for the gradient are one", () => {
    const loss = hs.mul(hs).mean();
    const outputs = [loss, ...gradient(loss, wrt)];
    expect(scansOf(outputs)).toHaveLength(3);
    expect(scansOf(simplify(outputs))).toHaveLength(2);
  });

  test("what nobody reads is not stacked", () => {
    const [node] = scansOf(simplify([last.h]));
    expect(node?.outputs).toHaveLength(2);
  });

  test("a step keeps nothing that does not follow from the state", () => {
    const [node] = scansOf(simplify([hs]));
    const attrs = node?.attrs as { body: { outputs: Tensor[] } } | undefined;
    expect(operations(...(attrs?.body.outputs ?? [])).filter((op) => op === "matmul" || op === "gemm")).toHaveLength(1);
  });

  test("three layers deep", () => {
    const wider = [LSTMCell(3, 4), LSTMCell(4, 4), LSTMCell(4, 4)];
    const top = wider.reduce(
      (sequence, layer) => scan((state: LSTMState, now: Tensor) => layer(state, now), start, sequence)[1],
      xs,
    );
    const loss = top.sum();
    const parameters = wider.flatMap((layer) => [layer.weight_hh, layer.weight_ih]);
    expect(scansOf(simplify([loss, ...gradient(loss, parameters)]))).toHaveLength(6);
  });
});

describe("graphs of many layers", () => {
  /** Nodes that simplifying `outputs` makes. */
  function nodesMade(outputs: readonly Tensor[]): number {
    const before = scalar(0).node.id;
    simplify(outputs);
    return scalar(0).node.id - before;
  }
  const block = recompute((t: Tensor) => t.tanh().mul(t));
  const row = (h: Tensor, now: Tensor): [Tensor, Tensor] => [h.mul(now).tanh(), h];
  const stacks: Record<string, (t: Tensor) => Tensor> = {
    "recomputed blocks": (t) => block(t),
    scans: (t) => scan(row, t.slice(0, 0, 1).reshape([3]), t, { axis: 0 })[1],
  };
  test.each(Object.entries(stacks))("%s are opened, merged and pruned in one walk", (_, layer) => {
    const grown = (layers: number) => {
      let top: Tensor = x;
      for (let i = 0; i < layers; i++) top = layer(top);
      const loss = top.sum();
      return nodesMade([loss, ...gradient(loss, [x])]);
    };
    const [few, many] = [grown(8), grown(32)];
    expect(many / few).toBeLessThan(5); // four times the layers
  });
});

test("products with transposed operands give what transposing first gives", async () => {
  const turned = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  await requireSame(([p, q]) => p.matmul(q.mT).matmul(turned).add(turned), reordered);
  await requireSame(([p, , m]) => p.matmul(m.mT).neg().neg(), reordered);
});

test("every order of four axes puts each number where it belongs", async () => {
  const orders = [0, 1, 2, 3].flatMap((i) =>
    [0, 1, 2, 3].flatMap((j) => [0, 1, 2, 3].map((k) => [i, j, k, 6 - i - j - k])),
  );
  const shape = [2, 3, 4, 5];
  for (const perm of orders.filter((order) => new Set(order).size === 4)) {
    const [got] = await evaluate([iota(shape)], ([t]) => (t ? [t.transpose(perm)] : []));
    const sizes = perm.map((axis) => shape[axis] ?? 0);
    const steps = perm.map((axis) => shape.slice(axis + 1).reduce((p, q) => p * q, 1));
    const expected = Array.from({ length: 120 }, (_, at) =>
      sizes.reduce((sum, size, i) => {
        const index = Math.floor(at / sizes.slice(i + 1).reduce((p, q) => p * q, 1)) % size;
        return sum + index * (steps[i] ?? 0);
      }, 0),
    );
    expect(numbersOf(got?.data ?? Float32Array.of())).toEqual(expected);
  }
});
