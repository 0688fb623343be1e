/** Named entities against seqeval's counts, `test/fixtures/entities.py`, and the rules of conlleval by hand. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DataError, ShapeError } from "../../src/errors.ts";
import { type Entity, entitiesOf } from "../../src/metrics/entities.ts";
import { type EntityScores, entityF1, entityScores } from "../../src/metrics/index.ts";

interface Line {
  readonly name: string;
  readonly targets: readonly string[][];
  readonly predictions: readonly string[][];
  readonly sentences: readonly { tags: readonly string[]; entities: readonly Entity[] }[];
  readonly micro: Readonly<Record<"precision" | "recall" | "f1" | "support", number>>;
  readonly types: Readonly<Record<string, Line["micro"]>>;
}
const fixture: readonly Line[] = JSON.parse(readFileSync("test/fixtures/entities.json", "utf8"));

/** The numbers that seqeval gives as well. */
const shared = ({ precision, recall, f1, support }: Line["micro"]) => [precision, recall, f1, support];
const requireEqual = (got: Line["micro"] | undefined, expected: Line["micro"]) => {
  if (!got) throw new Error("there are no such scores");
  for (const [i, value] of shared(expected).entries()) expect(shared(got)[i]).toBeCloseTo(value, 12);
};

describe.each(fixture.map((line) => [line.name, line] as const))("%s", (_, { targets, predictions, ...line }) => {
  test("entities are seqeval's", () => {
    for (const { tags, entities } of line.sentences) expect(entitiesOf(tags)).toEqual(entities);
  });
  test("scores are seqeval's, of all and of each type, at once and sentence by sentence", () => {
    const whole = entityScores().of(predictions, targets);
    const parts = entityScores().running();
    for (const [i, tags] of targets.entries()) parts.add([predictions[i] ?? []], [tags]);
    for (const scores of [whole, parts.value] satisfies EntityScores[]) {
      requireEqual(scores, line.micro);
      expect(Object.keys(scores.types).sort()).toEqual(Object.keys(line.types).sort());
      for (const [type, expected] of Object.entries(line.types)) requireEqual(scores.types[type], expected);
    }
    expect(entityF1().of(predictions, targets)).toBe(whole.f1);
    for (const type of Object.keys(line.types))
      expect(entityF1({ type }).of(predictions, targets)).toBe(whole.types[type]?.f1);
  });
});

describe("by conlleval's rules", () => {
  const spans = (tags: string) => entitiesOf(tags.split(" ")).map(({ type, start, end }) => `${type} ${start}-${end}`);
  test.each([
    ["B-PER I-PER O B-LOC", ["PER 0-2", "LOC 3-4"]],
    ["B-PER B-PER", ["PER 0-1", "PER 1-2"]],
    ["I-PER I-PER B-PER I-PER", ["PER 0-2", "PER 2-4"]], // IOB1: a B only where two of a type meet
    ["S-LOC B-PER I-PER E-PER", ["LOC 0-1", "PER 1-4"]],
    ["U-LOC B-PER L-PER", ["LOC 0-1", "PER 1-3"]], // BILOU
    ["O I-PER O", ["PER 1-2"]], // illegal in BIO: it begins one all the same
    ["B-PER I-LOC I-LOC", ["PER 0-1", "LOC 1-3"]],
    ["E-PER I-PER", ["PER 0-1", "PER 1-2"]],
    ["B-creative-work I-creative-work", ["creative-work 0-2"]],
    ["O", []],
  ])("%s", (tags, expected) => expect(spans(tags)).toEqual(expected));

  test("of no sentences, all scores are 0", () => {
    const { types, ...all } = entityScores().of([], []);
    expect([all, types]).toEqual([{ precision: 0, recall: 0, f1: 0, support: 0, predicted: 0, right: 0 }, {}]);
    expect(entityF1({ type: "PER" }).of([], [])).toBe(0);
  });
});

describe("what cannot be counted is refused in one line", () => {
  test.each([
    ["no tag", () => entitiesOf(["PER"]), DataError, 'expected a tag such as O, B-PER or I-PER, got "PER"'],
    ["a place without a type", () => entitiesOf(["B-"]), DataError, "expected a tag"],
    ["a number", () => entitiesOf([3 as never]), DataError, "got 3"],
    [
      "sentences of other lengths",
      () => entityScores().of([["O"]], [["O", "O"]]),
      ShapeError,
      "got 1 and 2 in sentence 1",
    ],
    ["fewer sentences", () => entityScores().of([["O"]], []), ShapeError, "got 1 and 0"],
    ["tags without sentences", () => entityF1().of(["O"] as never, ["O"] as never), DataError, "list of lists of tags"],
  ])("%s", (_, make, kind, message) => {
    expect(make).toThrow(kind);
    expect(make).toThrow(message);
    expect(make).toThrow(/^[^\n]+; [^\n]+$/);
  });
});
