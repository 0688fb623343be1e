/** Layers, activations, attention and losses against PyTorch: test/fixtures/layers.json and functions.json. */
import { describe, expect, test } from "vitest";
import { gradient } from "../../src/graph/index.ts";
import * as nn from "../../src/nn/index.ts";
import { compile, type HostTensor } from "../../src/runtime/index.ts";
import { input, type Tensor, tensor } from "../../src/tensor/index.ts";
import { weighted } from "../conformance/case.ts";
import functionLines from "../fixtures/functions.json" with { type: "json" };
import layerLines from "../fixtures/layers.json" with { type: "json" };
import minimalLines from "../fixtures/minimal.json" with { type: "json" };
import recurrentLines from "../fixtures/recurrent.json" with { type: "json" };
import truncateLines from "../fixtures/truncate.json" with { type: "json" };
import { evaluate, host, requireClose } from "../support/numbers.ts";
import { backward, forward } from "../tolerances.ts";

interface Stored {
  readonly shape: number[];
  readonly dtype: "float64" | "int32" | "bool";
  readonly data: number[];
}
type Named<T> = Readonly<Record<string, T>>;
type Maybe = Stored | null;

interface LayerLine {
  readonly layer: string;
  readonly args: readonly never[];
  readonly train: boolean;
  readonly parameters: Named<Stored>;
  readonly buffers: Named<Stored>;
  readonly inputs: readonly Stored[];
  readonly outputs: readonly Stored[];
  readonly gradOutputs: readonly Stored[];
  readonly gradInputs: readonly Maybe[];
  readonly gradParameters: Named<Stored>;
  readonly buffersAfter: Named<Stored>;
}

const types = { float64: "f32", int32: "i32", bool: "bool" } as const;
const stored = ({ shape, dtype, data }: Stored): HostTensor => host(data.map(Number), shape, types[dtype]);
const map = <A, B>(named: Named<A>, change: (value: A, name: string) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(named).map(([name, value]) => [name, change(value, name)]));
const prefixed = <T>(prefix: string, named: Named<T>): Record<string, T> =>
  Object.fromEntries(Object.entries(named).map(([name, value]) => [prefix + name, value]));
const numbered = <T>(prefix: string, list: readonly T[]): Record<string, T> =>
  prefixed(prefix, Object.fromEntries(list.entries()));

/** A layer of any form, with how it is called on the inputs of a line. */
interface Made {
  readonly layer: object;
  readonly call: (inputs: readonly Tensor[]) => readonly Tensor[];
}
type Simple = (x: Tensor) => Tensor;

interface Sequences {
  readonly lengths: boolean;
  readonly state: number;
  readonly truncate?: number;
}

/** Layers over sequences whose state is one tensor. */
const alone = { RNN: nn.RNN, GRU: nn.GRU, MinGRU: nn.MinGRU, MinLSTM: nn.MinLSTM };
type SequenceName = keyof typeof alone | "LSTM";

/** Inputs: x, then lengths, then the first states, as far as the line has them. */
const sequences = (
  I: number,
  H: number,
  options: object,
  { lengths, state, truncate }: Sequences,
  name: SequenceName,
): Made => {
  const split = ([xs, ...rest]: readonly Tensor[]) => {
    const [h, c] = rest.slice(Number(lengths));
    const given = { ...(lengths && rest[0] && { lengths: rest[0] }), ...(truncate && { truncate }) };
    return { xs: xs as Tensor, h, c, given };
  };
  if (name === "LSTM") {
    const layer = nn.LSTM(I, H, options);
    const call = (inputs: readonly Tensor[]) => {
      const { xs, h, c, given } = split(inputs);
      const [ys, last] = layer(xs, { ...given, ...(h && c && { state: { h, c } }) });
      return [ys, last.h, last.c];
    };
    return { layer, call };
  }
  const layer = alone[name](I, H, options);
  const call = (inputs: readonly Tensor[]) => {
    const { xs, h, given } = split(inputs);
    return layer(xs, { ...given, ...(state > 0 && h && { state: h }) });
  };
  return { layer, call };
};

interface Masks {
  readonly causal?: boolean;
  readonly mask?: number[][];
  readonly keyMask?: number[][];
}
const masksOf = ({ mask, keyMask, ...rest }: Masks) => ({
  ...rest,
  ...(mask && { mask: tensor(mask, "bool") }),
  ...(keyMask && { keyMask: tensor(keyMask, "bool") }),
});

const multihead = (E: number, H: number, options: object, masks: Masks): Made => {
  const layer = nn.MultiheadAttention(E, H, options);
  return {
    layer,
    call: ([query, key, value]) => [
      layer(query as Tensor, { ...(key && { key }), ...(value && { value }), ...masksOf(masks) }),
    ],
  };
};

const sequential = () => nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3, { bias: false }), nn.Softmax());

function make({ layer: name, args }: LayerLine): Made {
  if (name === "LSTM" || name in alone) {
    const [I, H, options, call] = args as unknown as [number, number, object, Sequences];
    return sequences(I, H, options, call, name as SequenceName);
  }
  if (name === "MultiheadAttention") return multihead(...(args as unknown as [number, number, object, Masks]));
  const makers = { ...nn, Sequential: sequential } as unknown as Named<(...args: readonly never[]) => Simple>;
  const layer = makers[name]?.(...args);
  if (!layer) throw new Error(`there is no layer ${name}`);
  return { layer, call: ([x]) => [layer(x as Tensor)] };
}

const title = (name: string, details: unknown, inputs: readonly Stored[], i: number) =>
  `${name} ${JSON.stringify(details)} ${inputs.map(({ shape }) => `[${shape}]`).join(" ")} #${i}`;

/** Layers that are computed another way where no gradient is asked for. */
const otherwise = new Set(["LSTM", "GRU"]);

describe("layers", () => {
  const lines = [
    ...layerLines,
    ...minimalLines,
    ...recurrentLines,
    ...truncateLines,
  ] as unknown as readonly LayerLine[];
  test.each(lines.map((line, i) => [title(line.layer, line.args, line.inputs, i), line] as const))(
    "%s",
    async (_, line) => {
      const { layer, call } = make(line);
      const [parameters, buffers] = [nn.namedParameters(layer), nn.namedBuffers(layer)];
      expect(map(parameters, ({ shape }) => shape)).toEqual(map(line.parameters, ({ shape }) => shape));
      expect(Object.keys(parameters)).toEqual(Object.keys(line.parameters));
      expect(map(buffers, ({ shape }) => shape)).toEqual(map(line.buffers, ({ shape }) => shape));

      const inputs = line.inputs.map(({ shape, dtype }, i) => input(`x${i}`, shape, types[dtype]));
      const run = () => call(inputs);
      const { result: outputs, updates } = line.train ? nn.traceTraining(run) : { result: run(), updates: new Map() };
      const wrt = [...inputs.filter((_, i) => line.gradInputs[i]), ...Object.values(parameters)];
      const gradients = gradient(weighted(outputs, line.gradOutputs.map(stored)), wrt);
      const program = await compile(
        { ...numbered("x", inputs), ...parameters, ...buffers },
        {
          ...numbered("y", outputs),
          ...numbered("g", gradients),
          ...prefixed(
            "next.",
            map(buffers, (tensor) => updates.get(tensor) ?? tensor.add(0)),
          ),
        },
        { threads: 1 },
      );
      const results = await program.run({
        ...numbered("x", line.inputs.map(stored)),
        ...map(line.parameters, stored),
        ...map(line.buffers, ({ data, shape }, name) => host(data, shape, (buffers[name] as Tensor).dtype)),
      });
      for (const [i, y] of line.outputs.entries()) requireClose(`output ${i}`, results[`y${i}`], stored(y), forward);
      const expected = [...line.gradInputs.filter((g) => g !== null), ...Object.values(line.gradParameters)];
      for (const [i, g] of expected.entries()) requireClose(`gradient ${i}`, results[`g${i}`], stored(g), backward);
      for (const [name, value] of Object.entries(line.buffersAfter)) {
        const { dtype } = buffers[name] as Tensor;
        requireClose(name, results[`next.${name}`], host(value.data, value.shape, dtype), forward);
      }
      await program.release();
      if (line.train || !otherwise.has(line.layer)) return;
      const alone = await compile({ ...numbered("x", inputs), ...parameters }, numbered("y", outputs), { threads: 1 });
      const own = await alone.run({ ...numbered("x", line.inputs.map(stored)), ...map(line.parameters, stored) });
      for (const [i, y] of line.outputs.entries()) requireClose(`output ${i} alone`, own[`y${i}`], stored(y), forward);
      await alone.release();
    },
  );
});

interface FunctionLine {
  readonly op: string;
  readonly inputs: readonly Stored[];
  readonly attrs: Attrs;
  readonly outputs: readonly Stored[];
  readonly gradOutputs: readonly Stored[];
  readonly gradInputs: readonly Maybe[];
}

interface Attrs extends Masks {
  readonly args?: readonly never[];
}

type Args = [Tensor, Tensor, Tensor, Tensor];

/** Lists of the file that are tensors here. */
const withTensors = (attrs: Named<unknown>): Record<string, unknown> =>
  map(attrs, (value, name) => (name === "weights" || name === "positiveWeight" ? tensor(value as number[]) : value));

function apply({ op, attrs }: FunctionLine, inputs: readonly Tensor[]): Tensor {
  const { args, bias, ...rest } = attrs as Named<unknown> & { args?: readonly never[]; bias?: boolean };
  const [x, k, v, b] = inputs as Args;
  if (op === "attention") return nn.attention(x, k, v, { ...masksOf(rest as Masks), ...(bias && { bias: b }) });
  if (op in nn.activations) return nn.activations[op as nn.Activation](x);
  const found = (nn as unknown as Named<(...args: readonly unknown[]) => unknown>)[op];
  if (!found) throw new Error(`there is no function ${op}`);
  return args
    ? (found(...args) as Simple)(x)
    : (found(...inputs, ...(Object.keys(rest).length > 0 ? [withTensors(rest)] : [])) as Tensor);
}

describe("functions", () => {
  const lines = functionLines as unknown as readonly FunctionLine[];
  test.each(lines.map((line, i) => [title(line.op, line.attrs, line.inputs, i), line] as const))(
    "%s",
    async (_, line) => {
      const results = await evaluate(line.inputs.map(stored), (inputs) => {
        const y = apply(line, inputs);
        const wrt = inputs.filter((_, i) => line.gradInputs[i]);
        return [y, ...gradient(weighted([y], line.gradOutputs.map(stored)), wrt)];
      });
      requireClose("output", results[0], stored(line.outputs[0] as Stored), forward);
      for (const [i, g] of line.gradInputs.filter((g) => g !== null).entries())
        requireClose(`gradient ${i}`, results[i + 1], stored(g), backward);
    },
  );
});
