/** What cannot be done is refused in one line, with exit code 2, before anything is written. */
import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kebab } from "../../src/cli/flags.ts";
import { gpt } from "../../src/models/gpt.ts";
import { type Architecture, addModel, modelNames } from "../../src/models/index.ts";
import { lstm } from "../../src/models/lstm.ts";
import { classify } from "../../src/tasks/classify.ts";
import { addTask } from "../../src/tasks/index.ts";
import { trainingSchema } from "../../src/train/index.ts";
import { contents, descent, TINY, workIn } from "./support.ts";

let place: ReturnType<typeof workIn>;
const RUN = "run";
/** Tables of which only the first can be learned from. */
const TABLES = {
  "good.tsv": "good day\tyes\nbad day\tno\ngood song\tyes\nbad song\tno\n",
  "alike.tsv": "good day\tyes\nbad day\tyes\n",
  "ragged.tsv": "good day\tyes\nbad day\n",
  "ragged.csv": "text,label\ngood day,yes\na bad, bad day,no\n",
  "quotes.csv": 'text,label\n"good" day,yes\n',
  "stars.csv": "text,stars\ngood day,5\nbad day,1\n",
  "other.tsv": "good day\tyes\nbad day\tno\ngood song\tyes\nbad film\tno\n",
  "maybe.tsv": "good day\tyes\nbad day\tperhaps\n",
  "header.csv": "text,label\n",
  "broken.jsonl": '{"text": "good day", "label": "yes"}\n{"text": "bad day"\n',
  "list.jsonl": '{"text": "good day", "label": "yes"}\n["bad day", "no"]\n',
  "wordless.jsonl": '{"text": "good day"}\n{"word": 1}\n',
  "gap.jsonl": '{"text": "good day", "label": "yes"}\n{"text": "bad day"}\n',
};
beforeAll(async () => {
  place = workIn("arguments");
  expect((await descent(["train", "gpt", ...TINY, "--steps", "2", "--out", RUN])).code).toBe(0);
  writeFileSync("empty.txt", "");
  writeFileSync("one.txt", "a");
  writeFileSync("same.txt", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  writeFileSync("short.txt", "hello world");
  writeFileSync(
    "binary.dat",
    Uint8Array.from({ length: 3000 }, (_, i) => (i * 7919) % 256),
  );
  writeFileSync(
    "latin.txt",
    Uint8Array.from("caf\u00e9 ".repeat(99), (letter) => letter.charCodeAt(0)),
  );
  writeFileSync("file", "in the way");
  mkdirSync("folder");
  writeFileSync("folder/notes.txt", "mine");
  writeFileSync("broken.json", '{"lr": 0.01');
  writeFileSync("list.json", "[1]");
  writeFileSync("null.json", "null");
  writeFileSync("unknown.json", '{"n_hed": 2}');
  writeFileSync("value.json", '{"lr": "fast"}');
  for (const [name, text] of Object.entries(TABLES)) writeFileSync(name, text);
  const classifier = "lstm --task classify --data good.tsv --val good.tsv --set hidden_size=4 --set embedding_dim=4";
  const line = `train ${classifier} --steps 1 --threads 1 --out classes`;
  expect((await descent(line.split(" "))).code).toBe(0);
});
afterAll(() => place.leave());

/** Expects `args` to be refused: exit code 2, one line on stderr, nothing on stdout, every file as it was. */
async function refused(args: readonly string[], say: RegExp): Promise<void> {
  const before = contents(place.path);
  const { code, out, err } = await descent(args);
  expect(err).toMatch(/^descent: [^\n]+\n$/);
  expect(err).toMatch(say);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(contents(place.path)).toEqual(before);
}

const BAD = ["-1", "NaN", "Infinity", "1e400", "1e300", "", " ", "0x10", "5abc", "1,5", "١"];
/** Every numeric option with what else it refuses. */
const NUMERIC: Readonly<Record<string, { readonly given: readonly string[]; readonly also: readonly string[] }>> = {
  "--steps": { given: [], also: ["0", "1.5", "1e10"] },
  "--batch": { given: [], also: ["0", "1.5", "1e9"] },
  "--context": { given: [], also: ["0", "1.5", "1e9"] },
  "--accumulate": { given: [], also: ["0", "1.5", "1e9"] },
  "--lr": { given: [], also: ["0", "11"] },
  "--seed": { given: [], also: ["1.5", "1e16"] },
  "--threads": { given: [], also: ["0", "1.5", "1e9"] },
  "--vocab": { given: ["--tokenizer", "bpe"], also: ["0", "255", "300.5", "1e9"] },
  "--epochs": { given: [], also: ["2e9"] },
  "--warmup": { given: [], also: ["1.5", "2e9"] },
  "--weight-decay": { given: [], also: ["11"] },
  "--beta1": { given: [], also: ["1"] },
  "--beta2": { given: [], also: ["1"] },
  "--momentum": { given: [], also: ["1"] },
  "--clip": { given: [], also: ["2e9"] },
  "--average": { given: [], also: ["1"] },
  "--patience": { given: [], also: ["0", "1.5", "1e7"] },
  "--eval-every": { given: [], also: ["0", "1.5", "2e9"] },
  "--save-every": { given: [], also: ["0", "1.5", "2e9"] },
  "--length": { given: ["--task", "classify"], also: ["0", "1.5", "1e6"] },
  "--holdout": { given: ["--task", "classify"], also: ["0", "1"] },
};
/** Numbers of commands on the run of a classifier. */
const OF_CLASSES: Readonly<Record<string, readonly string[]>> = {
  "predict classes good.tsv --top": ["0", "1.5", "1001"],
  "predict classes good.tsv --batch": ["0", "1.5", "65537"],
  "eval classes --data good.tsv --batch": ["0", "1.5", "65537"],
  "eval classes --data good.tsv --threads": ["0", "1.5", "1025"],
};
/** `evalEvery` where the option is `--eval-every`: values that are read as numbers are refused by their key. */
const called = (option: string) => {
  const camel = option.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  return new RegExp(`${option}|${camel}`);
};
const WRITING: Readonly<Record<string, readonly string[]>> = {
  "--tokens": ["0", "1.5", "1e10"],
  "--temperature": ["101"],
  "--top-k": ["0", "1.5", "1e10"],
  "--top-p": ["0", "1.01"],
  "--min-p": ["-0.1", "1.01"],
  "--typical-p": ["0", "1.01"],
  "--repetition-penalty": ["0", "101"],
  "--no-repeat-ngram": ["0", "1.5"],
  "--min-new-tokens": ["-1", "1.5"],
  "--samples": ["0", "1.5", "1e7"],
  "--seed": ["1.5", "1e16"],
};
const KEYS: Readonly<Record<string, readonly string[]>> = {
  warmup: ["1.5", "2e9"],
  weightDecay: ["11"],
  beta1: ["1"],
  beta2: ["1"],
  momentum: ["1"],
  clip: ["2e9"],
  evalEvery: ["0", "1.5"],
  saveEvery: ["0", "1.5"],
  average: ["1"],
  patience: ["0", "1.5"],
  epochs: ["2e9"],
  context: ["0", "1.5"],
  n_embd: ["0", "1.5", "1e9"],
  n_layer: ["0", "1.5", "1e9"],
  n_head: ["0", "1.5", "3", "1e9"],
  n_positions: ["0", "1.5", "8"],
  vocab_size: ["0", "1.5", "2"],
  resid_pdrop: ["1"],
  schedule: ["sinus"],
  optimizer: ["adamm"],
};

describe("numbers", () => {
  test.each(Object.entries(NUMERIC))("train %s", async (option, { given, also }) => {
    for (const value of [...BAD, ...also])
      await refused(["train", "gpt", ...TINY.slice(0, 6), ...given, option, value], called(option.slice(2)));
  });
  test.each(Object.entries(OF_CLASSES))("%s", async (line, also) => {
    const args = line.split(" ");
    for (const value of [...BAD, ...also]) await refused([...args, value], new RegExp(`${args.at(-1)?.slice(2)}`));
  });
  test.each(Object.entries(WRITING))("generate %s", async (option, also) => {
    for (const value of [...BAD, ...also]) await refused(["generate", RUN, option, value], called(option.slice(2)));
  });
  test.each(Object.entries(KEYS))("--set %s", async (key, also) => {
    for (const value of [...BAD, ...also])
      await refused(["train", "gpt", ...TINY, "--set", `${key}=${value}`], new RegExp(key));
  });
});

const INPUTS: Readonly<Record<string, [args: string, say: RegExp]>> = {
  "an empty file": ["train gpt --data empty.txt", /empty/],
  "a file of one character": ["train gpt --data one.txt", /two different characters/],
  "a file of one character over and over": ["train gpt --data same.txt", /two different characters/],
  "a file shorter than the context": ["train gpt --data short.txt --context 16", /at least 17 ids.*got 9/],
  "a missing file": ["train gpt --data nowhere.txt", /nowhere\.txt.*no such file.*builtin/],
  "a misspelled data set": ["train gpt --data shakespear", /did you mean "shakespeare"/],
  "a folder": ["train gpt --data folder", /expected a file, got a folder/],
  "binary data": ["train gpt --data binary.dat --tokenizer char", /expected UTF-8 text/],
  "another encoding": ["train gpt --data latin.txt", /expected UTF-8 text, got byte 0xe9 at offset 3/],
  "an unknown tokenizer": ["train gpt --tokenizer bqe", /tokenizer: expected one of char, bpe, got "bqe"/],
  "a vocabulary for characters": ["train gpt --vocab 300", /vocab: goes with tokenizer bpe only/],
  "an unknown model": ["train gtp", /did you mean "gpt"/],
  "no model": ["train", /expected one of rnn, lstm, gru, mingru, minlstm, gpt, .*got none/],
  "two models": ["train gpt lstm", /too many arguments/],
  "an unknown option": ["train gpt --stpes 3", /--stpes.*--steps/],
  "an option without its value": ["train gpt --steps", /--steps/],
  "an unknown command": ["trian gpt", /trian.*train/],
  "an unknown key": ["train gpt --set n_hed=2", /"n_hed" \(did you mean "n_head"\?\)/],
  "a key of another model": ["train gpt --set hidden_size=2", /unknown key "hidden_size"/],
  "a key of everything": ["train gpt --set __proto__=2", /unknown key "__proto__"/],
  "a pair without =": ["train gpt --set steps", /expected key=value, got "steps"/],
  "a pair without key": ["train gpt --set =5", /expected key=value/],
  "a wrong value though an option goes before it": [
    "train gpt --set steps=abc --steps 1",
    /--set: steps: expected a whole number from 1 to \d+, got "abc"/,
  ],
  "a wrong value in a config though an option goes before it": [
    "train gpt --config value.json --lr 0.1",
    /"value\.json": lr: expected a number.*got "fast"/,
  ],
  "steps and epochs": ["train gpt --steps 2 --epochs 1", /steps and epochs: expected one of them, got 2 and 1/],
  "steps in --set and epochs": ["train gpt --set steps=2 --epochs 1", /steps and epochs: expected one of them/],
  "a pattern that is none": ["train gpt --freeze (", /freeze: expected a regular expression, got "\("/],
  "a pattern that matches nothing": ["train gpt --freeze nowhere", /\/nowhere\/ matches none of the \d+ parameters/],
  "a pattern that matches everything": ["train gpt --freeze .", /no parameter is left to train/],
  "an unknown schedule": ["train gpt --schedule sinus", /schedule: expected one of cosine, linear, constant/],
  "an unknown optimizer": ["train gpt --optimizer adamm", /optimizer: expected one of adamw, adam, sgd/],
  "an unknown task": ["train gpt --task clasify", /expected one of language, classify.*did you mean "classify"/],
  "an option of another task": [
    "train gpt --task classify --data good.tsv --context 8",
    /--context: it goes with --task language only/,
  ],
  "a key of another task": ["train gpt --set holdout=0.5", /--set: unknown key "holdout"/],
  "an option of another kind of run": ["predict run good.tsv --top 2", /unknown option '--top'/],
  "a table without a column of labels": [
    "train lstm --task classify --data stars.csv",
    /stars\.csv: expected a column called label, class, category or such, got text, stars/,
  ],
  "a misspelled column of labels": [
    "train lstm --task classify --data stars.csv --label star",
    /stars\.csv: expected a column "star" \(did you mean "stars"\?\), got text, stars/,
  ],
  "a column that is both text and label": [
    "train lstm --task classify --data stars.csv --label text",
    /stars\.csv: expected a column of text and one of labels, got text for both/,
  ],
  "one label only": ["train lstm --task classify --data alike.tsv", /at least two different labels, got "yes" only/],
  "a row that is too short": ["train lstm --task classify --data ragged.tsv", /line 2: expected 2 columns.* got 1;/],
  "a row that is too long": ["train lstm --task classify --data ragged.csv", /line 3: expected 2 columns.* got 3;/],
  "quotes in the middle of a cell": ["train lstm --task classify --data quotes.csv", /quotes\.csv: .*quote.* in row 2/],
  "a table without rows": ["train lstm --task classify --data header.csv", /expected at least one row, got none/],
  "lines that are no JSON": [
    "train lstm --task classify --data broken.jsonl",
    /broken.jsonl, line 2: expected a JSON object/,
  ],
  "lines that are no objects": [
    "train lstm --task classify --data list.jsonl",
    /list.jsonl, line 2: expected a JSON object/,
  ],
  "an example without its label": [
    "train lstm --task classify --data gap.jsonl",
    /gap\.jsonl, line 2: expected text or a number in column label, got nothing/,
  ],
  "a missing table": ["train lstm --task classify --data nowhere.csv", /nowhere\.csv: no such file/],
  "missing validation data": ["train gpt --data short.txt --val nowhere.txt --context 2", /nowhere\.txt: no such file/],
  "a label that is only in the validation data": [
    "train lstm --task classify --data good.tsv --val maybe.tsv",
    /maybe\.tsv, line 2: label "perhaps" is none of the 2 that were trained: no, yes/,
  ],
  "a vocabulary for the characters of a table": [
    "train lstm --task classify --data good.tsv --tokenizer char --vocab 300",
    /vocab: goes with words and bpe only/,
  ],
  "a beginning from nowhere": ["train gpt --from nowhere", /nowhere: expected a run or checkpoint/],
  "a beginning from another model": ["train lstm --from run", /from run: expected a model called lstm, got gpt;/],
  "an option that another task has": [
    "train gpt --text a",
    /--text: it goes with --task classify or transcribe only\n/,
  ],
  "an option that several tasks have": ["train gpt --window 9", /--task transcribe or forecast or detect only\n/],
  "an option of another task, on with a run": [
    "train --resume run --holdout 0.2",
    /--holdout: it goes with --task classify or .* or series or .* only/,
  ],
  "a key of the model as an option": ["train lstm --hidden-size 5", /--hidden-size: .*write --set hidden_size=VALUE\n/],
  "a key of the model, as it is spelled": ["train gpt --n_layer=5", /--n_layer: .*write --set n_layer=VALUE\n/],
  "heads that do not divide the width": ["train gpt --set n_head=3", /n_head must divide n_embd/],
  "more numbers than any memory": ["train gpt --set n_embd=65536 --set n_layer=512", /parameters/],
  "a missing config": ["train gpt --config nowhere.json", /nowhere\.json.*no such file/],
  "a config that is no JSON": ["train gpt --config broken.json", /broken\.json": expected JSON/],
  "a config that is a list": ["train gpt --config list.json", /expected a JSON object/],
  "a config that is null": ["train gpt --config null.json", /expected a JSON object/],
  "a config that is binary": ["train gpt --config binary.dat", /expected JSON/],
  "a config that is a folder": ["train gpt --config folder", /expected a file/],
  "an unknown key in a config": ["train gpt --config unknown.json", /unknown\.json.*did you mean "n_head"/],
  "a wrong value in a config": ["train gpt --config value.json", /lr.*"fast"/],
  "a device that is not there": ["train gpt --device tpu", /"tpu" is not available; choose one of cpu/],
  "a misspelled device": ["train gpt --device cpuu", /did you mean "cpu"/],
  "a file in the place of the folder": ["train gpt --out file", /not a folder/],
  "a file above the folder": ["train gpt --out file/run", /not a folder/],
  "a folder that holds a run": ["train gpt --out run", /there is a run already/],
  "a folder with other things in it": ["train gpt --out folder", /notes\.txt/],
  "on with a folder that is no run": ["train gpt --resume folder", /no run there/],
  "on with a missing folder": ["train gpt --resume nowhere", /no run there/],
  "on with another model": ["train lstm --resume run", /trains gpt, not lstm/],
  "on with another rate and seed": ["train --resume run --lr 0.5 --seed 7", /lr 0\.002, not 0\.5; seed 0, not 7/],
  "on with another width": ["train --resume run --set n_embd=32", /n_embd 16, not 32/],
  "on with another device": ["train --resume run --device wasm", /device/],
  "on with another folder": ["train --resume run --out other", /--out other/],
  "on with another tokenizer": ["train --resume run --tokenizer bpe", /tokenizer char, not bpe/],
  "on with other data": ["train --resume run --data short.txt --steps 4", /short|text/],
  "on with another task": ["train --resume run --task classify", /the run is for task language, not classify/],
  "on with an unknown task": ["train --resume run --task nonsense", /the run is for task language, not nonsense/],
  "on with another table": [
    "train --resume classes --data good.tsv --val maybe.tsv --steps 4",
    /maybe\.tsv, line 2: label "perhaps" is none|the validation data in maybe\.tsv are not/,
  ],
  "on with the same labels of other texts": [
    "train --resume classes --data other.tsv --steps 4",
    /the data in other\.tsv are not what the run was trained on/,
  ],
  "on with epochs": ["train --resume run --epochs 3", /epochs by default, not 3/],
  "on with another beginning": ["train --resume run --from classes --steps 4", /its own weights, not --from classes/],
  "on with validation data, where there were none": [
    "train --resume run --val short.txt --steps 4",
    /a part of its data, not --val short\.txt/,
  ],
  "on with fewer steps than done": ["train --resume run --steps 1", /has done 2 already, got 1/],
  "a prompt outside the vocabulary": [
    "generate run --prompt caf\u00e9",
    /unknown character "\u00e9" \(U\+00E9\) at position 3/,
  ],
  "predict without a run": ["predict", /missing required argument 'run'/],
  "predict with a missing run": ["predict nowhere good.tsv", /nowhere: expected a run or checkpoint/],
  "predict on a missing file": ["predict classes nowhere.txt", /input nowhere\.txt: no such file/],
  "predict on a missing table": ["predict classes nowhere.csv", /nowhere\.csv: no such file/],
  "predict on a folder": ["predict classes folder", /input folder: expected a file, got a folder/],
  "predict on a record without a text": [
    "predict classes gap.jsonl wordless.jsonl",
    /^descent: wordless\.jsonl, line 2: text: expected a string or a record with text, sentence, review, got \{"word":1\}/,
  ],
  "pictures where a file is": [
    "eval classes --data good.tsv --pictures file",
    /^descent: pictures file: something else has that name; choose another \(EEXIST\); choose a folder/,
  ],
  "predict on a ragged table": [
    "predict classes ragged.tsv",
    /ragged\.tsv, line 2: expected 2 columns as in the first row, got 1;/,
  ],
  "eval without a run": ["eval --data good.tsv", /missing required argument 'run'/],
  "eval without data": ["eval classes", /--data/],
  "eval of a missing run": ["eval nowhere --data good.tsv", /nowhere: expected a run or checkpoint/],
  "eval on a missing file": ["eval classes --data nowhere.tsv", /nowhere\.tsv: no such file/],
  "eval on a label that was not trained": [
    "eval classes --data maybe.tsv",
    /maybe\.tsv, line 2: label "perhaps" is none of the 2 that were trained: no, yes/,
  ],
  "eval on a table without labels": ["eval classes --data stars.csv", /expected a column called label/],
  "eval on a device that is not there": [
    "eval classes --data good.tsv --device tpu",
    /"tpu" is not available; choose one of cpu/,
  ],
  "generate from a classifier": ["generate classes", /not trained to continue text; use descent predict/],
  "generate without a run": ["generate", /missing required argument 'run'/],
  "generate from a missing run": ["generate nowhere", /nowhere/],
  "generate from another folder": ["generate folder", /config\.json/],
  "generate from a file": ["generate file", /file/],
  "export without a format": ["export run", /--to/],
  "export to an unknown format": ["export run --to gguf", /expected onnx/],
  "export of an unknown part": ["export run --to onnx --what backward", /forward or train/],
  "export over another file": ["export run --to onnx --out run/model.safetensors", /\.onnx/],
  "export to a folder that is a file": ["export run --to onnx --out file/a.onnx", /not a folder/],
  "export of a missing run": ["export nowhere --to onnx", /nowhere/],
  "info on a missing run": ["info nowhere", /nowhere/],
  "info on another folder": ["info folder", /config\.json/],
};

test.each(Object.entries(INPUTS))("%s", async (_, [line, say]) => {
  const args = line.split(" ").filter(Boolean);
  const small = args[0] === "train" && !args.includes("--resume") && !/n_head|n_embd|--context|lstm|--task/.test(line);
  await refused(small && args.length > 1 ? [...args, ...TINY] : args, say);
});
test.each(["presence", "frequency"])("--%s-penalty out of range", async (kind) => {
  for (const value of ["-101", "101", "x", ""])
    await refused(["generate", RUN, `--${kind}-penalty`, value], new RegExp(`${kind}-?[pP]enalty`));
});
test("an empty stop text", () => refused(["generate", RUN, "--stop", ""], /stop: expected some text, or a list/));
test("an empty prompt", () => refused(["generate", RUN, "--prompt", ""], /--prompt/));

test("with --debug the stack follows", async () => {
  const { code, err } = await descent(["train", "gtp", "--debug"]);
  expect(code).toBe(2);
  expect(err).toMatch(/\n {4}at .*\n/);
  expect(err).toMatch(/\ndescent: model: [^\n]*\n$/);
});
test("help and version go to standard output", async () => {
  for (const args of [["--help"], ["train", "--help"], ["help", "generate"], ["predict", "--help"], ["eval", "-h"]]) {
    const { code, out, err } = await descent(args);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^Usage: descent/);
  }
  expect((await descent(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("no line of a help is wider than 80 columns", async () => {
  const lines = ["--help", "train --help", "predict --help", "eval --help", "generate --help", "export --help"];
  const models = ["rnn", "lstm", "gru", "gpt"].flatMap((model) =>
    ["language", "classify"].map((task) => `train ${model} --task ${task} --help`),
  );
  for (const line of [...lines, ...models]) {
    const { out } = await descent(line.split(" "));
    expect(
      out.split("\n").filter((text) => text.length > 80),
      line,
    ).toEqual([]);
  }
});

test("without a command there is help, and what is missing in the last line", async () => {
  const { code, out, err } = await descent([]);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toMatch(/^Usage: descent/);
  expect(err).toMatch(
    /\ndescent: expected a command: train, predict, eval, generate, classify, fill-mask, sample, reconstruct, interpolate, traverse, embed, probe, compress, decompress, experiment, export, info, doctor; see [^\n]*\n$/,
  );
});

test("a task that the model cannot do is refused, with the models that can", async () => {
  addTask({ ...classify, name: "unheard", head: "unheard" as "classes" });
  await refused(["train", "gpt", "--task", "unheard"], /task unheard: gpt2 cannot do it.*no head "unheard"; choose/);
  addModel({ ...lstm, modelType: "reader", heads: { classes: lstm.heads.classes } } as unknown as Architecture);
  await refused(
    ["train", "reader", "--task", "language"],
    /task language: reader cannot do it, as it has no head "causal"; choose rnn, lstm, gru, mingru, minlstm, gpt, .*llama/m,
  );
});

describe("help", () => {
  const helpOf = async (line: string) => (await descent(line.split(" "))).out;
  test.each(["train --help", "help train"])("%s lists models, tasks and every setting of a training", async (line) => {
    const out = await helpOf(line);
    for (const name of modelNames()) expect(out).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
    expect(out).toMatch(/^ {2}language +\S.*\n +rnn, lstm, gru, mingru, minlstm, gpt/m);
    expect(out).toMatch(/^ {2}classify +\S.*\n +rnn, lstm, gru, mingru, minlstm, gpt/m);
    for (const key of Object.keys(trainingSchema.shape)) expect(out).toContain(`--${kebab(key)} `);
    for (const option of ["--context", "--tokenizer", "--vocab", "--length", "--holdout", "--text", "--label"])
      expect(out).toContain(`${option} <`);
  });
  test("of a model lists its keys with their defaults", async () => {
    const out = await helpOf("train gpt --help");
    for (const key of Object.keys(gpt.schema.shape)) expect(out).toMatch(new RegExp(`^  ${key} +\\S`, "m"));
    expect(out).toMatch(/^ {2}n_embd +.*\(default: \d+\)$/m);
    expect(out).not.toContain("hidden_size");
    expect(out).not.toContain("--holdout");
    expect(await helpOf("train lstm --help")).toContain("hidden_size");
  });
  test("of a task lists its options alone", async () => {
    const out = await helpOf("train lstm --task classify --help");
    for (const option of ["--length", "--holdout", "--text", "--label"]) expect(out).toContain(`${option} <`);
    expect(out).not.toContain("--context");
  });
  test("of predict lists the options of the run's task", async () => {
    const [classes, language] = [await helpOf("predict classes --help"), await helpOf("predict run --help")];
    expect(classes).toContain("--top <n>");
    expect(classes).not.toContain("--temperature");
    expect(language).toContain("--temperature <n>");
    expect(language).not.toContain("--top <n>");
  });
});
