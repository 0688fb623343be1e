/** Ids and texts of tokenizers that `fuzzed_text.py` made, against those of the Python library. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readTokenizer } from "../../src/tokenizers/index.ts";

interface Texts {
  readonly texts: readonly string[];
  readonly ids: readonly (readonly number[])[];
  readonly decoded: readonly string[];
  /** Random ids, and their text. */
  readonly drawn: readonly (readonly number[])[];
  readonly said: readonly string[];
}

/** What became of one tokenizer's texts. */
export interface Agreement {
  readonly name: string;
  readonly texts: number;
  /** Texts with the same ids. */
  readonly ids: number;
  /** Texts that come back from their ids as in the Python library. */
  readonly decoded: number;
  /** Random ids with the same text. */
  readonly said: number;
  /** The first that differs, with ours and theirs. */
  readonly example: string;
}

const json = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));

/** What `run` gives, or why it does not. */
function attempt(run: () => string): string {
  try {
    return run();
  } catch (error) {
    return String(error);
  }
}

async function agreement(folder: string, name: string): Promise<Agreement> {
  const tokenizer = await readTokenizer(json(join(folder, `${name}.tokenizer.json`)));
  const { texts, ids, decoded, drawn, said } = json(join(folder, `${name}.texts.json`)) as Texts;
  let example = "";
  /** How many of `given` become what is expected. */
  const count = <T>(given: readonly T[], expected: readonly unknown[], run: (one: T) => string): number =>
    given.filter((one, i) => {
      const [ours, theirs] = [attempt(() => run(one)), String(expected[i])];
      if (ours !== theirs)
        example ||= `${JSON.stringify(one)}: ${JSON.stringify(ours)}, expected ${JSON.stringify(theirs)}`;
      return ours === theirs;
    }).length;
  return {
    name,
    texts: texts.length,
    ids: count(texts, ids, (text) => String([...tokenizer.encode(text, { specialTokens: true })])),
    decoded: count(ids, decoded, (row) => tokenizer.decode(row)),
    said: count(drawn, said, (row) => tokenizer.decode(row)),
    example,
  };
}

/** All tokenizers of a folder. */
export async function agreements(folder: string): Promise<Agreement[]> {
  const names = readdirSync(folder).filter((file) => file.endsWith(".tokenizer.json"));
  return Promise.all(names.map((file) => agreement(folder, file.replace(".tokenizer.json", ""))));
}
