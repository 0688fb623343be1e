/** Processors of logits against transformers' numbers, and by hand where it has none. */
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import {
  generateSettings,
  type LogitsContext,
  type LogitsProcessor,
  processors,
  sampler,
} from "../../src/generate/index.ts";
import { processorsOf } from "../../src/generate/sample.ts";
import fixture from "../fixtures/logits.json" with { type: "json" };
import { fault, junk } from "../support/junk.ts";
import { distance } from "../support/numbers.ts";
import { double } from "../tolerances.ts";

interface Case {
  readonly ids: readonly number[];
  /** -Infinity is null. */
  readonly logits: readonly (number | null)[];
  readonly expected: readonly (number | null)[];
}
const numbers = (values: readonly (number | null)[]): number[] =>
  values.map((value) => value ?? Number.NEGATIVE_INFINITY);

/** Logits below their largest: a constant that is added to all changes no probability. */
const relative = (logits: readonly number[]): number[] => logits.map((logit) => logit - Math.max(...logits));

function requireSame(processes: readonly LogitsProcessor[], { ids, logits, expected }: Case): void {
  const context = { ids, promptLength: fixture.prompt, step: ids.length - fixture.prompt };
  const after = Float64Array.from(numbers(logits));
  for (const process of processes) process(after, context);
  const wanted = numbers(expected);
  expect(distance(relative([...after]), relative(wanted), double)).toEqual({ at: -1, excess: 0 });
}

test.each([...fixture.cases, ...fixture.edges])("$name($arguments) after $ids as in transformers", (one) => {
  const make = processors[one.name as keyof typeof processors] as (...values: readonly unknown[]) => LogitsProcessor;
  requireSame([make(...one.arguments)], one);
});

/** transformers' name of an option -> ours. */
const NAMES: Readonly<Record<string, string>> = {
  top_k: "topK",
  top_p: "topP",
  min_p: "minP",
  typical_p: "typicalP",
  repetition_penalty: "repetitionPenalty",
  no_repeat_ngram_size: "noRepeatNgram",
  min_new_tokens: "minNewTokens",
  suppress_tokens: "suppress",
  eos_token_id: "end",
};

test.each(fixture.together)("$arguments in the order of transformers", (one) => {
  const entries = Object.entries(one.arguments[0] ?? {}).map(([key, value]): [string, unknown] => [
    NAMES[key] ?? key,
    key === "eos_token_id" ? [value] : value,
  ]);
  requireSame(processorsOf(generateSettings({ temperature: 1, ...Object.fromEntries(entries) })), one);
});

const context = (ids: readonly number[], promptLength = 0): LogitsContext => ({
  ids,
  promptLength,
  step: ids.length - promptLength,
});
function changed(process: LogitsProcessor, logits: readonly number[], ids: readonly number[] = [], promptLength = 0) {
  const result = Float64Array.from(logits);
  process(result, context(ids, promptLength));
  return [...result];
}
const NEVER = Number.NEGATIVE_INFINITY;

test("presence and frequency count what was generated, not the prompt", () => {
  // Ids 0, 1, 1 were generated after the prompt 2, 2.
  expect(changed(processors.presencePenalty(0.5), [1, 2, 3], [2, 2, 0, 1, 1], 2)).toEqual([0.5, 1.5, 3]);
  expect(changed(processors.frequencyPenalty(0.5), [1, 2, 3], [2, 2, 0, 1, 1], 2)).toEqual([0.5, 1, 3]);
  expect(changed(processors.frequencyPenalty(-1), [1, 2, 3], [1])).toEqual([1, 3, 3]);
});

test("of equal logits the lower ids stay, as many as are asked for", () => {
  expect(changed(processors.topK(2), [1, 3, 3, 3])).toEqual([NEVER, 3, 3, NEVER]);
  expect(changed(processors.topK(3), [5, 5, 5, 5])).toEqual([5, 5, 5, NEVER]);
  expect(changed(processors.topP(0.5), [5, 5, 5, 5])).toEqual([5, 5, NEVER, NEVER]);
  expect(changed(processors.temperature(0), [1, 3, 3])).toEqual([NEVER, 3, NEVER]);
});

test("nothing changes where nothing is asked for", () => {
  const logits = [1, -2, NEVER, 0.5];
  for (const process of [
    processors.topK(100),
    processors.topP(1),
    processors.minP(0),
    processors.typicalP(1),
    processors.repetitionPenalty(1),
    processors.presencePenalty(0),
    processors.minNewTokens(0, [1]),
    processors.suppress([]),
    processors.logitBias({}),
    processors.badWords([]),
  ])
    expect(changed(process, logits, [0, 1, 3])).toEqual(logits);
});

test("a bias of -Infinity forbids, a vocabulary of one stays", () => {
  expect(changed(processors.logitBias({ 1: NEVER, 0: 2 }), [1, 2])).toEqual([3, NEVER]);
  for (const process of [
    processors.topK(5),
    processors.topP(0.1),
    processors.minP(1),
    processors.typicalP(0.5),
    processors.temperature(0),
  ])
    expect(changed(process, [0])).toEqual([0]);
});

test("where everything is forbidden already, nothing is made of it", () => {
  for (const process of [
    processors.topK(1),
    processors.topP(0.5),
    processors.minP(0.5),
    processors.typicalP(0.5),
    processors.temperature(0.5),
  ])
    expect(changed(process, [NEVER, NEVER])).toEqual([NEVER, NEVER]);
});

describe("what a processor does not take is refused in one line", () => {
  const good: Readonly<Record<string, readonly unknown[]>> = {
    temperature: [1],
    topK: [1],
    topP: [0.5],
    minP: [0.5],
    typicalP: [0.5],
    repetitionPenalty: [1.1],
    presencePenalty: [0.1],
    frequencyPenalty: [0.1],
    noRepeatNgram: [2],
    badWords: [[[1]]],
    minNewTokens: [2, [1]],
    suppress: [[1]],
    logitBias: [{ 1: 2 }],
  };
  test.each(Object.entries(processors))("%s", (name, make) => {
    const call = make as (...values: unknown[]) => LogitsProcessor;
    const arguments_ = good[name] ?? [];
    expect(arguments_.length, `${name} is new`).toBeGreaterThan(0);
    for (const at of arguments_.keys())
      for (const value of Object.values(junk)) {
        const given = arguments_.with(at, value);
        try {
          call(...given)(new Float64Array(3), context([]));
        } catch (error) {
          expect(fault(error, 300)).toBeUndefined();
          expect(error).toBeInstanceOf(ConfigError);
        }
      }
    for (const odd of [undefined, Number.NaN, "1", -1000]) expect(() => call(odd)).toThrow(ConfigError);
  });
  test("ids above the vocabulary", () => {
    expect(() => changed(processors.suppress([3]), [1, 2, 3])).toThrow(
      new ConfigError("suppress: expected ids below the vocabulary's 3, got 3; leave it out"),
    );
    expect(() => changed(processors.badWords([[0, 9]]), [1, 2, 3])).toThrow(/badWords: expected ids below/);
    expect(() => changed(processors.logitBias({ 5: 1 }), [1, 2, 3])).toThrow(/logitBias: expected ids below/);
  });
});

test("processors of your own come after the penalties and before temperature", () => {
  const seen: number[][] = [];
  const watch: LogitsProcessor = (logits) => void seen.push([...logits]);
  const swap: LogitsProcessor = (logits) => logits.toReversed();
  const choose = sampler(
    generateSettings({ temperature: 0.5, presencePenalty: 1, processors: [watch, swap, watch], topK: 1 }),
  );
  expect(choose([4, 1, 0], { ids: [0], promptLength: 0, step: 1 })).toBe(2);
  expect(seen).toEqual([
    [3, 1, 0],
    [0, 1, 3],
  ]);
});

test("what they may not give is refused in one line", () => {
  const choose = (process: unknown) => () =>
    sampler(generateSettings({ processors: [process as LogitsProcessor] }))([1, 2], context([0]));
  expect(choose(() => 5)).toThrow(
    new ConfigError("processors: expected nothing or a Float64Array of 2 logits, got 5; change them in place"),
  );
  expect(choose(() => new Float64Array(3))).toThrow(ConfigError);
  expect(choose((logits: Float64Array) => void logits.fill(Number.NaN, 1))).toThrow(
    new ConfigError("processors: expected logits below Infinity, got NaN; check those of your own"),
  );
  expect(choose((logits: Float64Array) => void logits.fill(Number.POSITIVE_INFINITY, 0, 1))).toThrow(/got Infinity/);
  expect(choose((logits: Float64Array) => void logits.fill(NEVER))).toThrow(
    new ConfigError("sample: every id is forbidden at token 2; expected one that is not, allow some"),
  );
});
