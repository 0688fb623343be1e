/** JSON from elsewhere: as JSON.parse reads it, or one line that says what is wrong, without a deep stack. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJson } from "../../src/checkpoint/json-scanner.ts";
import { CheckpointError } from "../../src/errors.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parseJson(bytes(text), "config x");

test("values come out as JSON.parse gives them", () => {
  fc.assert(
    fc.property(fc.json({ depthSize: "medium" }), fc.constantFrom("", " ", "\t\r\n"), (text, space) => {
      expect(parse(space + text + space)).toEqual(JSON.parse(text));
    }),
  );
});

test("a byte order mark is passed over", () => {
  expect(parse('\ufeff{"a":1}\n')).toEqual({ a: 1 });
});

test.each([
  ["an array 200,000 deep", `{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`, "expected less nesting"],
  ["objects 200,000 deep", '{"a":'.repeat(200_000), "expected less nesting"],
  ["a key given twice", '{"a":{"b":1,"b":2}}', 'expected each key once, got "b" twice'],
  ["a key given twice in two spellings", '{"a":1,"\\u0061":2}', 'got "a" twice'],
  ["nothing", "", "expected a value at character 0, got the end"],
  ["half an object", "{", "got the end"],
  ["two values", "{}{}", "got"],
  ["a comma too many", "[1,]", "expected a value"],
  ["a number of JavaScript's", "0x10", "got"],
  ["an escape sequence in a string", '"\x1b[2J"', "no control character"],
])("refused: %s", (_, text, say) => {
  expect(() => parse(text)).toThrow(CheckpointError);
  expect(() => parse(text)).toThrow(/^config x: [^\n]{1,200}$/);
  expect(() => parse(text)).toThrow(say);
});

test("refused: bytes that are no UTF-8, more than allowed, and a nesting of one's own choice", () => {
  expect(() => parseJson(new Uint8Array([0x22, 0xff, 0x22]), "x")).toThrow("x: expected JSON: expected UTF-8 text");
  expect(() => parseJson(bytes("[1, 2]"), "x", { bytes: 5 })).toThrow("x: expected at most 5 bytes, got 6");
  expect(parseJson(bytes("[[1]]"), "x", { depth: 2 })).toEqual([[1]]);
  expect(() => parseJson(bytes("[[[1]]]"), "x", { depth: 2 })).toThrow("expected less nesting");
});

test("a name of 20 MB is not printed whole", () => {
  const key = "k".repeat(20_000_000);
  expect(() => parse(`{"${key}":1,"${key}":2}`)).toThrow(/^.{1,200}$/);
});

test("__proto__ is a name like another", () => {
  const value = parse('{"__proto__":{"a":1}}') as Record<string, unknown>;
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(value)).toEqual(["__proto__"]);
});
