/** Weights in other libraries' orders: entry by entry for numbers that say where they stand. */
import { describe, expect, test } from "vitest";
import { fromBasicLSTM, fromKeras, fromOnnx, GATE_ORDERS, reordered, transposed } from "../../src/checkpoint/index.ts";
import { CheckpointError, ConfigError } from "../../src/errors.ts";
import { array, type HostTensor } from "../../src/runtime/index.ts";
import { also, refuseJunk } from "../support/junk.ts";
import { count, iota, numbersOf } from "../support/numbers.ts";

const [I, H] = [3, 2];
const rows = ({ data, shape }: HostTensor): number[][] => {
  const width = count(shape.slice(1));
  return Array.from({ length: shape[0] ?? 0 }, (_, i) => numbersOf(data).slice(i * width, (i + 1) * width));
};
const letters = { RNN: "n", LSTM: "ifgo", GRU: "rzn" } as const;

/** [G·H, 1]: the letter of each gate as a number, H times. */
const marked = (order: string): HostTensor =>
  array([...order].flatMap((gate) => [[gate.charCodeAt(0)], [gate.charCodeAt(0)]]));

describe("orders", () => {
  const pairs = Object.entries(GATE_ORDERS).flatMap(([library, orders]) =>
    Object.entries(orders).map(([kind, order]) => [library, kind as keyof typeof letters, order] as const),
  );
  test.each(pairs)("%s %s to PyTorch's and back", (_, kind, order) => {
    const there = reordered(marked(order), order, letters[kind]);
    expect(rows(there)).toEqual(rows(marked(letters[kind])));
    expect(rows(reordered(there, letters[kind], order))).toEqual(rows(marked(order)));
  });

  test("transposition twice is none", () => {
    const value = iota([2, 3]);
    expect(rows(transposed(value))).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(transposed(transposed(value))).toEqual(value);
  });
});

/** A kernel [rows, G·H] whose column g·H + h holds 1000·row + the gate's letter + h/10. */
const kernel = (height: number, order: string): HostTensor =>
  array(
    Array.from({ length: height }, (_, row) =>
      [...order].flatMap((gate) => Array.from({ length: H }, (_, h) => 1000 * row + gate.charCodeAt(0) + h / 10)),
    ),
    "f64",
  );
/** The same where it should be: row g·H + h, column `first` and on. */
const expected = (order: string, first: number, columns: number) =>
  [...order].flatMap((gate) =>
    Array.from({ length: H }, (_, h) =>
      Array.from({ length: columns }, (_, column) => 1000 * (first + column) + gate.charCodeAt(0) + h / 10),
    ),
  );
const bias = (order: string): HostTensor => array(numbersOf(kernel(1, order).data), "f64");

describe("Keras", () => {
  test.each(["RNN", "LSTM", "GRU"] as const)("%s", (kind) => {
    const order = GATE_ORDERS.Keras[kind];
    const weights = { kernel: kernel(I, order), recurrent_kernel: kernel(H, order), bias: bias(order) };
    const found = fromKeras(kind, weights, { layer: 2, reverse: true });
    const end = "_l2_reverse";
    expect(Object.keys(found)).toEqual([`weight_ih${end}`, `weight_hh${end}`, `bias_ih${end}`, `bias_hh${end}`]);
    const [ih, hh, bias_ih, bias_hh] = Object.values(found) as [HostTensor, HostTensor, HostTensor, HostTensor];
    expect(rows(ih)).toEqual(expected(letters[kind], 0, I));
    expect(rows(hh)).toEqual(expected(letters[kind], 0, H));
    expect(rows(bias_ih)).toEqual(expected(letters[kind], 0, 1));
    expect(new Set(numbersOf(bias_hh.data))).toEqual(new Set([0]));
  });

  test("two biases of a GRU with reset_after", () => {
    const order = GATE_ORDERS.Keras.GRU;
    const weights = { kernel: kernel(I, order), recurrent_kernel: kernel(H, order), bias: kernel(2, order) };
    const { bias_ih_l0, bias_hh_l0 } = fromKeras("GRU", weights);
    expect(rows(bias_ih_l0 as HostTensor)).toEqual(expected("rzn", 0, 1));
    expect(rows(bias_hh_l0 as HostTensor)).toEqual(expected("rzn", 1, 1));
  });

  test("without biases there are none", () => {
    const found = fromKeras("LSTM", { kernel: kernel(I, "ifgo"), recurrent_kernel: kernel(H, "ifgo") });
    expect(Object.keys(found)).toEqual(["weight_ih_l0", "weight_hh_l0"]);
  });
});

test("a BasicLSTMCell's kernel is that of the input above that of the state", () => {
  const found = fromBasicLSTM({ kernel: kernel(I + H, "igfo"), bias: bias("igfo") });
  expect(rows(found.weight_ih_l0 as HostTensor)).toEqual(expected("ifgo", 0, I));
  expect(rows(found.weight_hh_l0 as HostTensor)).toEqual(expected("ifgo", I, H));
  expect(rows(found.bias_ih_l0 as HostTensor)).toEqual(expected("ifgo", 0, 1));
});

describe("errors", () => {
  const keras = { kernel: kernel(I, "ifgo"), recurrent_kernel: kernel(H, "ifgo"), bias: bias("ifgo") };
  const onnx = { W: iota([1, 4 * H, I]), R: iota([1, 4 * H, H]), B: iota([1, 8 * H]) };
  test.each([
    [
      "a kernel of another width",
      () => fromKeras("GRU", keras),
      "fromKeras: GRU kernel: expected the shape [any, 6], got [3, 8]",
    ],
    [
      "a name too many",
      () => fromKeras("LSTM", { ...keras, b: keras.bias }),
      'got "kernel", "recurrent_kernel", "bias", "b"',
    ],
    [
      "a name too few",
      () => fromKeras("LSTM", { kernel: keras.kernel }),
      "expected weights named kernel, recurrent_kernel, bias",
    ],
    ["whole numbers", () => fromKeras("Embedding", { embeddings: iota([2, 2], "i32") }), "expected f32 or f64 numbers"],
    [
      "a kernel of the state alone",
      () => fromBasicLSTM({ kernel: kernel(H, "igfo"), bias: bias("igfo") }),
      "[I + H, 4·H]",
    ],
    ["three directions", () => fromOnnx("LSTM", { ...onnx, R: iota([3, 8, 2]) }), "expected one or two directions"],
    [
      "a bias of one side",
      () => fromOnnx("LSTM", { ...onnx, B: iota([1, 8]) }),
      "expected the shape [1, 16], got [1, 8]",
    ],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(CheckpointError);
    expect(call).toThrow(message);
  });

  test("a kind or a place that is none", () => {
    expect(() => fromKeras("Dense" as "GRU", keras)).toThrow(ConfigError);
    expect(() => fromKeras("LSTM", keras, { layer: -1 })).toThrow("fromKeras: layer: expected a whole number from 0");
  });

  const empty = ["nothing", "an object without a prototype"]; // nothing is said of the place
  refuseJunk([
    ["fromKeras", fromKeras, "LSTM", keras, also({ layer: 1, reverse: true }, ...empty)],
    [
      "fromBasicLSTM",
      fromBasicLSTM,
      { kernel: kernel(I + H, "igfo"), bias: bias("igfo") },
      also({ layer: 1 }, ...empty),
    ],
    ["fromOnnx", fromOnnx, "LSTM", onnx, also({ layer: 1 }, ...empty)],
  ]);
});
