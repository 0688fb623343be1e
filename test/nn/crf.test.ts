/** The linear-chain CRF against the enumeration of all sequences of tags. */
import { describe, expect, test } from "vitest";
import { DataError, DTypeError, ShapeError } from "../../src/errors.ts";
import { gradient } from "../../src/graph/index.ts";
import { CRF, crfLoss, namedParameters, viterbi } from "../../src/nn/index.ts";
import { compile, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { type DType, input, type Tensor } from "../../src/tensor/index.ts";
import { checkGradients } from "../support/differences.ts";
import { evaluate, host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { backward, double, exact, forward } from "../tolerances.ts";

/** A chain in plain numbers. */
interface Chain {
  readonly K: number;
  readonly transitions: readonly number[];
  readonly start: readonly number[];
  readonly end: readonly number[];
}

function chain(K: number, seed: number, scale = 2): Chain {
  const draw = (n: number, site: number) => numbersOf(uniform(seed + site, [n], -scale, scale, "f32").data);
  return { K, transitions: draw(K * K, 1), start: draw(K, 2), end: draw(K, 3) };
}

/** All sequences of n tags out of K. */
const paths = (K: number, n: number): number[][] =>
  n === 0 ? [[]] : paths(K, n - 1).flatMap((path) => Array.from({ length: K }, (_, k) => [...path, k]));

/** Σ of what a sequence scores, by the definition. */
function scoreOf({ K, transitions, start, end }: Chain, emissions: readonly number[], path: readonly number[]): number {
  if (path.length === 0) return 0;
  const own = path.reduce((sum, k, t) => sum + (emissions[t * K + k] ?? Number.NaN), 0);
  const moves = path.slice(1).reduce((sum, k, t) => sum + (transitions[(path[t] ?? 0) * K + k] ?? Number.NaN), 0);
  return own + moves + (start[path[0] ?? 0] ?? 0) + (end[path.at(-1) ?? 0] ?? 0);
}

const logSum = (values: readonly number[]): number => {
  const top = Math.max(...values);
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
};

const specs = ({ K, transitions, start, end }: Chain, dtype: DType = "f32") => [
  host(transitions, [K, K], dtype),
  host(start, [K], dtype),
  host(end, [K], dtype),
];

/** The loss of each row, as a function of emissions, scores, tags and lengths. */
const losses = (e: Tensor, transitions: Tensor, start: Tensor, end: Tensor, tags: Tensor, lengths: Tensor) =>
  crfLoss(e, tags, lengths, { transitions, start_transitions: start, end_transitions: end }, { reduction: "none" });

const [T, rows] = [4, [0, 1, 2, 3, 4]];
const emissionsOf = (K: number, seed: number) => uniform(seed, [rows.length, T, K], -3, 3, "f32");
const tagsOf = (K: number) => rows.flatMap((_, b) => Array.from({ length: T }, (_, t) => (b * 7 + t * t) % K));
const rowOf = ({ data, shape }: HostTensor, b: number) => {
  const size = data.length / (shape[0] ?? 1);
  return numbersOf(data).slice(b * size, (b + 1) * size);
};

describe.each([1, 2, 3, 5])("of %i tags, lengths 0 to 4", (K) => {
  const scores = chain(K, K);
  const emissions = emissionsOf(K, 20 + K);
  const tags = tagsOf(K);
  const own = (b: number) => rowOf(emissions, b).slice(0, (rows[b] ?? 0) * K);
  const all = (dtype: DType) => [
    { ...host(numbersOf(emissions.data), emissions.shape, dtype) },
    ...specs(scores, dtype),
    host(tags, [rows.length, T], "i32"),
    host(rows, [rows.length], "i32"),
  ];
  const run = (values: readonly HostTensor[]) =>
    evaluate(values, ([e, a, s, z, y, n]) => {
      const each = losses(e as Tensor, a as Tensor, s as Tensor, z as Tensor, y as Tensor, n as Tensor);
      return [each, ...gradient(each.sum(), [e as Tensor])];
    });

  test("the loss is -log of the share of a sequence among all", async () => {
    const expected = rows.map((n, b) => {
      const every = logSum(paths(K, n).map((path) => scoreOf(scores, own(b), path)));
      return every - scoreOf(scores, own(b), tags.slice(b * T, b * T + n));
    });
    requireClose("f32", (await run(all("f32")))[0], host(expected, [rows.length]), forward);
    requireClose("f64", (await run(all("f64")))[0], host(expected, [rows.length], "f64"), double);
    expect(expected[0]).toBe(0);
  });

  test("its gradient by the emissions is how likely a tag is at a place, less 1 where it is the right one", async () => {
    const expected = rows.flatMap((n, b) => {
      const every = paths(K, n).map((path) => ({ path, score: scoreOf(scores, own(b), path) }));
      const total = logSum(every.map(({ score }) => score));
      return Array.from({ length: T * K }, (_, i) => {
        const [t, k] = [Math.floor(i / K), i % K];
        if (t >= n) return 0;
        const here = every
          .filter(({ path }) => path[t] === k)
          .reduce((sum, { score }) => sum + Math.exp(score - total), 0);
        return here - (tags[b * T + t] === k ? 1 : 0);
      });
    });
    requireClose("f32", (await run(all("f32")))[1], host(expected, emissions.shape), backward);
    requireClose("f64", (await run(all("f64")))[1], host(expected, emissions.shape, "f64"), double);
  });

  test("Viterbi finds the sequence that scores highest", () => {
    for (const [b, n] of rows.entries()) {
      const every = paths(K, n);
      const sums = every.map((path) => scoreOf(scores, own(b), path));
      const found = viterbi(own(b), scores);
      expect(Array.from(found)).toEqual(every[sums.indexOf(Math.max(...sums))]);
    }
  });

  test("Viterbi never takes what is forbidden", () => {
    const forbidden = (i: number) => i % 3 === 1;
    const transitions = scores.transitions.map((score, i) => (forbidden(i) ? Number.NEGATIVE_INFINITY : score));
    const bound = { ...scores, transitions };
    for (const [b, n] of rows.entries()) {
      const every = paths(K, n);
      const sums = every.map((path) => scoreOf(bound, own(b), path));
      const found = Array.from(viterbi(own(b), bound));
      expect(found).toEqual(every[sums.indexOf(Math.max(...sums))]);
      expect(found.slice(1).some((k, t) => forbidden((found[t] ?? 0) * K + k))).toBe(false);
    }
  });

  test("gradients of all scores are difference quotients", () => {
    const [e, a, s, z, y, n] = all("f64");
    const constant = (values: HostTensor | undefined) => values as HostTensor;
    return checkGradients([e, a, s, z, y, n].map(constant), (...inputs) => {
      const [emission, move, start, end, tag, ...rest] = inputs as unknown as Tensor[];
      return losses(
        emission as Tensor,
        move as Tensor,
        start as Tensor,
        end as Tensor,
        tag as Tensor,
        rest[0] as Tensor,
      );
    });
  });
});

describe("padding", () => {
  const K = 3;
  const scores = specs(chain(K, 9));
  const lengths = host(rows, [rows.length], "i32");
  const within = (i: number, width: number) => Math.floor(i / width) % T < (rows[Math.floor(i / (T * width))] ?? 0);
  const filled = (value: number, tag: number) =>
    evaluate(
      [
        host(
          numbersOf(emissionsOf(K, 4).data).map((x, i) => (within(i, K) ? x : value)),
          [rows.length, T, K],
        ),
        ...scores,
        host(
          tagsOf(K).map((k, i) => (within(i, 1) ? k : tag)),
          [rows.length, T],
          "i32",
        ),
        lengths,
      ],
      ([e, a, s, z, y, n]) => {
        const each = losses(e as Tensor, a as Tensor, s as Tensor, z as Tensor, y as Tensor, n as Tensor);
        return [each, ...gradient(each.sum(), [e, a, s, z] as Tensor[])];
      },
    );
  test.each([
    ["NaN", Number.NaN, -100],
    ["infinity", Number.POSITIVE_INFINITY, 99],
  ])("of %s changes no loss and no gradient", async (_, value, tag) => {
    const [plain, odd] = [await filled(0, 0), await filled(value, tag)];
    for (const [i, expected] of plain.entries()) requireClose(`result ${i}`, odd[i], expected, exact);
  });
});

test.each(["i32", "i64"] as const)("a length above T, %s, is T: the end counts as well", async (dtype) => {
  const K = 3;
  const given = [emissionsOf(K, 4), ...specs(chain(K, 9)), host(tagsOf(K), [rows.length, T], "i32")];
  const [long, whole] = [T + 3, T].map((length) => host(Array(rows.length).fill(length), [rows.length], dtype));
  const results = await evaluate([...given, long as HostTensor, whole as HostTensor], (inputs) => {
    const [e, a, s, z, y, ...lengths] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor, ...Tensor[]];
    return lengths.map((n) => losses(e, a, s, z, y, n));
  });
  requireClose("losses", results[0], results[1] as HostTensor, exact);
});

test("a tag that does not exist makes its row NaN, and no other", async () => {
  const K = 2;
  const [each] = await evaluate(
    [
      uniform(1, [3, 2, K], -1, 1, "f32"),
      ...specs(chain(K, 1)),
      host([0, 1, 0, 2, -1, 0], [3, 2], "i32"),
      host([2, 2, 1], [3], "i32"),
    ],
    ([e, a, s, z, y, n]) => [losses(e as Tensor, a as Tensor, s as Tensor, z as Tensor, y as Tensor, n as Tensor)],
  );
  expect(numbersOf(each?.data ?? new Float32Array()).map(Number.isNaN)).toEqual([false, true, true]);
});

test("scores of hundreds are neither lost nor infinite", async () => {
  const K = 2;
  const emissions = host([500, 0, 0, 500, 500, 0], [1, 3, K]);
  const zero = specs({ K, transitions: [0, 0, 0, 0], start: [0, 0], end: [0, 0] });
  const run = (path: readonly number[]) =>
    evaluate([emissions, ...zero, host(path, [1, 3], "i32"), host([3], [1], "i32")], ([e, a, s, z, y, n]) => [
      losses(e as Tensor, a as Tensor, s as Tensor, z as Tensor, y as Tensor, n as Tensor),
    ]);
  requireClose("the best", (await run([0, 1, 0]))[0], host([0], [1]), exact);
  requireClose("the worst", (await run([1, 0, 1]))[0], host([1500], [1]), exact);
});

test("over hundreds of steps float32 keeps its digits", async () => {
  const [K, n] = [9, 400];
  const run = async (dtype: DType) => {
    const emissions = uniform(3, [1, n, K], -4, 4, "f32");
    const tags = Array.from({ length: n }, (_, t) => (t * t) % K);
    const given = [
      host(numbersOf(emissions.data), [1, n, K], dtype),
      ...specs(chain(K, 5), dtype),
      host(tags, [1, n], "i32"),
      host([n], [1], "i32"),
    ];
    const [loss, g] = await evaluate(given, ([e, a, s, z, y, l]) => {
      const each = losses(e as Tensor, a as Tensor, s as Tensor, z as Tensor, y as Tensor, l as Tensor);
      return [each, ...gradient(each.sum(), [e as Tensor])];
    });
    return [loss, g].map((found) => numbersOf(found?.data ?? new Float32Array([Number.NaN])));
  };
  const [short = [], exactly = []] = await Promise.all([run("f32"), run("f64")]);
  requireClose("loss", host(short[0] ?? [], [1]), host(exactly[0] ?? [], [1]), forward);
  requireClose("gradient", host(short[1] ?? [], [n * K]), host(exactly[1] ?? [], [n * K]), backward);
});

test("a layer of parts called as in pytorch-crf, uniform within 0.1; B and T known when it runs", async () => {
  const crf = CRF(3);
  const parts = namedParameters(crf);
  expect(Object.entries(parts).map(([name, { shape }]) => [name, shape])).toEqual([
    ["transitions", [3, 3]],
    ["start_transitions", [3]],
    ["end_transitions", [3]],
  ]);
  const values = initialValues(parts, 3);
  for (const { data } of Object.values(values))
    for (const value of numbersOf(data)) expect(Math.abs(value)).toBeLessThanOrEqual(0.1);
  const batch = {
    e: input("e", ["B", "T", 3]),
    tags: input("tags", ["B", "T"], "i32"),
    lengths: input("lengths", ["B"], "i32"),
  };
  const loss = crf(batch.e, batch.tags, batch.lengths);
  const program = await compile({ ...batch, ...parts }, { loss }, { threads: 1 });
  for (const [B, n] of [
    [1, 1],
    [2, 3],
    [3, 6],
  ] as const) {
    const feeds = {
      e: host(Array<number>(B * n * 3).fill(0), [B, n, 3]),
      tags: host(Array<number>(B * n).fill(1), [B, n], "i32"),
      lengths: host(Array<number>(B).fill(n), [B], "i32"),
    };
    const zeros = Object.fromEntries(
      Object.entries(parts).map(([name, { shape }]) => [
        name,
        host([0, 0, 0, 0, 0, 0, 0, 0, 0].slice(0, shape.length === 2 ? 9 : 3), shape.map(Number)),
      ]),
    );
    const { loss: found } = await program.run({ ...feeds, ...zeros });
    requireClose(`${B} rows of ${n}`, found, host([n * Math.log(3)], []), forward); // all 3^n sequences alike
  }
});

test.each([0, 1, 5])("Viterbi compares no NaN, as emission %i of 6", (at) => {
  const emissions = [0, 1, 2, 3, 4, 5].map((value) => (value === at ? Number.NaN : value));
  expect(() => viterbi(emissions, chain(2, 1))).toThrow(DataError);
});

describe("what does not fit is refused in one line", () => {
  const e = input("e", [2, 4, 3]);
  const [tags, lengths] = [input("tags", [2, 4], "i32"), input("lengths", [2], "i32")];
  const cases: readonly [string, () => unknown, new (...args: never[]) => Error, RegExp][] = [
    ["emissions of another width", () => CRF(4)(e, tags, lengths), ShapeError, /^crf: expected transitions \[3, 3\]/],
    [
      "tags of another length",
      () => CRF(3)(e, input("y", [2, 5], "i32"), lengths),
      ShapeError,
      /\[2, 4, 3\] and \[2, 5\]/,
    ],
    [
      "no step at all",
      () => CRF(3)(input("e", [2, 0, 3]), input("y", [2, 0], "i32"), lengths),
      ShapeError,
      /^crf: expected at least one step, got emissions \[2, 0, 3\]/,
    ],
    ["tags of floats", () => CRF(3)(e, input("y", [2, 4]), lengths), DTypeError, /got f32 and f32; cast them$/],
    [
      "too few lengths",
      () => CRF(3)(e, tags, input("n", [3], "i32")),
      ShapeError,
      /^lengths: expected one for each row/,
    ],
    [
      "numbers of no chain",
      () => viterbi([1, 2, 3], { transitions: [0, 0, 0, 0], start: [0, 0], end: [0, 0] }),
      ShapeError,
      /got 3, 4, 2, 2/,
    ],
  ];
  test.each(cases)("%s", (_, make, kind, message) => {
    expect(make).toThrow(kind);
    expect(make).toThrow(message);
    expect(make).toThrow(/^[^\n]+; [^\n]+$/);
  });
});
