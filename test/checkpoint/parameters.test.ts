/** Parameters under the names of a file: one to one, parts of a fused tensor, one tensor out of several. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  fromFile,
  fromStored,
  readSafetensors,
  reconcile,
  type StoredTensor,
  toFile,
  toStored,
  writeSafetensors,
} from "../../src/checkpoint/index.ts";
import { CheckpointError } from "../../src/errors.ts";
import type { FileNames } from "../../src/models/index.ts";
import type { Feeds, HostTensor } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/index.ts";
import { host, iota } from "../support/numbers.ts";

const entriesOf = (tensors: Readonly<Record<string, HostTensor>>): Map<string, StoredTensor> =>
  new Map(Object.entries(tensors).map(([name, value]) => [name, toStored(value)]));
const parametersOf = (values: Feeds) =>
  Object.fromEntries(Object.entries(values).map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]));
const read = (file: ReadonlyMap<string, StoredTensor>, values: Feeds, names: FileNames) =>
  fromFile(file, parametersOf(values), names, "toy");

/** The tensors of a file that holds `values`, as they are after the bytes were written and read. */
function written(values: Feeds, names: FileNames): Record<string, HostTensor> {
  const { tensors } = readSafetensors(Buffer.concat(writeSafetensors(toFile(values, names))));
  return Object.fromEntries([...tensors].map(([name, tensor]) => [name, fromStored(name, tensor)]));
}

describe("prefix", () => {
  const names: FileNames = { prefix: "transformer.", bare: /^score\./, ignore: /\.mask$/ };
  const values = { "wte.weight": iota([2, 2]), "score.weight": iota([1, 2]) };

  test("stands before every name but bare ones", () => {
    expect(Object.keys(written(values, names))).toEqual(["transformer.wte.weight", "score.weight"]);
  });

  test("may be there or not, and what is ignored may be there too", () => {
    for (const prefix of ["", "transformer."]) {
      const file = { [`${prefix}wte.weight`]: values["wte.weight"], "score.weight": values["score.weight"] };
      expect(read(entriesOf({ ...file, "h.0.mask": iota([1]) }), values, names)).toEqual(values);
    }
  });

  test("what is missing and what is too much is named as in the file", () => {
    const file = entriesOf({ "wte.wieght": iota([2, 2]), "score.weight": iota([1, 3]) });
    expect(() => read(file, values, names)).toThrow(CheckpointError);
    expect(() => read(file, values, names)).toThrow(
      'weights: the file does not fit the toy model: missing wte.weight (did you mean "wte.wieght"?); ' +
        '"score.weight" is [1, 3], expected [1, 2]; unexpected "wte.wieght"; check the model\'s configuration against the file',
    );
    const { surplus, values: found } = reconcile(file, parametersOf(values), names);
    expect([surplus, found]).toEqual([["wte.wieght"], {}]);
  });
});

/** q, k and v of widths 4, 2 and 2 side by side on axis 0 of one tensor, as grouped attention has them. */
const fused: FileNames = {
  prefix: "model.",
  place(path) {
    const [, layer, part = ""] = /^(.*)\.([qkv])\.weight$/.exec(path) ?? [];
    const start = { q: 0, k: 4, v: 6 }[part];
    return start === undefined ? path : { in: `${layer}.qkv.weight`, axis: 0, start };
  },
};

describe("three parameters in one tensor", () => {
  const values = {
    "h.0.v.weight": host([60, 61, 70, 71], [2, 2]),
    "h.0.q.weight": host([0, 1, 10, 11, 20, 21, 30, 31], [4, 2]),
    "h.0.k.weight": host([40, 41, 50, 51], [2, 2]),
    "norm.weight": host([5], [1]),
  };
  const whole = host([0, 1, 10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 60, 61, 70, 71], [8, 2]);

  test("are written side by side in the order of their places and read back", () => {
    const file = written(values, fused);
    expect(file).toEqual({ "model.h.0.qkv.weight": whole, "model.norm.weight": values["norm.weight"] });
    expect(read(entriesOf(file), values, fused)).toEqual(values);
  });

  test("and without the prefix", () => {
    expect(read(entriesOf({ "h.0.qkv.weight": whole, "norm.weight": iota([1]) }), values, fused)).toEqual({
      ...values,
      "norm.weight": iota([1]),
    });
  });

  test("along a later axis: rows of the tensor hold a piece of each", () => {
    const names: FileNames = { place: (path) => ({ in: "w", axis: 1, start: { a: 0, b: 1 }[path] ?? 0 }) };
    const pieces = { a: host([1, 4], [2, 1]), b: host([2, 3, 5, 6], [2, 2]) };
    expect(written(pieces, names)).toEqual({ w: host([1, 2, 3, 4, 5, 6], [2, 3]) });
    expect(read(entriesOf({ w: host([1, 2, 3, 4, 5, 6], [2, 3]) }), pieces, names)).toEqual(pieces);
  });

  test("any sizes, on any axis of three: back come the same numbers", () => {
    const cases = fc.record({
      axis: fc.integer({ min: 0, max: 2 }),
      widths: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
      shape: fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 1, max: 3 }))),
    });
    fc.assert(
      fc.property(cases, ({ axis, widths, shape }) => {
        const starts = widths.map((_, i) => widths.slice(0, i).reduce((a, b) => a + b, 0));
        const names: FileNames = { place: (path) => ({ in: "w", axis, start: starts[Number(path)] ?? 0 }) };
        const pieces = Object.fromEntries(
          widths.map((width, i) => {
            const value = iota(shape.with(axis, width));
            return [String(i), { ...value, data: (value.data as Float32Array).map((x) => x + 1000 * i) }];
          }),
        );
        const file = written(pieces, names);
        expect(file.w?.shape).toEqual(
          shape.with(
            axis,
            widths.reduce((a, b) => a + b, 0),
          ),
        );
        expect(read(entriesOf(file), pieces, names)).toEqual(pieces);
      }),
    );
  });

  test("a part that is missing is refused when it is written", () => {
    const { "h.0.k.weight": _, ...two } = values;
    expect(() => toFile(two, fused)).toThrow(CheckpointError);
    expect(() => toFile(two, fused)).toThrow(
      "weights: model.h.0.qkv.weight [6, 2] has no part at 4 of axis 0, the next begins at 6; its parts must meet",
    );
  });

  test("a tensor that is missing or too short is refused when it is read", () => {
    expect(() => read(entriesOf({ "norm.weight": iota([1]) }), values, fused)).toThrow(/missing h\.0\.qkv\.weight/);
    const short = entriesOf({ "h.0.qkv.weight": iota([7, 2]), "norm.weight": iota([1]) });
    expect(() => read(short, values, fused)).toThrow(/"model\.h\.0\.qkv\.weight" is \[1, 2\], expected \[2, 2\]/);
    const { complaints } = reconcile(entriesOf({ "norm.weight": iota([1]) }), parametersOf(values), fused);
    expect(new Set(complaints)).toEqual(new Set(["missing h.0.qkv.weight"]));
  });
});

/** The weights of two experts, each a tensor of its own in the file. */
const stacked: FileNames = {
  prefix: "model.",
  place: (path) => (path === "experts.weight" ? { stack: ["experts.0.weight", "experts.1.weight"] } : path),
};

describe("one parameter out of several tensors", () => {
  const values = { "experts.weight": iota([2, 3, 2]), "gate.weight": iota([2]) };
  const [first, second] = [host([0, 1, 2, 3, 4, 5], [3, 2]), host([6, 7, 8, 9, 10, 11], [3, 2])];

  test("is written as them and read back, with or without the prefix", () => {
    const file = written(values, stacked);
    expect(file).toEqual({
      "model.experts.0.weight": first,
      "model.experts.1.weight": second,
      "model.gate.weight": iota([2]),
    });
    expect(read(entriesOf(file), values, stacked)).toEqual(values);
    const bare = { "experts.1.weight": second, "experts.0.weight": first, "gate.weight": iota([2]) };
    expect(read(entriesOf(bare), values, stacked)).toEqual(values);
  });

  test("one that is missing, and one of another shape, are refused", () => {
    const gate = { "gate.weight": iota([2]) };
    const file = (tensors: Record<string, HostTensor>) => entriesOf({ ...gate, ...tensors });
    expect(() => read(file({ "experts.0.weight": first }), values, stacked)).toThrow(
      /^weights: the file does not fit the toy model: missing experts\.1\.weight[^;]*; check the model's configuration/,
    );
    const wide = file({
      "experts.0.weight": host([0, 1, 2, 3], [2, 2]),
      "experts.1.weight": host([0, 1, 2, 3], [2, 2]),
    });
    expect(() => read(wide, values, stacked)).toThrow(
      /"model\.experts\.0\.weight" is \[2, 2, 2\], expected \[2, 3, 2\]/,
    );
    for (const shape of [[1, 2], [2, 3], [6]]) {
      const odd = file({ "experts.0.weight": first, "experts.1.weight": iota(shape) });
      expect(() => read(odd, values, stacked)).toThrow(
        new CheckpointError(
          `weights: expected tensors of one shape to stack, got [3, 2] and [${shape.join(", ")}]; take another copy`,
        ),
      );
    }
  });
});
