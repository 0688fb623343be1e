/** Files of Keras and ONNX that are cut off, damaged, made to do harm, or something else: one line each, and at once. */
import { readFileSync } from "node:fs";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { type ImportedLayers, readKeras, readOnnx, readSafetensors } from "../../src/checkpoint/index.ts";
import { CheckpointError, ConfigError } from "../../src/errors.ts";
import { sortNodes } from "../../src/graph/index.ts";
import { Embedding, GRU, Linear, LSTM, module, RNN, traceTraining } from "../../src/nn/index.ts";
import { stream } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/index.ts";
import { fault, refuseJunk } from "../support/junk.ts";

const file = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const files = [
  ["keras/old.h5", readKeras],
  ["keras/layers.h5", readKeras],
  ["keras/layers.keras", readKeras],
  ["keras/layers.weights.h5", readKeras],
  ["onnx/layers.onnx", readOnnx],
  ["onnx/torch.onnx", readOnnx],
] as const;
const MILLISECONDS = 2_000;

/** What is wrong with how `read` takes `bytes`: an error of another class, more than a line, or too long a time. */
async function wrong(read: (bytes: Uint8Array) => ImportedLayers | Promise<ImportedLayers>, bytes: Uint8Array) {
  const start = performance.now();
  const faults: (string | undefined)[] = [];
  const attempt = (call: () => unknown) => {
    try {
      call();
    } catch (error) {
      faults.push(fault(error, 600));
    }
  };
  try {
    const found = await read(bytes);
    for (const name of found.layers.keys())
      for (const maker of [RNN, LSTM, GRU, Linear, Embedding]) attempt(() => found.layer(name, maker));
  } catch (error) {
    faults.push(fault(error, 600));
  }
  const spent = performance.now() - start;
  if (spent > MILLISECONDS) faults.push(`took ${spent} ms`);
  return faults.find(Boolean);
}

describe.each(files)("%s", (name, read) => {
  const bytes = file(name);
  const pieces = 40;

  test("cut off anywhere", async () => {
    for (let i = 0; i < pieces; i++) {
      const length = Math.floor((i / pieces) * bytes.length);
      const cut = bytes.subarray(0, length);
      expect([length, await wrong(read, cut)]).toEqual([length, undefined]);
      await expect((async () => read(cut))()).rejects.toThrow(CheckpointError);
    }
  });

  test("with bytes changed at random", async () => {
    const draws = stream(1, 0, name).fillUniform(new Float64Array(pieces * 20));
    let at = 0;
    const draw = (most: number) => Math.floor((draws[at++] ?? 0) * most);
    for (let i = 0; i < pieces; i++) {
      const damaged = bytes.slice();
      const [zone, changes] = [draw(2) === 0 ? bytes.length : Math.min(bytes.length, 10_000), 1 + draw(5)];
      for (let change = 0; change < changes; change++) {
        const place = draw(zone);
        damaged[place] = draw(3) === 0 ? 255 : draw(256);
      }
      expect([i, await wrong(read, damaged)]).toEqual([i, undefined]);
    }
  });
});

/** Where `mark` stands in `bytes` for the first time. */
const find = (bytes: Uint8Array, mark: string): number => Buffer.from(bytes).indexOf(mark, 0, "latin1");

describe("HDF5", () => {
  const with64 = (bytes: Uint8Array, place: number, value: bigint): Uint8Array => {
    const changed = bytes.slice();
    new DataView(changed.buffer).setBigUint64(place, value, true);
    return changed;
  };
  const old = file("keras/old.h5");

  test("a group inside itself", async () => {
    const node = find(old, "SNOD"); // of the root: 8 bytes, then name and header of its one entry
    const root = new DataView(old.buffer).getBigUint64(64, true);
    await expect(readKeras(with64(old, node + 16, root))).rejects.toThrow("HDF5: expected groups at most 24 deep");
  });

  test("more numbers than there are bytes", async () => {
    const weights = file("keras/layers.weights.h5");
    const [rows, columns] = [7n, 3n]; // of the embedding
    const shape = Buffer.alloc(16);
    shape.writeBigUint64LE(rows, 0);
    shape.writeBigUint64LE(columns, 8);
    const place = Buffer.from(weights).indexOf(shape);
    await expect(readKeras(with64(weights, place, 4_000_000_000n))).rejects.toThrow(/claims 12000000000 numbers/);
  });

  test("a node of a tree with more entries than there are", async () => {
    const changed = old.slice();
    changed.fill(255, find(old, "TREE") + 6, find(old, "TREE") + 8);
    await expect(readKeras(changed)).rejects.toThrow(CheckpointError);
  });

  test("the newer form", async () => {
    const bytes = new Uint8Array(200);
    bytes.set(utf8("x").fill(0x89), 0);
    bytes.set(utf8("HDF\r\n\x1a\n"), 1);
    bytes.set([2, 8, 8], 8); // version, bytes of an offset and of a length
    bytes[36] = 48; // where the root is
    bytes.set(utf8("OHDR"), 48);
    await expect(readKeras(bytes)).rejects.toThrow("expected the form that Keras writes, got a newer one");
  });
});

describe("zip", () => {
  const zip = (parts: Readonly<Record<string, Uint8Array>>) => zipSync(parts);
  test.each([
    ["of PyTorch", zip({ "archive/data.pkl": utf8("x") }), "expected a zip with config.json and model.weights.h5"],
    [
      "without JSON",
      zip({ "config.json": utf8("{"), "model.weights.h5": file("keras/layers.weights.h5") }),
      "config.json: expected JSON",
    ],
    [
      "of a model of its own class",
      zip({ "config.json": utf8("{}"), "model.weights.h5": file("keras/layers.weights.h5") }),
      "Sequential or functional",
    ],
    [
      "with weights that are none",
      zip({ "config.json": utf8('{"config":[]}'), "model.weights.h5": utf8("x") }),
      "HDF5",
    ],
  ])("%s", async (_, bytes, message) => {
    await expect(readKeras(bytes)).rejects.toThrow(CheckpointError);
    await expect(readKeras(bytes)).rejects.toThrow(message);
  });

  test("a claim of 4 GB", async () => {
    const bytes = zip({ "config.json": utf8("{}"), "model.weights.h5": utf8("x".repeat(5000)) });
    const directory = Buffer.from(bytes).lastIndexOf("model.weights.h5") - 46;
    new DataView(bytes.buffer).setUint32(directory + 24, 0xfffffff0, true);
    await expect(readKeras(bytes)).rejects.toThrow("model.weights.h5 claims 4294967280 bytes");
  });
});

describe("ONNX", () => {
  type Write = (writer: BinaryWriter) => void;
  const message = (writer: BinaryWriter, field: number, write: Write) => {
    write(writer.tag(field, WireType.LengthDelimited).fork());
    writer.join();
  };
  const text = (writer: BinaryWriter, field: number, value: string) =>
    writer.tag(field, WireType.LengthDelimited).string(value);
  /** A model with one LSTM whose W is what `tensor` writes. */
  const model = (tensor: Write, more: Write = () => {}): Uint8Array => {
    const writer = new BinaryWriter();
    message(writer, 7, (graph) => {
      message(graph, 1, (node) => {
        for (const name of ["x", "W", "R"]) text(node, 1, name);
        text(node, 2, "y");
        text(node, 4, "LSTM");
      });
      message(graph, 5, (weights) => {
        text(weights, 8, "W");
        tensor(weights);
      });
      more(graph);
    });
    return writer.finish();
  };
  const int = (writer: BinaryWriter, field: number, value: number) => writer.tag(field, WireType.Varint).int64(value);

  test.each([
    [
      "more numbers than bytes",
      model((w) => [1, 2 ** 40, 2].forEach((size) => void int(w, 1, size))),
      /expected 2199023255552 floating point/,
    ],
    ["whole numbers", model((w) => int(w, 2, 7)), /got 0 bytes of type 7/],
    ["numbers in another file", model((w) => int(w, 14, 1)), /external_data=False/],
    ["a size below 0", model((w) => int(w, 1, -1)), /size below 0/],
    [
      "no constant R",
      model((w) =>
        int(int(w, 2, 1), 1, 1)
          .tag(9, WireType.LengthDelimited)
          .bytes(new Uint8Array(4)),
      ),
      /expected R of "LSTM" to be a constant/,
    ],
    ["another file", file("keras/old.h5"), /^ONNX: /],
    ["nothing", new Uint8Array(), /expected a model with one graph/],
  ])("%s", (_, bytes, expected) => {
    expect(() => readOnnx(bytes)).toThrow(CheckpointError);
    expect(() => readOnnx(bytes)).toThrow(expected);
  });
});

describe("what is asked of a file", async () => {
  const found = await readKeras(file("keras/layers.keras"));
  const weights = await readKeras(file("keras/layers.weights.h5"));
  const onnx = readOnnx(file("onnx/layers.onnx"));
  const net = module("Net", { long: found.layer("long", LSTM) }, () => undefined);
  test.each([
    ["a layer that is not there", () => found.layer("lomg", LSTM), CheckpointError, 'did you mean "long"?'],
    ["another kind of layer", () => found.layer("long", GRU), CheckpointError, 'layer "long": it is LSTM here'],
    [
      "no configuration",
      () => weights.layer("lstm", LSTM),
      ConfigError,
      "fromKeras(kind, file.layers.get(name).weights)",
    ],
    [
      "values of another model",
      () => found.values(LSTM(3, 5)),
      ConfigError,
      "expected a model with layers of this file",
    ],
    ["a node that is not there", () => onnx.layer("gru_", GRU), CheckpointError, 'did you mean "gru"?'],
  ])("%s", (_, call, kind, message) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });

  test("weights without a configuration are there under Keras's names", () => {
    expect(Object.keys(weights.layers.get("lstm")?.weights ?? {})).toEqual(["kernel", "recurrent_kernel", "bias"]);
    expect(Object.keys(weights.layers.get("bidirectional")?.weights ?? {}).sort()).toEqual(
      ["backward", "forward"].flatMap((side) =>
        ["bias", "kernel", "recurrent_kernel"].map((name) => `${side}/${name}`),
      ),
    );
  });

  refuseJunk([
    ["readKeras", readKeras, file("keras/old.h5")],
    ["readOnnx", readOnnx, file("onnx/layers.onnx")],
    ["layer", (name: never, maker: never) => found.layer(name, maker), "long", LSTM],
    ["values", (model: never) => found.values(model), net],
  ]);
});

describe("configurations that no layer here computes", () => {
  /** A file in Keras's form with one layer of that configuration, and the weights of an LSTM. */
  const stated = (version: string, kind: string, config: object) =>
    readKeras(
      zipSync({
        "config.json": utf8(
          JSON.stringify({ config: { layers: [{ class_name: kind, config: { name: "x", ...config } }] } }),
        ),
        "metadata.json": utf8(JSON.stringify({ keras_version: version })),
        "model.weights.h5": file("keras/layers.weights.h5"),
      }),
    );
  const lstm = { units: 5, activation: "tanh", recurrent_activation: "sigmoid" };
  test.each([
    ["a slope of 1/6", "3.15.1", { ...lstm, recurrent_activation: "hard_sigmoid" }, "has the slope 1/6"],
    [
      "another activation",
      "3.15.1",
      { ...lstm, activation: "relu" },
      'layer "x": activation: expected one of tanh, got "relu"',
    ],
    ["backwards", "3.15.1", { ...lstm, go_backwards: true }, "go_backwards: expected false"],
    ["a dropout of everything", "3.15.1", { ...lstm, dropout: 1 }, "dropout: expected a number from 0 below 1, got 1"],
    ["no width", "3.15.1", { activation: "tanh" }, "units: expected a whole number"],
  ])("%s", async (_, version, config, message) => {
    const found = await stated(version, "LSTM", config);
    expect(() => found.layer("x", LSTM)).toThrow(ConfigError);
    expect(() => found.layer("x", LSTM)).toThrow(message);
  });

  test("its dropout comes along", async () => {
    const draws = async (config: object) => {
      const layer = (await stated("3.15.1", "LSTM", { ...lstm, ...config })).layer("x", LSTM);
      const { result } = traceTraining(() => layer(input("xs", [2, 4, 3]))[0]);
      return sortNodes([result]).filter(({ op }) => op === "noise").length;
    };
    expect([
      await draws({}),
      await draws({ dropout: 0.5 }),
      await draws({ dropout: 0.5, recurrent_dropout: 0.5 }),
    ]).toEqual([0, 1, 2]);
  });

  test("a width that the weights do not have", async () => {
    const found = await stated("3.15.1", "LSTM", { ...lstm, units: 6 });
    expect(() => found.layer("x", LSTM)).toThrow("its weights and its configuration do not belong together");
  });

  test("two directions with options of their own", async () => {
    const config = { units: 3, activation: "tanh" };
    const layer = { class_name: "SimpleRNN", config };
    const make = async (options: object) => {
      const backwards = { ...layer, config: { ...config, go_backwards: true, ...options } };
      return String((await stated("3.15.1", "Bidirectional", { layer, backward_layer: backwards })).layer("x", RNN));
    };
    expect(await make({})).toContain("weight_ih_l0_reverse [3, 3]");
    await expect(make({ activation: "relu" })).rejects.toThrow("expected two directions with the same options");
  });

  test("a layer that is none of those", async () => {
    const found = await stated("3.15.1", "Conv2D", {});
    expect(() => found.layer("x", LSTM)).toThrow('got "Conv2D"');
  });
});

test("what is no safetensors file says what reads it", () => {
  const line = /save_file\(torch\.load\("model\.pt", weights_only=True\), "model\.safetensors"\)/;
  expect(() => readSafetensors(utf8("PK\u0003\u0004 archive/data.pkl"))).toThrow(line);
  expect(() => readSafetensors(Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46))).toThrow(line);
  expect(() => readSafetensors(file("keras/old.h5"))).toThrow("readKeras reads those of Keras");
});
