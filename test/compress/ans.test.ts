import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AnsStack, LEAST_HEAD } from "../../src/compress/ans.ts";
import { DataError } from "../../src/errors.ts";
import { threefry2x32 } from "../../src/runtime/index.ts";

type Symbol = readonly [start: number, frequency: number, precision: number];

/** What is left of a stack on which `symbols` were pushed and popped. */
function restored(symbols: readonly Symbol[], head = LEAST_HEAD): AnsStack {
  const there = new AnsStack(head);
  for (const symbol of symbols) there.push(...symbol);
  const back = new AnsStack(there.head, there.words);
  for (const [start, frequency, precision] of symbols.toReversed()) {
    const number = back.peek(precision);
    expect(number).toBeGreaterThanOrEqual(start);
    expect(number).toBeLessThan(start + frequency);
    back.drop(start, frequency, precision);
  }
  return back;
}

describe("a stack of symbols", () => {
  it("is what it was after every symbol of every distribution with 8 numbers, from heads at both ends", () => {
    for (const head of [LEAST_HEAD, LEAST_HEAD + 5, 2 ** 52 - 1])
      for (let start = 0; start < 8; start++)
        for (let frequency = 1; start + frequency <= 8; frequency++) {
          const back = restored([[start, frequency, 3]], head);
          expect([back.head, back.words.length]).toEqual([head, 0]);
        }
  });

  it("is what it was after any symbols of any precision", () => {
    const symbol = fc
      .integer({ min: 0, max: 28 })
      .chain((p) => fc.tuple(fc.constant(p), fc.integer({ min: 0, max: 2 ** p - 1 })))
      .chain(([p, start]) => fc.tuple(fc.constant(start), fc.integer({ min: 1, max: 2 ** p - start }), fc.constant(p)));
    fc.assert(
      fc.property(
        fc.array(symbol, { maxLength: 200 }),
        fc.integer({ min: 2 ** 36, max: 2 ** 52 - 1 }),
        (symbols, head) => {
          const back = restored(symbols, head);
          return back.head === head && back.words.length === 0;
        },
      ),
      { seed: 1 },
    );
  });

  it("draws what was never pushed from the reserve, and has it back afterwards", () => {
    let taken = 0;
    const stack = new AnsStack(LEAST_HEAD + 12345, [], () => threefry2x32(1, 0, taken++, 0)[0] % 2 ** 16);
    const drawn = Array.from({ length: 100 }, () => {
      const number = stack.peek(20);
      stack.drop(number, 1, 20);
      return number;
    });
    for (const number of drawn.toReversed()) stack.push(number, 1, 20);
    expect(stack.head).toBe(LEAST_HEAD + 12345);
    expect([...stack.words]).toEqual(
      Array.from({ length: taken }, (_, i) => threefry2x32(1, 0, taken - 1 - i, 0)[0] % 2 ** 16),
    );
    expect(stack.drawn).toBe(taken);
    expect(new Set(drawn).size).toBeGreaterThan(95);
  });

  it("takes the entropy of what is pushed, within a thousandth", () => {
    const precision = 12;
    const frequencies = [1, 15, 240, 1000, 2840]; // 4096 in all
    const starts = frequencies.map((_, i) => frequencies.slice(0, i).reduce((a, b) => a + b, 0));
    const stack = new AnsStack(LEAST_HEAD);
    let entropy = 0;
    for (let i = 0; i < 200_000; i++) {
      const number = threefry2x32(7, 0, i, 0)[0] % 2 ** precision;
      const symbol = starts.findLastIndex((start) => start <= number);
      const frequency = frequencies[symbol] as number;
      stack.push(starts[symbol] as number, frequency, precision);
      entropy += precision - Math.log2(frequency);
    }
    const bits = 16 * stack.words.length + Math.log2(stack.head) - 36;
    expect(Math.abs(bits / entropy - 1)).toBeLessThan(1e-3);
  });

  it("refuses to give what it does not have, and heads out of range", () => {
    const stack = new AnsStack(LEAST_HEAD);
    expect(() => {
      for (;;) stack.drop(stack.peek(16), 1, 16);
    }).toThrow(DataError);
    for (const head of [0, LEAST_HEAD - 1, 2 ** 52, 2 ** 40 + 0.5, Number.NaN])
      expect(() => new AnsStack(head)).toThrow(/out of range/);
  });
});
