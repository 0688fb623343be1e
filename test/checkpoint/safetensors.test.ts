/** Hostile safetensors headers, rule by rule, each beside a file that must load; round trips; bytes checked by hand. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Header, StoredTensor } from "../../src/checkpoint/index.ts";
import {
  checkShard,
  parseHeader,
  parseIndex,
  readSafetensors,
  toFloat32,
  view,
  writeSafetensors,
} from "../../src/checkpoint/index.ts";
import { CheckpointError } from "../../src/errors.ts";
import { arrayOf } from "../../src/tensor/index.ts";
import { busy } from "../support/busy.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** A file with this header and so many bytes of tensors; `length` overrides the honest header length. */
function file(header: string | Uint8Array, bytes = 0, length?: bigint): Uint8Array {
  const text = typeof header === "string" ? utf8(header) : header;
  const out = new Uint8Array(8 + text.length + bytes);
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  out.set(text, 8);
  return out;
}

const entry = (shape: string, offsets: string, dtype = "F32") =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
const one = (shape: string, offsets: string, dtype = "F32") => `{"x":${entry(shape, offsets, dtype)}}`;
const two = (a: string, b: string) => `{"a":${a},"b":${b}}`;
const good = one("[1]", "[0,4]");
const claims = (length: bigint) => file(good, 4, length);
const headerSize = utf8(good).length;
const many = (count: number, offsets: string, shape: string) =>
  `{${Array.from({ length: count }, (_, i) => `"${i}":${entry(shape, offsets)}`).join(",")}}`;

/** Rule id, what it is, the bytes, and words of the error. */
const refused: [string, string, Uint8Array, string][] = [
  ["ST-01", "0 bytes", new Uint8Array(0), "HeaderTooSmall: expected at least 8 bytes, got 0"],
  ["ST-01", "7 bytes", new Uint8Array(7), "HeaderTooSmall: expected at least 8 bytes, got 7"],
  ["ST-02", "length 2^64 - 1", claims(2n ** 64n - 1n), "HeaderTooLarge"],
  ["ST-02", "length 2^63", claims(2n ** 63n), "HeaderTooLarge"],
  ["ST-02", "length 2^53", claims(2n ** 53n), "HeaderTooLarge"],
  ["ST-02", "length 100 000 001", claims(100_000_001n), "HeaderTooLarge"],
  ["ST-02", "length past the end by one", claims(BigInt(headerSize + 4 + 1)), "InvalidHeaderLength"],
  [
    "ST-03",
    "Git LFS pointer",
    utf8("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
    "Git LFS pointer",
  ],
  ["ST-03", "web page", utf8("<!DOCTYPE html><html></html>"), "a web page"],
  ["ST-03", "PyTorch zip", utf8("PK\u0003\u0004 archive/data.pkl"), "zip archive"],
  ["ST-04", "array", file("[]"), "InvalidHeaderStart"],
  ["ST-04", "null", file("null"), "InvalidHeaderStart"],
  ["ST-04", "string", file('"x"'), "InvalidHeaderStart"],
  ["ST-04", "empty header", file(""), "InvalidHeaderStart"],
  ["ST-04", "lone brace", file("{"), "InvalidHeaderDeserialization"],
  ["ST-04", "leading space", file(` ${good}`, 4), "InvalidHeaderStart"],
  ["ST-04", "byte order mark", file(`\ufeff${good}`, 4), "InvalidHeaderStart"],
  ["ST-04", "trailing line feed", file(`${good}\n`, 4), "only spaces after the closing brace"],
  ["ST-04", "trailing second object", file(`${good}{}`, 4), "only spaces after the closing brace"],
  ["ST-04", "trailing comma", file(good.replace(/}$/, ",}"), 4), "InvalidHeaderDeserialization"],
  ["ST-04", "single quotes", file("{'x':1}"), "InvalidHeaderDeserialization"],
  ["ST-05", "invalid UTF-8", file(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])), "InvalidHeader: expected UTF-8"],
  [
    "ST-05",
    "overlong UTF-8",
    file(new Uint8Array([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x7d])),
    "InvalidHeader: expected UTF-8",
  ],
  [
    "ST-05",
    "60 000 arrays deep",
    file(`{"x":${"[".repeat(60_000)}${"]".repeat(60_000)}}`),
    "InvalidHeaderDeserialization",
  ],
  [
    "ST-05",
    "60 000 objects deep",
    file(`${'{"x":'.repeat(60_000)}1${"}".repeat(60_000)}`),
    "InvalidHeaderDeserialization",
  ],
  ["ST-05", "raw control character", file('{"a\u0001":1}'), "control character"],
  ["ST-05", "lone surrogate escape", file(good.replace("x", "\\ud800"), 4), "surrogates in pairs"],
  ["ST-05", "bad escape", file(good.replace("x", "\\x"), 4), "valid escape"],
  [
    "ST-06",
    "tensor twice",
    file(`{"x":${entry("[1]", "[0,4]")},"x":${entry("[1]", "[4,8]")}}`, 8),
    'DuplicateKey: expected each key once, got "x" twice',
  ],
  [
    "ST-06",
    "tensor twice, once escaped",
    file(`{"x":${entry("[1]", "[0,4]")},"\\u0078":${entry("[1]", "[4,8]")}}`, 8),
    "DuplicateKey",
  ],
  [
    "ST-06",
    "data_offsets twice",
    file('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"data_offsets":[0,4]}}', 4),
    "DuplicateKey",
  ],
  ["ST-06", "metadata twice", file('{"__metadata__":{},"__metadata__":{}}'), "DuplicateKey"],
  [
    "ST-07",
    "prototype as a field",
    file('{"x":{"__proto__":{"dtype":"F32"},"shape":[1],"data_offsets":[0,4]}}', 4),
    'unknown field "__proto__"',
  ],
  ["ST-08", "metadata number", file('{"__metadata__":{"a":1}}'), "InvalidHeaderDeserialization"],
  ["ST-08", "metadata nested", file('{"__metadata__":{"a":{"b":"c"}}}'), "InvalidHeaderDeserialization"],
  ["ST-08", "metadata null", file('{"__metadata__":null}'), "InvalidHeaderDeserialization"],
  [
    "ST-08",
    "100 001 entries of metadata",
    file(`{"__metadata__":{${Array.from({ length: 100_001 }, (_, i) => `"${i}":""`)}}}`),
    "TooManyEntries",
  ],
  ["ST-09", "unknown dtype", file(one("[1]", "[0,4]", "F128"), 4), 'InvalidDType: tensor "x": unknown dtype "F128"'],
  ["ST-09", "lower case dtype", file(one("[1]", "[0,4]", "f32"), 4), 'did you mean "F32"?'],
  ["ST-09", "dtype toString", file(one("[1]", "[0,4]", "toString"), 4), "InvalidDType"],
  ["ST-09", "dtype number", file(good.replace('"F32"', "32"), 4), "InvalidHeaderDeserialization"],
  ["ST-09", "F4 with odd count", file(one("[3]", "[0,2]", "F4"), 2), "MisalignedSlice"],
  ["ST-10", "negative dimension", file(one("[-1]", "[0,4]"), 4), "InvalidShape"],
  ["ST-10", "fraction", file(one("[1.5]", "[0,6]"), 6), "InvalidShape"],
  ["ST-10", "whole float", file(one("[1.0]", "[0,4]"), 4), "InvalidShape"],
  ["ST-10", "1e400", file(one("[1e400]", "[0,4]"), 4), "InvalidShape"],
  ["ST-10", "-0", file(one("[-0]", "[0,0]")), "InvalidShape"],
  ["ST-10", "leading zero", file(one("[01]", "[0,4]"), 4), "InvalidShape"],
  ["ST-10", "string", file(one('["1"]', "[0,4]"), 4), "InvalidShape"],
  ["ST-10", "nested shape", file(one("[[1]]", "[0,4]"), 4), "InvalidShape"],
  ["ST-10", "null shape", file(one("null", "[0,4]"), 4), "InvalidHeaderDeserialization"],
  ["ST-10", "2^53 + 1", file(one("[9007199254740993]", "[0,4]"), 4), "InvalidShape"],
  ["ST-10", "product 4 mod 2^64", file(one("[4194305,4194305,211106198978564]", "[0,16]"), 16), "InvalidShape"],
  ["ST-10", "product 2^64", file(one("[4294967296,4294967296]", "[0,0]")), "ValidationOverflow"],
  ["ST-10", "product × bits 2^56", file(one("[2147483648,1048576]", "[0,0]")), "ValidationOverflow"],
  ["ST-10", "overflow hidden by a zero", file(one("[4294967296,4294967296,0]", "[0,0]")), "ValidationOverflow"],
  [
    "ST-10",
    "size too small",
    file(one("[2]", "[0,4]"), 4),
    'TensorInvalidInfo: tensor "x": expected 8 bytes for F32 [2], got 4',
  ],
  ["ST-10", "size too large", file(one("[1]", "[0,8]"), 8), "TensorInvalidInfo"],
  ["ST-11", "reversed", file(one("[1]", "[4,0]"), 4), "InvalidOffset"],
  ["ST-11", "negative", file(one("[1]", "[-4,0]"), 4), "InvalidOffset"],
  ["ST-11", "float", file(one("[1]", "[0.0,4.0]"), 4), "InvalidOffset"],
  ["ST-11", "exponent", file(one("[1]", "[0,4e0]"), 4), "InvalidOffset"],
  ["ST-11", "three entries", file(one("[1]", "[0,4,8]"), 4), "InvalidOffset"],
  ["ST-11", "one entry", file(one("[1]", "[4]"), 4), "InvalidOffset"],
  ["ST-11", "past 2^64", file(one("[1]", "[18446744073709551612,18446744073709551616]"), 4), "InvalidOffset"],
  ["ST-11", "missing", file('{"x":{"dtype":"F32","shape":[1]}}', 4), "expected dtype, shape and data_offsets"],
  ["ST-12", "overlap by 1", file(two(entry("[4]", "[0,4]", "U8"), entry("[4]", "[3,7]", "U8")), 7), "hole or overlap"],
  ["ST-12", "hole of 1", file(two(entry("[4]", "[0,4]", "U8"), entry("[4]", "[5,9]", "U8")), 9), "hole or overlap"],
  ["ST-12", "gap at the start", file(one("[1]", "[4,8]"), 8), "expected to begin at byte 0, got 4"],
  ["ST-12", "gap at the end", file(good, 5), "MetadataIncompleteBuffer"],
  ["ST-12", "cut off by a byte", file(good, 3), "MetadataIncompleteBuffer"],
  ["ST-12", "bytes without tensors", file("{}", 1), "MetadataIncompleteBuffer"],
  [
    "ST-13",
    "zero-size tensor inside another",
    file(two(entry("[2]", "[0,8]"), entry("[0]", "[4,4]")), 8),
    "hole or overlap",
  ],
  ["ST-14", "100 000 tensors on one range", file(many(100_000, "[0,4]", "[1]"), 4), "hole or overlap"],
  ["ST-16", "100 001 tensors", file(many(100_001, "[0,0]", "[0]")), "TooManyTensors"],
  ["ST-16", "header of 25 000 001 bytes", file(`{}${" ".repeat(24_999_999)}`), "HeaderTooLarge"],
  ["ST-16", "dimension of 2^32 + 1", file(one("[4294967297,0]", "[0,0]")), "InvalidShape"],
  ["ST-16", "65 dimensions", file(one(`[${Array(65).fill(1)}]`, "[0,4]"), 4), "at most 64 dimensions"],
];

/** Rule id, what it is, the bytes, and the names that must come out. */
const accepted: [string, string, Uint8Array, string[]][] = [
  ["ST-01", "the smallest file", file("{}"), []],
  ["ST-02", "honest length", file(good, 4), ["x"]],
  [
    "ST-03",
    "a tensor called as LFS begins",
    file(good.replace("x", "version https://git-lfs"), 4),
    ["version https://git-lfs"],
  ],
  ["ST-04", "trailing spaces", file(`${good}   `, 4), ["x"]],
  [
    "ST-04",
    "white space between tokens",
    file('{ "x"\t:\n{"dtype": "F32", "shape": [ 1 ],\r"data_offsets": [0, 4] } }', 4),
    ["x"],
  ],
  ["ST-05", "names of every kind", file(good.replace("x", '\\u00e9\\ud83d\\ude00日本\\n\\"'), 4), ['é😀日本\n"']],
  ["ST-06", "same field in two tensors", file(two(entry("[1]", "[0,4]"), entry("[1]", "[4,8]")), 8), ["a", "b"]],
  [
    "ST-07",
    "__proto__ and friends as names",
    file(
      `{"__proto__":${entry("[0]", "[0,0]")},"constructor":${entry("[0]", "[0,0]")},"toString":${entry("[0]", "[0,0]")},"../x":${entry("[0]", "[0,0]")}}`,
    ),
    ["__proto__", "constructor", "toString", "../x"],
  ],
  ["ST-07", "a name of 1 MB", file(good.replace("x", "x".repeat(2 ** 20)), 4), ["x".repeat(2 ** 20)]],
  ["ST-08", "metadata of strings", file('{"__metadata__":{"format":"pt","__proto__":"x"}}'), []],
  ["ST-09", "F4 with even count", file(one("[4]", "[0,2]", "F4"), 2), ["x"]],
  [
    "ST-09",
    "BOOL, BF16, I64",
    file(
      `{"a":${entry("[3]", "[0,3]", "BOOL")},"b":${entry("[2]", "[3,7]", "BF16")},"c":${entry("[1]", "[7,15]", "I64")}}`,
      15,
    ),
    ["a", "b", "c"],
  ],
  ["ST-10", "rank 0", file(one("[]", "[0,4]"), 4), ["x"]],
  ["ST-10", "a zero dimension", file(one("[3,0,5]", "[0,0]")), ["x"]],
  ["ST-11", "begin equal to end", file(one("[0]", "[0,0]")), ["x"]],
  ["ST-12", "header order unlike byte order", file(two(entry("[1]", "[4,8]"), entry("[1]", "[0,4]")), 8), ["b", "a"]],
  [
    "ST-13",
    "zero-size tensors share an offset with a real one",
    file(`{"r":${entry("[1]", "[0,4]")},"z":${entry("[0]", "[0,0]")},"w":${entry("[0]", "[4,4]")}}`, 4),
    ["z", "r", "w"],
  ],
  ["ST-16", "dimension of 2^32", file(one("[4294967296,0]", "[0,0]")), ["x"]],
  ["ST-16", "64 dimensions", file(one(`[${Array(64).fill(1)}]`, "[0,4]"), 4), ["x"]],
];

describe("hostile headers", () => {
  it.each(refused)("%s refuses: %s", (_, __, bytes, words) => {
    const start = busy();
    expect(() => readSafetensors(bytes)).toThrow(CheckpointError);
    expect(() => readSafetensors(bytes)).toThrow(words);
    expect(busy() - start).toBeLessThan(2000);
  });

  it.each(accepted)("%s loads: %s", (_, __, bytes, names) => {
    expect([...readSafetensors(bytes).tensors.keys()]).toEqual(names);
  });

  it("ST-04 errors are one short line, whatever the file holds", () => {
    for (const [, , bytes] of refused) {
      const message = String(attempt(() => readSafetensors(bytes)));
      expect(message).not.toMatch(/\p{Cc}/u);
      expect(message.length).toBeLessThan(300);
    }
  });

  it("ST-07 metadata and names never reach a prototype", () => {
    const { metadata } = readSafetensors(file('{"__metadata__":{"__proto__":"x","constructor":"y"}}'));
    expect([...metadata]).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it("ST-16 limits can be changed", () => {
    expect(() => parseHeader(file("{}"), 10, { headerBytes: 1, tensors: 1, rank: 1, dimension: 1 })).toThrow(
      "at most 1 bytes",
    );
  });

  it("ST-17 an unaligned tensor loads, and a value that is not finite stays", () => {
    const bytes = file(`{"a":${entry("[1]", "[0,1]", "U8")},"b":${entry("[2]", "[1,9]")}}`, 9);
    new DataView(bytes.buffer).setFloat32(bytes.length - 8, Number.NaN, true);
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, 2.5, true);
    const b = readSafetensors(bytes).tensors.get("b");
    expect(b && [...toFloat32("b", b)]).toEqual([Number.NaN, 2.5]);
  });

  it("ST-18 fuzz: any bytes, any text and any damage give a header or CheckpointError", () => {
    const damaged = fc
      .tuple(
        fc.constantFrom(...accepted.map(([, , bytes]) => bytes).filter((b) => b.length < 1000)),
        fc.nat(),
        fc.nat(255),
        fc.nat(40),
      )
      .map(([bytes, at, value, cut]) => {
        const copy = bytes.slice(0, bytes.length - (cut > 20 ? 0 : cut));
        if (copy.length) copy[at % copy.length] = value;
        return copy;
      });
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc.json().map((json) => `{"x":${json}}`),
      shapes,
    );
    const any = fc.oneof(
      fc.uint8Array(),
      texts.map((text) => file(text, 4)),
      damaged,
    );
    fc.assert(
      fc.property(any, (bytes) => {
        const result = attempt(() => parseHeader(bytes, bytes.length));
        expect(result instanceof CheckpointError || (result as Header).tensors instanceof Map).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});

const number = fc.oneof(fc.nat(8), fc.integer(), fc.double(), fc.maxSafeInteger()).map(String);
const shapes = fc
  .tuple(fc.array(number), fc.array(number, { maxLength: 3 }))
  .map(([shape, offsets]) => one(`[${shape}]`, `[${offsets}]`));

function attempt(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

describe("sharded index", () => {
  const index = (map: string) => parseIndex(utf8(`{"metadata":{"total_size":12.5e3,"x":[{}]},"weight_map":${map}}\n`));
  it("ST-15 loads: two files", () => {
    const shards = index('{"a":"1.safetensors","b":"2.safetensors","c":"1.safetensors"}');
    expect([...shards]).toEqual([
      ["1.safetensors", ["a", "c"]],
      ["2.safetensors", ["b"]],
    ]);
    for (const [file, names] of shards) checkShard(file, names, new Map(names.map((name) => [name, 0])));
  });

  it.each([
    ["parent folder", '{"a":"../1.safetensors"}', "expected a path inside the folder"],
    ["absolute path", '{"a":"/1.safetensors"}', "expected a path inside the folder"],
    ["sub-folder", '{"a":"x/1.safetensors"}', "beside the index"],
    ["same file spelled twice", '{"a":"1.safetensors","b":"./1.safetensors"}', "expected a path inside the folder"],
    ["other file", '{"a":"1.bin"}', "beside the index"],
    ["tensor twice", '{"a":"1.safetensors","a":"2.safetensors"}', "DuplicateKey"],
    ["number", '{"a":1}', "expected a string"],
    ["empty", "{}", "at least one tensor"],
    [
      "10 001 files",
      `{${Array.from({ length: 10_001 }, (_, i) => `"${i}":"${i}.safetensors"`)}}`,
      "at most 10000 files",
    ],
  ])("ST-15 refuses: %s", (_, map, words) => {
    expect(() => index(map)).toThrow(CheckpointError);
    expect(() => index(map)).toThrow(words);
  });

  it("ST-15 refuses: deep nesting beside the map", () => {
    expect(() => parseIndex(utf8(`{"metadata":${"[".repeat(60_000)}`))).toThrow("less nesting");
  });

  it.each([
    ["tensor not in its file", [], 'expected tensor "a" in "1.safetensors", got none'],
    ["tensor not in the index", ["a", "z"], 'expected tensor "z" of "1.safetensors" in the index, got none'],
  ])("ST-15 refuses: %s", (_, held, words) => {
    expect(() => checkShard("1.safetensors", ["a"], new Map(held.map((name) => [name, 0])))).toThrow(words);
  });
});

const joined = (chunks: Uint8Array[]) => new Uint8Array(Buffer.concat(chunks));

describe("writing", () => {
  it("gives the bytes of the reference implementation", () => {
    const data = new Uint8Array(new Float32Array([0, 1, 2, 3, 4, 5]).buffer);
    const json = '{"attn0":{"dtype":"F32","shape":[1,1,2,3],"data_offsets":[0,24]}}       ';
    const bytes = joined(writeSafetensors([["attn0", { dtype: "F32", shape: [1, 1, 2, 3], data }]]));
    expect(bytes).toEqual(new Uint8Array([72, 0, 0, 0, 0, 0, 0, 0, ...utf8(json), ...data])); // tensor.rs, test_serialization_forced_alignement
    const empty = joined(writeSafetensors([], new Map([["framework", "pt"]])));
    expect(empty).toEqual(
      new Uint8Array([40, 0, 0, 0, 0, 0, 0, 0, ...utf8('{"__metadata__":{"framework":"pt"}}     ')]),
    );
    expect([...joined(writeSafetensors([]))]).toEqual([8, 0, 0, 0, 0, 0, 0, 0, 123, 125, 32, 32, 32, 32, 32, 32]);
  });

  const sizes = { F32: 4, F64: 8, I32: 4, I64: 8, BOOL: 1, BF16: 2, F16: 2, U8: 1 } as const;
  const tensor = fc
    .tuple(fc.constantFrom(...(Object.keys(sizes) as (keyof typeof sizes)[])), fc.array(fc.nat(4), { maxLength: 4 }))
    .map(([dtype, shape]): StoredTensor => {
      const bytes = shape.reduce((a, b) => a * b, 1) * sizes[dtype];
      return { dtype, shape, data: Uint8Array.from({ length: bytes }, (_, i) => i * 37) };
    });
  const name = fc.string({ unit: "grapheme" }).filter((text) => text !== "__metadata__");

  it("save, load, save gives the same bytes, with order, names and metadata", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, tensor), { selector: ([n]) => n }),
        fc.dictionary(name, name),
        (tensors, notes) => {
          const first = joined(writeSafetensors(tensors, new Map(Object.entries(notes))));
          const read = readSafetensors(first);
          expect([...read.tensors]).toEqual(tensors);
          expect(joined(writeSafetensors(read.tensors, read.metadata))).toEqual(first);
          expect(parseHeader(first, first.length).dataStart % 8).toBe(0);
        },
      ),
    );
  });

  it("loads views without copying", () => {
    const bytes = file(good, 4);
    const { data } = readSafetensors(bytes).tensors.get("x") ?? { data: new Uint8Array() };
    bytes[bytes.length - 1] = 9;
    expect([...data]).toEqual([0, 0, 0, 9]);
  });

  it.each<[string, Iterable<[string, StoredTensor]>, string]>([
    ["data of another size", [["x", { dtype: "F32", shape: [2], data: new Uint8Array(4) }]], "TensorInvalidInfo"],
    [
      "a name twice",
      [
        ["x", tensorOf(1)],
        ["x", tensorOf(1)],
      ],
      "DuplicateKey",
    ],
    ["the name __metadata__", [["__metadata__", tensorOf(1)]], "another tensor name"],
    ["a lone surrogate", [["\ud800", tensorOf(1)]], "surrogates in pairs"],
    ["a fractional shape", [["x", { dtype: "U8", shape: [0.5], data: new Uint8Array(0) }]], "InvalidShape"],
  ])("refuses %s", (_, tensors, words) => {
    expect(() => writeSafetensors(tensors)).toThrow(CheckpointError);
    expect(() => writeSafetensors(tensors)).toThrow(words);
  });
});

function tensorOf(bytes: number): StoredTensor {
  return { dtype: "U8", shape: [bytes], data: new Uint8Array(bytes) };
}

describe("values", () => {
  const stored = (dtype: StoredTensor["dtype"], data: ArrayBufferView): StoredTensor => ({
    dtype,
    shape: [],
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  });

  it("half floats: zero, smallest subnormal, one, largest, infinities, NaN", () => {
    const half = new Uint16Array([0, 0x8000, 1, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00, 0x7e00]);
    const expected = [0, -0, 2 ** -24, 1, -2, 65504, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
    expect([...toFloat32("x", stored("F16", half))]).toEqual(expected);
  });

  it("of a Buffer that does not lie on a multiple of the element size", () => {
    const bytes = Buffer.from([0, ...new Uint8Array(Float64Array.of(0.5, -2).buffer)]).subarray(1); // its slice is no copy
    expect([...toFloat32("x", { dtype: "F64", shape: [2], data: bytes })]).toEqual([0.5, -2]);
    expect([...arrayOf(bytes, "f64")]).toEqual([0.5, -2]);
  });

  it("bfloat16, double and single", () => {
    expect([...toFloat32("x", stored("BF16", new Uint16Array([0x3f80, 0xc000, 0x7f80])))]).toEqual([
      1,
      -2,
      Number.POSITIVE_INFINITY,
    ]);
    expect([...toFloat32("x", stored("F64", new Float64Array([0.5])))]).toEqual([0.5]);
    expect([...toFloat32("x", stored("F32", new Float32Array([0.5])))]).toEqual([0.5]);
    expect(() => toFloat32("x", stored("I32", new Int32Array(1)))).toThrow(
      'tensor "x": expected floating point values, got I32',
    );
    expect([...view(BigInt64Array, stored("I64", new BigInt64Array([-5n])).data)]).toEqual([-5n]);
  });
});
