/** Plain JavaScript: how tokenizers are learned and read, and what they are asked. */
import { readTokenizer, type Tokenizer, trainBpe, trainChar, trainWords } from "../../src/tokenizers/index.ts";
import { also, type Call, each, more, refuseJunk } from "../support/junk.ts";

const text = "a cat sat on a mat.\n abc";
const { signal } = new AbortController();
const texts = ["an empty text", "text"];

const tokenizers: Readonly<Record<string, Tokenizer>> = {
  char: trainChar(text),
  words: trainWords([text], 20),
  bpe: await trainBpe(text, { vocabSize: 260 }),
};

const methods = Object.entries(tokenizers).flatMap(([kind, tokenizer]): Call[] => [
  [`${kind}: encode`, tokenizer.encode, also("a cat", ...texts), also({}, "nothing", "an object without a prototype")],
  ...each(`${kind}: encode`, (options) => tokenizer.encode("a", options), {
    specialTokens: also(false, "nothing", "true"),
  }),
  [
    `${kind}: decode`,
    tokenizer.decode,
    also(new Int32Array([1, 2]), "an empty list", "a typed array", "a list of numbers"),
  ],
  [`${kind}: idOf`, tokenizer.idOf, also("a", ...texts)],
]);

const calls: readonly Call[] = [
  ["trainChar", trainChar, also(text, ...texts)],
  ["trainWords", trainWords, also([text], "an empty list", "a list of texts", "a set"), also(20, "2 ** 40")],
  ["trainBpe", trainBpe, also(text, ...texts), { vocabSize: 260 }],
  ...each("trainBpe", (options) => trainBpe(text, options), {
    ...{ vocabSize: 260, minFrequency: also(2, "nothing", "2 ** 40"), signal: also(signal, "nothing") },
    onProgress: also(() => 1, "nothing", "a function"),
  }),
  ["readTokenizer", readTokenizer, tokenizers.char?.toJSON()],
  ...each("readTokenizer", readTokenizer, {
    ...(tokenizers.words?.toJSON() as { version: string; model: object }),
    ...{ version: also("1.0", ...Object.keys(more)), truncation: also(null, ...Object.keys(more)) },
    ...{ padding: also(null, ...Object.keys(more)), added_tokens: also([], "nothing", "null", "an empty list") },
    ...{ normalizer: also({ type: "Lowercase" }, "nothing", "null"), post_processor: also(null, "nothing", "null") },
    ...{ pre_tokenizer: also(null, "nothing", "null"), decoder: also(null, "nothing", "null") },
  }),
  ...methods,
];

refuseJunk(calls);
