/** Messages are one line, hold nothing that a terminal would obey, and are never as long as what they quote. */
import { expect, test } from "vitest";
import { CheckpointError, escaped, nearest, printable, quoted } from "../src/errors.ts";

test.each([
  ["an escape sequence", "\x1b[2J", '"\\u001b[2J"'],
  ["DEL and C1", "\x7f\x9b31m", '"\\u007f\\u009b31m"'],
  ["line feeds", "a\nb\r", '"a\\nb\\r"'],
  ["separators of lines and marks of direction", "\u2028\u202e\u2066", '"\\u2028\\u202e\\u2066"'],
  ["half a surrogate pair", "\ud800", '"\\ud800"'],
  ["quotation marks", 'a"b\\', '"a\\"b\\\\"'],
  ["what can be shown", "naïve 漢字 😀", '"naïve 漢字 😀"'],
])("SRV-13: %s", (_, text, shown) => {
  expect(quoted(text)).toBe(shown);
});

test("a long name is cut", () => {
  expect(quoted("x".repeat(20_000_000))).toBe(`"${"x".repeat(59)}…"`);
  expect(printable("x".repeat(20_000_000), 9)).toBe("xxxxx…xxx");
  expect(nearest("x".repeat(20_000_000), ["xx"])).toBe("");
});

test("a message is safe whatever its author forgot, and its end is kept", () => {
  const { message } = new CheckpointError(`reading \x1b]0;${"x".repeat(20_000_000)}\n: it is gone`);
  expect(message).toMatch(/^reading \\u001b\]0;x+…x+\\n: it is gone$/);
  expect(message.length).toBeLessThan(2100);
});

test("some characters can be let through", () => {
  expect(escaped("a\n\tb\x07", "\n\t")).toBe("a\n\tb\\u0007");
});
