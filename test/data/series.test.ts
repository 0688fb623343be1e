/** Numeric series as people have them: times in all spellings, channels, and what is wrong with either. */
import { describe, expect, test } from "vitest";
import { formatOf, later, readSeries, type SeriesOptions, type Source, seasonOf } from "../../src/data/index.ts";
import { ConfigError, DataError } from "../../src/errors.ts";

const source = (text: string, name: string): Source => ({ name, format: formatOf(name), text: async () => text });
const read = (text: string, options: Partial<SeriesOptions> = {}, name = "a.csv") =>
  readSeries(source(text, name), options);
const day = (spelled: string): number => Date.parse(`${spelled}Z`);

describe("channels", () => {
  test("are the columns of numbers, row by row", async () => {
    const series = await read("date,load,place,OT\n2020-01-01,1.5,north,-3\n2020-01-02,2e1,south,4\n");
    expect(series).toMatchObject({ name: "a.csv", channels: ["load", "OT"], size: 2 });
    expect([...series.values]).toEqual([1.5, -3, 20, 4]);
  });

  test("or those that are asked for, by name or number, in that order", async () => {
    const text = "date,a,b,c\n2020-01-01,1,2,3\n";
    expect(await read(text, { columns: "c, a" })).toMatchObject({
      channels: ["c", "a"],
      values: Float64Array.of(3, 1),
    });
    expect((await read(text, { columns: "3" })).channels).toEqual(["b"]);
    await expect(read(text, { columns: "aa" })).rejects.toThrow(
      new DataError('series a.csv: expected a column "aa" (did you mean "a"?), got date, a, b, c; name the right one'),
    );
  });

  test("without a header are numbered; blank lines and a mark of the byte order are none", async () => {
    const series = await read("\ufeff1949-01,112\n\n1949-02,118\n\n");
    expect([series.channels, [...series.values], series.size]).toEqual([["2"], [112, 118], 2]);
    expect((await read("1,2\n3,4\n")).channels).toEqual(["1", "2"]);
    expect((await read("7\n", {})).values).toEqual(Float64Array.of(7));
    expect((await read("2019,2020\n1,2\n", { header: "yes" })).channels).toEqual(["2019", "2020"]);
  });

  test("with semicolons, tabs, quotes, and as objects in memory", async () => {
    expect([...(await read("t;x\n1;2,5\n".replace(",", "."))).values]).toEqual([1, 2.5]);
    expect([...(await read("time\tx\n1\t2\n", {}, "a.tsv")).values]).toEqual([2]);
    expect([...(await read('"Month","Passengers"\n"1949-01",112\n')).values]).toEqual([112]);
    const later = '{"x":1}\n{"x":2,"y":3}\n';
    await expect(read(later, {}, "a.jsonl")).rejects.toThrow(
      "series a.jsonl, line 1: expected a number in column y, got nothing",
    );
    const lines = '{"time":"2020-01-01","x":1,"y":2}\n\n{"time":"2020-01-02","x":3,"y":4}\n';
    expect(await read(lines, {}, "a.jsonl")).toMatchObject({
      channels: ["x", "y"],
      values: Float64Array.of(1, 2, 3, 4),
    });
  });
});

describe("times", () => {
  const timesOf = async (cells: readonly string[], name = "time") =>
    (await read(`${name},x\n${cells.map((cell, i) => `${cell},${i}`).join("\n")}\n`)).times;

  test.each([
    ["2016-07-01 00:00:00", "2016-07-01 01:00:00", day("2016-07-01T00:00:00"), "2016-07-01 02:00:00"],
    ["2016-07-01T00:00:00Z", "2016-07-01T00:15:00Z", day("2016-07-01T00:00:00"), "2016-07-01T00:30:00Z"],
    ["2016-07-01 00:00+02:00", "2016-07-01 12:00+02:00", day("2016-06-30T22:00:00"), "2016-07-02 00:00+02:00"],
    ["2016-07-01 00:00:00.250", "2016-07-01 00:00:00.500", day("2016-07-01T00:00:00.250"), "2016-07-01 00:00:00.750"],
    ["2016-12-30", "2016-12-31", day("2016-12-30T00:00:00"), "2017-01-01"],
    ["2016/7/9", "2016/7/10", day("2016-07-09T00:00:00"), "2016/7/11"],
    ["20160228", "20160229", 20160228, "20160230"], // a plain number
    ["31.12.2015", "01.01.2016", day("2015-12-31T00:00:00"), "02.01.2016"],
    ["12/30/2015", "12/31/2015", day("2015-12-30T00:00:00"), "01/01/2016"],
    ["30/12/2015 7:00", "30/12/2015 8:00", day("2015-12-30T07:00:00"), "30/12/2015 9:00"],
    ["1949-11", "1949-12", day("1949-11-01T00:00:00"), "1950-01"],
    ["2016-01-31", "2016-02-29", day("2016-01-31T00:00:00"), "2016-03-31"],
    ["2015-01-15", "2016-01-15", day("2015-01-15T00:00:00"), "2017-01-15"],
    ["0.5", "1", 0.5, "1.5"],
  ])("%s, %s, and then the same spelling again", async (first, second, time, third) => {
    const times = await timesOf([first, second]);
    expect(times?.at[0]).toBe(time);
    if (!times) throw new Error("no times");
    expect(times.write(later(times.at[1] ?? 0, times.step, 1))).toBe(third);
    expect(times.at.map(times.write)).toEqual([first, second]);
  });

  test("are in the column that is asked for, that has a usual name, or that is first and holds dates", async () => {
    expect((await read("x,Date\n1,2020-01-01\n")).times?.at).toEqual([day("2020-01-01T00:00:00")]);
    expect((await read("when,x\n2020-01-01,1\n")).times?.at).toEqual([day("2020-01-01T00:00:00")]);
    expect((await read("x,s\n1,5\n2,7\n", { time: "s" })).times).toMatchObject({ at: [5, 7], step: { size: 2 } });
    expect((await read("a,b\n1,5\n2,7\n")).times).toBe(undefined);
  });

  test("are apart what most are, also where some rows are left out", async () => {
    const gap = await timesOf(["2020-02-27", "2020-02-28", "2020-03-01", "2020-03-02", "2020-03-03"]);
    expect(gap?.step).toEqual({ size: 86_400_000 });
    expect((await timesOf(["1949-01", "1949-02", "1949-03"]))?.step.months).toBe(1);
    expect((await timesOf(["2016-03-31", "2016-06-30", "2016-09-30"]))?.step.months).toBe(3);
  });

  test("say after how many rows a series often repeats itself", () => {
    const hour = 3_600_000;
    expect([hour, hour / 4, 24 * hour, 168 * hour].map((size) => seasonOf({ size }))).toEqual([24, 96, 7, 52]);
    expect([1, 3, 12].map((months) => seasonOf({ size: 30 * 24 * hour, months }))).toEqual([12, 4, 1]);
  });

  test.each([
    [
      "time that goes back",
      "date,x\n2020-01-02,1\n2020-01-01,2\n",
      /^series a\.csv, line 3: expected a time after "2020-01-02" in column date, got "2020-01-01"/,
    ],
    [
      "time that repeats",
      "x\n\n".replace("x", "date,x\n2020-01-01,1\n2020-01-02,1\n\n2020-01-02,2"),
      /^series a\.csv, line 5: expected a time after "2020-01-02"/,
    ],
    [
      "no time at all",
      "date,x\n2020-01-01,1\nyesterday,2\n",
      /^series a\.csv, line 3: expected a time in column date, got "yesterday"/,
    ],
    ["a time left out", "date,x\n2020-01-01,1\n,2\n", /^series a\.csv, line 3: expected a time in column date, got ""/],
    [
      "a day that is not in the calendar",
      "date,x\n2021-02-28,1\n2021-02-29,2\n",
      /^series a\.csv, line 3: expected a time in column date, got "2021-02-29"/,
    ],
    ["day or month", "date,x\n01/02/2020,1\n02/03/2020,2\n", /cannot tell day from month in "01\/02\/2020"/],
  ])("%s is refused", async (_, text, message) => {
    await expect(read(text)).rejects.toThrow(DataError);
    await expect(read(text)).rejects.toThrow(message);
  });
});

describe("values", () => {
  test.each([
    [
      "a missing one",
      "a,b\n1,2\n3,\n",
      /^series a\.csv, line 3: expected a number in column b, got nothing; fill it in, or say missing: previous$/,
    ],
    [
      "a word for a missing one",
      "a,b\n1,2\n\n3,NaN\n",
      /^series a\.csv, line 4: expected a number in column b, got "NaN"/,
    ],
    [
      "a word",
      "a,b\n1,2\n3,4\n5,off\n",
      /^series a\.csv, line 4: expected a finite number in column b, got "off"; correct it$/,
    ],
    [
      "an infinite one",
      "a,b\n1,2\n3,-Infinity\n",
      /^series a\.csv, line 3: expected a finite number in column b, got "-Infinity"/,
    ],
    [
      "a decimal comma",
      "a;b\n1;2\n3;4,25\n",
      /^series a\.csv, line 3: expected a finite number in column b, got "4,25"; write numbers with a decimal point and without commas, as 1\.5$/,
    ],
    [
      "a column of decimal commas",
      "date;x;y\n01.02.2020;-1.200,5;3\n02.02.2020;4,5;4\n",
      /^series a\.csv, line 2: expected a finite number in column x, got "-1\.200,5"; write numbers with a decimal point/,
    ],
    [
      "a file of decimal commas without a header",
      "2020-01-01;1,5\n2020-01-02;2,5\n",
      /^series a\.csv, line 1: expected cells between commas or between semicolons, got "2020-01-01;1" before a comma; write numbers with a decimal point/,
    ],
    [
      "the same where a row tells the separator",
      "2020-01-01;1\n2020-01-02;2,5\n",
      /^series a\.csv, line 2: expected a finite number in column 2, got "2,5"; write numbers with a decimal point/,
    ],
    ["one beyond all numbers", "a,b\n1,2\n3,1e999\n", /line 3: expected a finite number in column b, got "1e999"/],
    ["a row that is too short", "a,b\n1,2\n3\n", /^series a\.csv, line 3: expected 2 columns as before, got 1/],
    ["a row that is too long", "a,b\n1,2\n\n3,4,5\n", /^series a\.csv, line 4: expected 2 columns as before, got 3/],
    ["no rows", "a,b\n", /^series a\.csv: expected rows of numbers, got none; the file is blank$/],
    ["a blank file", "", /^series a\.csv: expected rows of numbers, got none/],
    ["a file of blank lines", "\n\n", /^series a\.csv: expected rows of numbers, got none/],
    ["words only", "a,b\nx,y\n", /^series a\.csv: expected a column of numbers, got a, b/],
    ["a column twice", "a,a\n1,2\n", /^series a\.csv, line 1: expected every column once, got "a" twice/],
  ])("%s is refused", async (_, text, message) => {
    await expect(read(text)).rejects.toThrow(DataError);
    await expect(read(text)).rejects.toThrow(message);
  });

  test("a missing one may be the one before, unless there is none", async () => {
    expect([...(await read("a\n1\n?\nNA\n4\n", { missing: "previous" })).values]).toEqual([1, 1, 1, 4]);
    await expect(read("a,b\n?,1\n2,2\n3,3\n", { missing: "previous" })).rejects.toThrow(
      'series a.csv, line 2: expected a number in column a, got "?"; there is none before it; leave the row out',
    );
  });

  test("options that nobody knows are refused", async () => {
    await expect(read("a\n1\n", { header: "maybe" as never })).rejects.toThrow(ConfigError);
  });
});
