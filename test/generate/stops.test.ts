/** Texts at which a text ends, however it comes in pieces. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Stops } from "../../src/generate/stops.ts";

/** Where the first stop text to be complete begins, of several the longest. */
function cut(text: string, stops: readonly string[]): number {
  for (let end = 1; end <= text.length; end++) {
    const found = stops.filter((stop) => text.slice(0, end).endsWith(stop));
    if (found.length) return end - Math.max(...found.map(({ length }) => length));
  }
  return text.length;
}

/** Everything that is shown, and after each piece how much there was. */
function shown(pieces: readonly string[], texts: readonly string[]) {
  const stops = new Stops(texts);
  const parts = pieces.map((piece) => stops.push(piece));
  return { text: parts.join("") + stops.flush(), parts, stopped: stops.stopped };
}

const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 12 });
const texts = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 5 }), {
  maxLength: 3,
});

test("the text ends where it would if it came in one piece", () => {
  const agree = (pieces: string[], stops: string[]) => {
    const whole = pieces.join("");
    const end = cut(whole, stops);
    const { text, stopped } = shown(pieces, stops);
    expect(text).toBe(whole.slice(0, end));
    expect(stopped).toBe(stops.some((stop) => whole.includes(stop)));
  };
  fc.assert(fc.property(fc.array(letters), texts, agree), { seed: 3, numRuns: 2000 });
});

test("what could begin a stop text is held back, and nothing else", () => {
  const agree = (pieces: string[], stops: string[]) => {
    const { parts } = shown(pieces, stops);
    let [given, out] = ["", ""];
    for (const [i, piece] of pieces.entries()) {
      given += piece;
      out += parts[i] ?? "";
      if (stops.some((stop) => given.includes(stop))) return;
      const begins = (tail: string) => stops.some((stop) => stop.startsWith(tail));
      const from = Array.from({ length: given.length + 1 }, (_, at) => at).find((at) => begins(given.slice(at)));
      expect(out).toBe(given.slice(0, stops.length ? from : given.length));
    }
  };
  fc.assert(fc.property(fc.array(letters), texts, agree), { seed: 4, numRuns: 2000 });
});

test("by hand: across pieces, inside one, overlapping", () => {
  expect(shown(["Hello", "\n", "\nWorld"], ["\n\n"])).toEqual({
    text: "Hello",
    parts: ["Hello", "", ""],
    stopped: true,
  });
  expect(shown(["Hello", "\n", "World"], ["\n\n"])).toEqual({
    text: "Hello\nWorld",
    parts: ["Hello", "", "\nWorld"],
    stopped: false,
  });
  expect(shown(["aab", "aabaac"], ["aabaac"]).text).toBe("aab");
  expect(shown(["one END two"], ["END"])).toEqual({ text: "one ", parts: ["one "], stopped: true });
  expect(shown(["wait EN"], ["END"])).toEqual({ text: "wait EN", parts: ["wait "], stopped: false });
});
