/** The ts format of sktime and aeon. */
import { expect, test } from "vitest";
import { parseTs } from "../../src/data/index.ts";
import { DataError } from "../../src/errors.ts";

const header = "# made up\n@problemName Two\n@timeStamps false\n@classLabel true a b\n@data\n";
const read = (cases: string, head = header) => parseTs(head + cases, "x.ts");

test("dimensions with colons between, of lengths that differ from case to case", () => {
  const { channels, cases } = read("1,2,3:4,5,6:a\r\n\n% a comment\n7:-8e1:b\n");
  expect(channels).toBe(2);
  expect(cases).toEqual([
    { values: Float64Array.of(1, 4, 2, 5, 3, 6), size: 3, label: "a", line: 6 },
    { values: Float64Array.of(7, -80), size: 1, label: "b", line: 9 },
  ]);
});

test("a missing value is NaN; a case may have no steps", () => {
  expect(read("1,?,NaN:a\n:b\n").cases.map(({ values }) => [...values])).toEqual([[1, Number.NaN, Number.NaN], []]);
});

test("without labels there are none", () => {
  const { cases, channels } = read("1,2:3,4\n", "@classLabel false\n@data\n");
  expect([channels, cases[0]?.label]).toEqual([2, undefined]);
});

test("a header in any case; without a list of labels all are taken", () => {
  expect(read("1:x\n", "@CLASSLABEL true\n@Data\n").cases[0]?.label).toBe("x");
});

test.each([
  ["", "", "x.ts: expected a header and cases, got a blank file"],
  ["1,2:a\n", "", "x.ts: expected a header with @classLabel and @data, got no @data; see the ts format of aeon"],
  [
    "1,2:a\n",
    "@problemName x\n@data\n",
    "x.ts: expected @classLabel in the header, got none; write @classLabel true and the labels",
  ],
  ["1,2:a\n", "1,2\n@classLabel true a\n@data\n", 'x.ts, line 1: expected @key value before @data, got "1,2"'],
  [
    "(0,1):a\n",
    "@timeStamps true\n@classLabel true a\n@data\n",
    "x.ts: expected values alone, got @timeStamps true; write the values without their times",
  ],
  ["\n", header, "x.ts: expected at least one case after @data, got none"],
  [
    "1,2:c\n",
    header,
    'x.ts, line 6: expected a label at the end, one of a, b, got "c"; write :label after the numbers',
  ],
  [
    "1,2\n",
    header,
    'x.ts, line 6: expected a label at the end, one of a, b, got "1,2"; write :label after the numbers',
  ],
  ["1,2:3,4:a\n1,2:b\n", header, "x.ts, line 7: expected 2 dimensions as in the first case, got 1"],
  ["1,2:3:a\n", header, "x.ts, line 6: expected 2 values in every dimension of a case, got 1 in dimension 2"],
  [
    "1,x:a\n",
    header,
    'x.ts, line 6: expected finite numbers with commas between, or ? for one that is missing, got "x"',
  ],
  [
    "1,inf:a\n",
    header,
    'x.ts, line 6: expected finite numbers with commas between, or ? for one that is missing, got "inf"',
  ],
])("%j after %j is refused", (cases, head, message) => {
  expect(() => read(cases, head)).toThrow(new DataError(message));
});
