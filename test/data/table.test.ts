/** Tables as people have them: csv, tsv and JSON Lines, with and without names of columns. */
import { describe, expect, test } from "vitest";
import {
  asSource,
  column,
  formatOf,
  LABEL_COLUMNS,
  readTable,
  type Source,
  type Table,
  TEXT_COLUMNS,
} from "../../src/data/index.ts";
import { ConfigError, DataError } from "../../src/errors.ts";

const source = (name: string, text: string): Source => ({ name, format: formatOf(name), text: async () => text });
const read = (name: string, text: string, asked?: string[]) => readTable(source(name, text), asked);
const rowsOf = async (name: string, text: string, asked?: string[]) => (await read(name, text, asked)).rows;

describe("csv", () => {
  test("with a header", async () => {
    const table = await read("a.csv", "text,label\nGood film,1\nBad film,0\n");
    expect(table.columns).toEqual(["text", "label"]);
    expect(table.rows).toEqual([
      { text: "Good film", label: "1" },
      { text: "Bad film", label: "0" },
    ]);
  });

  test("without a header, columns are numbered from 1", async () => {
    const table = await read("a.csv", "1,Good film\n0,Bad film");
    expect(table.columns).toBe(undefined);
    expect(table.rows).toEqual([
      { 1: "1", 2: "Good film" },
      { 1: "0", 2: "Bad film" },
    ]);
  });

  test("a header is known by a column that is asked for, or one of the usual names in any case", async () => {
    expect(await rowsOf("a.csv", "plot,genre\nx,y", ["genre"])).toEqual([{ plot: "x", genre: "y" }]);
    expect(await rowsOf("a.csv", "plot,genre\nx,y")).toHaveLength(2);
    expect((await read("a.csv", "Text, Label \nx,y")).columns).toEqual(["Text", "Label"]);
  });

  test("quotes hold separators, quotes and line feeds", async () => {
    expect(await rowsOf("a.csv", 'text,label\r\n"a, ""b""\nc",1\r\n"",0\r\n')).toEqual([
      { text: 'a, "b"\nc', label: "1" },
      { text: "", label: "0" },
    ]);
  });

  test("a mark of the byte order, empty lines, semicolons", async () => {
    expect(await rowsOf("a.csv", "\ufefftext;label\n\nx;y\n\n")).toEqual([{ text: "x", label: "y" }]);
  });

  test("columns at the end in which every cell is empty are none", async () => {
    expect(await rowsOf("a.csv", "text,label,,\nx,y,,\n")).toEqual([{ text: "x", label: "y" }]);
    expect(await rowsOf("a.csv", "film,a,\nbook,b, \n")).toEqual([
      { 1: "film", 2: "a" },
      { 1: "book", 2: "b" },
    ]);
    expect(await rowsOf("a.csv", "text,,label\nx,,\n")).toEqual([{ text: "x", "": "", label: "" }]);
  });

  test("one column", async () => expect(await rowsOf("a.csv", "text\nx\ny")).toEqual([{ text: "x" }, { text: "y" }]));
});

test("tsv: quotes are letters like any other, and so are commas", async () => {
  expect(await rowsOf("a.tsv", 'text\tlabel\n"He said, "no"\t1\nplain\t0')).toEqual([
    { text: '"He said, "no"', label: "1" },
    { text: "plain", label: "0" },
  ]);
});

test.each(["a.jsonl", "a.ndjson", "a.json", "a.jsonl.gz"])("%s: values keep their kind", async (name) => {
  const table = await read(name, '{"text":"x, \\"y\\"","label":1}\n\n{"text":"z","label":null}\r\n');
  expect(table.columns).toEqual(["text", "label"]);
  expect(table.rows).toEqual([
    { text: 'x, "y"', label: 1 },
    { text: "z", label: null },
  ]);
});

describe("refused", () => {
  test.each([
    [
      "rows of different widths",
      "a.csv",
      "text,label\na,1\nb,2,3\n",
      /^table a.csv, line 3: expected 2 columns as in the first row, got 3; quote cells/,
    ],
    ["a quote that is never closed", "a.csv", 'text,label\n"a,1\nb,2\n', /^table a.csv: .*[Qq]uote.* in row \d$/],
    ["no row", "a.csv", "", /^table a.csv: expected at least one row, got none$/],
    ["a header alone", "a.csv", "text,label\n", /^table a.csv: expected at least one row, got none$/],
    ["a header alone in tsv", "a.tsv", "text\tlabel", /^table a.tsv: expected at least one row, got none$/],
    ["nothing in JSON Lines", "a.jsonl", "\n \n", /^table a.jsonl: expected at least one row, got none$/],
    [
      "a line that is no JSON",
      "a.jsonl",
      '{"a":1}\n{"a":\n',
      /^table a.jsonl, line 2: expected a JSON object, got "\{\\"a\\":"$/,
    ],
    ["a list", "a.jsonl", "[1]", /^table a.jsonl, line 1: expected a JSON object, got "\[1\]"$/],
    ["a number", "a.jsonl", "5", /line 1: expected a JSON object/],
  ])("%s", async (_, name, text, say) => {
    await expect(read(name, text)).rejects.toThrow(DataError);
    await expect(read(name, text)).rejects.toThrow(say);
  });
});

describe("the column that is meant", () => {
  const named: Table = {
    name: "t",
    columns: ["id", "review", "sentiment"],
    rows: [{ id: "1", review: "x", sentiment: "y" }],
    lines: [1],
  };
  const numbered: Table = { name: "t", columns: undefined, rows: [{ 1: "x", 2: "y", 3: "z" }], lines: [1] };
  const capitals: Table = { name: "t", columns: ["Text", "LABEL"], rows: [{ Text: "x", LABEL: "y" }], lines: [1] };
  const other: Table = { name: "t", columns: ["a", "b"], rows: [{ a: "x", b: "y" }], lines: [1] };

  test.each([
    ["the usual names", named, undefined, "review", "sentiment"],
    ["the usual names in capitals", capitals, undefined, "Text", "LABEL"],
    ["a name", named, "id", "id", "id"],
    ["a number from 1", named, "2", "review", "review"],
    ["first and last where none has a name", numbered, undefined, "1", "3"],
    ["a number where none has a name", numbered, "2", "2", "2"],
  ])("%s", (_, table, asked, text, label) => {
    expect(column(table, asked, TEXT_COLUMNS, "first")).toBe(text);
    expect(column(table, asked, LABEL_COLUMNS, "last")).toBe(label);
  });

  test("none", () => {
    const text = (table: Table, asked?: string) => () => column(table, asked, TEXT_COLUMNS, "first");
    expect(text(named, "reveiw")).toThrow(
      new DataError(
        'table t: expected a column "reveiw" (did you mean "review"?), got id, review, sentiment; name the right one',
      ),
    );
    for (const asked of ["0", "4", "1.5"]) expect(text(named, asked)).toThrow(DataError);
    expect(text(other)).toThrow(
      "table t: expected a column called text, sentence, review or such, got a, b; name the right one",
    );
  });
});

describe("what people give", () => {
  const open = (name: string): Source => source(name, `opened ${name}`);
  const textOf = async (given: Parameters<typeof asSource>[0]) => asSource(given, open).text();

  test("a name, a text, rows, a source", async () => {
    expect(await textOf("a.csv")).toBe("opened a.csv");
    expect(await textOf({ name: "a.csv", text: "x,y" })).toBe("x,y");
    expect(asSource({ name: "A.CSV.gz", text: "" }, open).format).toBe("csv");
    expect(asSource({ name: "set", text: "" }, open).format).toBe("txt");
    const rows = [
      { text: "a\nb", label: 1 },
      { text: "c", label: 2 },
    ];
    expect((await readTable(asSource({ name: "mine", rows }, open))).rows).toEqual(rows);
    const own = source("own", "x");
    expect(asSource(own, open)).toMatchObject({ name: own.name, format: own.format });
    expect(await asSource(own, open).text()).toBe("x");
  });

  test.each([undefined, null, 5, [], {}, { text: "x" }, { rows: [] }])("%j is refused", (given) => {
    expect(() => asSource(given as never, open)).toThrow(ConfigError);
    expect(() => asSource(given as never, open)).toThrow(/^data: expected the name of a file or set/);
  });
});
