/** Layers out of files of Keras and ONNX: their outputs are those that Keras, onnx and PyTorch gave for the same files. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type ImportedLayers, type ImportedMaker, readKeras, readOnnx } from "../../src/checkpoint/index.ts";
import { Embedding, GRU, Linear, LSTM, type LSTMState, module, namedParameters, RNN } from "../../src/nn/index.ts";
import { compile, type HostTensor } from "../../src/runtime/index.ts";
import { input, Tensor, tensor } from "../../src/tensor/index.ts";
import { host, numbersOf, requireClose } from "../support/numbers.ts";
import { forward } from "../tolerances.ts";

interface Stored {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
type Expected = Readonly<Record<string, Stored>>;

const file = (name: string): Uint8Array => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const numbers = (name: string): ((key: string) => HostTensor) => {
  const found: Expected = JSON.parse(new TextDecoder().decode(file(name)));
  return (key) => {
    const stored = found[key];
    if (!stored) throw new Error(`${name} has no ${key}`);
    return host(stored.data, stored.shape, key === "ids" ? "i32" : "f32");
  };
};

type Inputs = readonly Tensor[];

/** What `call` makes of the layer `name` of a file. */
async function outputs(
  from: ImportedLayers,
  [name, maker]: readonly [string, ImportedMaker],
  given: readonly HostTensor[],
  call: (layer: never, ...inputs: Inputs) => readonly Tensor[],
): Promise<HostTensor[]> {
  const net = module("Net", { layer: from.layer(name, maker) }, () => undefined);
  const inputs = given.map(({ shape, dtype }, i) => input(`x${i}`, [...shape], dtype));
  const named = Object.fromEntries(inputs.map((x, i) => [`x${i}`, x]));
  const results = Object.fromEntries(call(net.layer as never, ...inputs).map((y, i) => [`y${i}`, y]));
  await using program = await compile({ ...named, ...namedParameters(net) }, results);
  const found = await program.run({
    ...Object.fromEntries(given.map((x, i) => [`x${i}`, x])),
    ...from.values(net),
  });
  return Object.keys(results).flatMap((key) => found[key] ?? []);
}

type Sequences = (
  xs: Tensor,
  options?: { state?: Tensor | LSTMState; lengths?: Tensor },
) => [Tensor, Tensor | LSTMState];
const simple = (layer: (x: Tensor) => Tensor, x: Tensor) => [layer(x)];
const all = (layer: Sequences, x: Tensor) => [layer(x)[0]];

describe("Keras", () => {
  const expected = numbers("keras/expected.json");
  const [x, ids] = [expected("x"), expected("ids")];
  const kinds = [
    ["plain", RNN],
    ["rectified", RNN],
    ["long", LSTM],
    ["unbiased", LSTM],
    ["after", GRU],
    ["before", GRU],
    ["bare", GRU],
    ["both", LSTM],
    ["both_gru", GRU],
    ["summed", LSTM],
    ["multiplied", GRU],
    ["averaged", RNN],
  ] as const;
  const lengths = [5, 1, 3];

  describe.each(["layers.keras", "layers.h5"])("%s", (name) => {
    const read = () => readKeras(file(`keras/${name}`));

    test.each(kinds)("%s", async (layer, maker) => {
      const [ys] = await outputs(await read(), [layer, maker], [x], all);
      requireClose(layer, ys, expected(layer), forward);
    });

    test("a Dense layer without its activation", async () => {
      const rectified = (layer: (x: Tensor) => Tensor, x: Tensor) => [layer(x).relu()];
      const [y] = await outputs(await read(), ["dense", Linear], [x], rectified as never);
      requireClose("dense", y, expected("dense"), forward);
    });

    test("an embedding, and a mask as lengths", async () => {
      const [rows] = await outputs(await read(), ["rows", Embedding], [ids], simple as never);
      requireClose("rows", rows, expected("rows"), forward);
      const masked = (layer: Sequences, xs: Tensor) => {
        const [ys, { h, c }] = layer(xs, { lengths: tensor(lengths, "i32") }) as [Tensor, LSTMState];
        return [ys, h.squeeze(0), c.squeeze(0)];
      };
      const [ys, h, c] = await outputs(await read(), ["masked", LSTM], [expected("rows")], masked as never);
      requireClose("masked", ys, cleared(expected("masked"), lengths), forward); // Keras repeats the last one
      requireClose("masked_h", h, expected("masked_h"), forward);
      requireClose("masked_c", c, expected("masked_c"), forward);
    });
  });

  test.each([
    ["gru_1", GRU],
    ["lstm_1", LSTM],
  ] as const)("%s of Keras 2, whose gates have a hard sigmoid", async (name, maker) => {
    const [ys] = await outputs(await readKeras(file("keras/old.h5")), [name, maker], [x], all as never);
    requireClose(name, ys, expected(name), forward);
  });
});

describe("ONNX", () => {
  const expected = numbers("onnx/expected.json");
  const turned = (x: Tensor) => x.transpose([1, 0, 2]); // [T, B, ..] of ONNX <-> [B, T, ..]
  const nodes = [
    ["rnn", RNN, 1],
    ["rnn_both", RNN, 0],
    ["lstm", LSTM, 2],
    ["lstm_both", LSTM, 2],
    ["lstm_bare", LSTM, 0],
    ["peepholes", LSTM, 2],
    ["gru", GRU, 1],
    ["gru_before", GRU, 1],
    ["gru_both", GRU, 0],
    ["gru_both_before", GRU, 0],
  ] as const;

  test.each(nodes)("%s", async (name, maker, states) => {
    const given = ["x", `${name}.h0`, `${name}.c0`].slice(0, states + 1).map(expected);
    const call = (layer: Sequences, x: Tensor, h?: Tensor, c?: Tensor) => {
      const [ys, last] = layer(turned(x), h && { state: c ? { h, c } : h });
      return [ys, ...(last instanceof Tensor ? [last] : [last.h, last.c])];
    };
    const [ys, ...last] = await outputs(readOnnx(file("onnx/layers.onnx")), [name, maker], given, call as never);
    requireClose(name, ys, sideBySide(expected(`${name}.y`)), forward);
    for (const [i, key] of ["h", "c"].slice(0, last.length).entries())
      requireClose(`${name}.${key}`, last[i], expected(`${name}.${key}`), forward);
  });

  test("what PyTorch exports", async () => {
    const read = readOnnx(file("onnx/torch.onnx"));
    expect([...read.layers.keys()]).toEqual(["/lstm/LSTM", "/lstm/LSTM_1", "/gru/GRU"]);
    const xs = expected("torch.x");
    const [first] = await outputs(read, ["/lstm/LSTM", LSTM], [xs], all as never);
    const [second] = await outputs(read, ["/lstm/LSTM_1", LSTM], [first as HostTensor], all as never);
    requireClose("hs", second, expected("torch.hs"), forward);
    const [last] = await outputs(read, ["/gru/GRU", GRU], [second as HostTensor], all as never);
    requireClose("ys", last, expected("torch.ys"), forward);
  });
});

/** [B, T, H] with 0 behind the length of each row. */
function cleared({ data, shape }: HostTensor, lengths: readonly number[]): HostTensor {
  const [, T = 0, H = 0] = shape;
  const counts = (i: number) => Math.floor(i / H) % T < (lengths[Math.floor(i / (T * H))] ?? 0);
  return host(
    numbersOf(data).map((value, i) => (counts(i) ? value : 0)),
    shape,
  );
}

/** [T, D, B, H] -> [B, T, D·H]. */
function sideBySide({ data, shape, dtype }: HostTensor): HostTensor {
  const [T = 0, D = 0, B = 0, H = 0] = shape;
  const out = new Float32Array(data.length);
  for (let t = 0; t < T; t++)
    for (let d = 0; d < D; d++)
      for (let b = 0; b < B; b++)
        for (let h = 0; h < H; h++) out[((b * T + t) * D + d) * H + h] = Number(data[((t * D + d) * B + b) * H + h]);
  return { data: out, shape: [B, T, D * H], dtype };
}
