/** Ids and texts of tokenizers that `fuzzed_text.py` made, against those of the Python library. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readTokenizer } from "../../src/tokenizers/index.ts";

interface Texts {
  readonly texts: readonly string[];
  readonly ids: readonly (readonly number[])[];
  readonly decoded: readonly string[];
}

/** What became of one tokenizer's texts. */
export interface Agreement {
  readonly name: string;
  readonly texts: number;
  /** Texts with the same ids. */
  readonly ids: number;
  /** Ids with the same text. */
  readonly decoded: number;
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
  const { texts, ids, decoded } = json(join(folder, `${name}.texts.json`)) as Texts;
  let [same, back, example] = [0, 0, ""];
  for (const [i, text] of texts.entries()) {
    const theirs = String(ids[i]);
    const ours = attempt(() => String([...tokenizer.encode(text, { specialTokens: true })]));
    if (ours === theirs) same++;
    else example ||= `${JSON.stringify(text)}: ${ours}, expected ${theirs}`;
    const said = attempt(() => tokenizer.decode(ids[i] ?? []));
    if (said === decoded[i]) back++;
    else example ||= `${theirs}: ${JSON.stringify(said)}, expected ${JSON.stringify(decoded[i])}`;
  }
  return { name, texts: texts.length, ids: same, decoded: back, example };
}

/** All tokenizers of a folder. */
export async function agreements(folder: string): Promise<Agreement[]> {
  const names = readdirSync(folder).filter((file) => file.endsWith(".tokenizer.json"));
  return Promise.all(names.map((file) => agreement(folder, file.replace(".tokenizer.json", ""))));
}
