/** Attention of recurrent decoders against PyTorch (`test/fixtures/alignment.py`), and what padding may not change. */
import { describe, expect, test } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { gradient } from "../../src/graph/index.ts";
import { AdditiveAttention, DotAttention, GeneralAttention, namedParameters } from "../../src/nn/index.ts";
import { compile, type HostTensor } from "../../src/runtime/index.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import { weighted } from "../conformance/case.ts";
import fixture from "../fixtures/alignment.json" with { type: "json" };
import { checkGradients } from "../support/differences.ts";
import { evaluate, host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { backward, forward } from "../tolerances.ts";

interface Stored {
  readonly shape: number[];
  readonly dtype: string;
  readonly data: number[];
}
type Named = Readonly<Record<string, Stored>>;

const makers = { AdditiveAttention, DotAttention, GeneralAttention };
const stored = ({ shape, dtype, data }: Stored): HostTensor => host(data, shape, dtype === "int32" ? "i32" : "f32");
type Call = (query: Tensor, memory: Tensor, options?: { lengths?: Tensor; keys?: Tensor }) => [Tensor, Tensor];
type Made = Call & { keys(memory: Tensor, lengths?: Tensor): Tensor };

/** Outputs and gradients of a line, the memory as given. */
async function results(line: (typeof fixture)[number], memory: HostTensor, given: "keys" | "no keys") {
  const layer = (makers[line.layer as keyof typeof makers] as (...args: number[]) => Made)(...line.args);
  const [query, , lengths] = line.inputs.map((value) => stored(value as Stored));
  const inputs = [query, memory, lengths].flatMap((value, i) =>
    value ? [input(`x${i}`, value.shape, value.dtype)] : [],
  ) as [Tensor, Tensor, Tensor | undefined];
  const options = inputs[2] ? { lengths: inputs[2] } : {};
  const keys = given === "keys" ? { keys: layer.keys(inputs[1], inputs[2]) } : {};
  const outputs = layer(inputs[0], inputs[1], { ...options, ...keys });
  const parameters = namedParameters(layer);
  const wrt = [inputs[0], inputs[1], ...Object.values(parameters)];
  const gradients = gradient(weighted(outputs, line.gradOutputs.map(stored)), wrt);
  const numbered = (prefix: string, list: readonly Tensor[]) =>
    Object.fromEntries(list.map((tensor, i) => [prefix + i, tensor]));
  const program = await compile(
    {
      ...numbered(
        "x",
        inputs.filter((x) => x !== undefined),
      ),
      ...parameters,
    },
    { ...numbered("y", outputs), ...numbered("g", gradients) },
    { threads: 1 },
  );
  const weights = Object.entries(line.parameters as unknown as Named).map(([name, value]) => [name, stored(value)]);
  const feeds = { x0: query, x1: memory, ...(lengths && { x2: lengths }), ...Object.fromEntries(weights) };
  return program.run(feeds as Record<string, HostTensor>);
}

function requireLine(line: (typeof fixture)[number], got: Awaited<ReturnType<typeof results>>): void {
  for (const [i, y] of line.outputs.entries()) requireClose(`output ${i}`, got[`y${i}`], stored(y), forward);
  const gradients = [...line.gradInputs.slice(0, 2), ...Object.values(line.gradParameters as unknown as Named)];
  for (const [i, g] of gradients.entries()) requireClose(`gradient ${i}`, got[`g${i}`], stored(g as Stored), backward);
}

describe.each(fixture.map((line, i) => [`${line.layer} ${i}`, line] as const))("%s", (_, line) => {
  const memory = stored(line.inputs[1] as Stored);
  test("values and gradients", async () => requireLine(line, await results(line, memory, "no keys")));
  test("with keys that were made before", async () => requireLine(line, await results(line, memory, "keys")));
  test("NaN behind the end of a row changes nothing", async () => {
    const lengths = line.inputs[2]?.data;
    if (!lengths) return;
    const [, S = 0, M = 0] = memory.shape;
    const spoilt = numbersOf(memory.data).map((x, i) =>
      Math.floor(i / M) % S < Number(lengths[Math.floor(i / M / S)]) ? x : Number.NaN,
    );
    requireLine(line, await results(line, host(spoilt, memory.shape), "no keys"));
    requireLine(line, await results(line, host(spoilt, memory.shape), "keys"));
  });
});

test("gradients in float64 are difference quotients", () =>
  checkGradients([uniform(1, [2, 3, 4]), uniform(2, [2, 5, 4])], (query, memory) => DotAttention()(query, memory)));

test("weights are probabilities; a row without a position gives 0 and weighs nothing", async () => {
  const values = [uniform(1, [3, 4], -1, 1, "f32"), uniform(2, [3, 5, 4], -1, 1, "f32"), host([2, 0, 5], [3], "i32")];
  const [context, weights] = await evaluate(values, ([q, m, lengths]) =>
    DotAttention()(q as Tensor, m as Tensor, { lengths: lengths as Tensor }),
  );
  const rows = [0, 1, 2].map((b) => numbersOf((weights as HostTensor).data).slice(b * 5, b * 5 + 5));
  expect(rows.map((row) => row.reduce((a, b) => a + b, 0))).toEqual([expect.closeTo(1, 6), 0, expect.closeTo(1, 6)]);
  expect(rows[0]?.slice(2)).toEqual([0, 0, 0]);
  expect(numbersOf((context as HostTensor).data).slice(4, 8)).toEqual([0, 0, 0, 0]);
});

test("what does not fit is refused", () => {
  const [q, m] = [input("q", [2, 3]), input("m", [2, 5, 4])];
  expect(() => DotAttention()(q, q)).toThrow(
    new ShapeError(
      "DotAttention: expected queries [B, Q] or [B, T, Q] and a memory [B, S, M], got [2, 3] and [2, 3]; give both for the same rows",
    ),
  );
  expect(() => DotAttention()(q, m)).toThrow(ShapeError); // 3 and 4 wide
  expect(() => GeneralAttention(3, 4)(q, m, { lengths: input("n", [2]) })).toThrow(/^lengths: expected i32 or i64/);
  expect(() => AdditiveAttention(3, 0)).toThrow(ConfigError);
  expect(() => AdditiveAttention(3, 4)(q, m, { mask: q } as never)).toThrow(ConfigError);
});
