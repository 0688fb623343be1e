/** What cannot be done is refused in one line, with exit code 2, before anything is written. */
import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contents, descent, TINY, workIn } from "./support.ts";

let place: ReturnType<typeof workIn>;
const RUN = "run";
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
};
const WRITING: Readonly<Record<string, readonly string[]>> = {
  "--tokens": ["0", "1.5", "1e10"],
  "--temperature": ["101"],
  "--top-k": ["0", "1.5", "1e10"],
  "--top-p": ["0", "1.01"],
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
      await refused(["train", "gpt", ...TINY, ...given, option, value], new RegExp(option.slice(2)));
  });
  test.each(Object.entries(WRITING))("generate %s", async (option, also) => {
    for (const value of [...BAD, ...also]) await refused(["generate", RUN, option, value], new RegExp(option.slice(2)));
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
  "an unknown tokenizer": ["train gpt --tokenizer bqe", /did you mean "bpe"/],
  "a vocabulary for characters": ["train gpt --vocab 300", /--tokenizer bpe/],
  "an unknown model": ["train gtp", /did you mean "gpt"/],
  "no model": ["train", /expected one of rnn, lstm, gru, gpt, got none/],
  "two models": ["train gpt lstm", /too many arguments/],
  "an unknown option": ["train gpt --stpes 3", /--stpes.*--steps/],
  "an option without its value": ["train gpt --steps", /--steps/],
  "an unknown command": ["trian gpt", /trian.*train/],
  "no command": ["", /expected a command/],
  "an unknown key": ["train gpt --set n_hed=2", /"n_hed" \(did you mean "n_head"\?\)/],
  "a key of another model": ["train gpt --set hidden_size=2", /unknown key "hidden_size"/],
  "a key of everything": ["train gpt --set __proto__=2", /unknown key "__proto__"/],
  "a pair without =": ["train gpt --set steps", /expected key=value, got "steps"/],
  "a pair without key": ["train gpt --set =5", /expected key=value/],
  "heads that do not divide the width": ["train gpt --set n_head=3", /n_head must divide n_embd/],
  "more numbers than any memory": ["train gpt --set n_embd=65536 --set n_layer=512", /parameters/],
  "a missing config": ["train gpt --config nowhere.json", /nowhere\.json.*no such file/],
  "a config that is no JSON": ["train gpt --config broken.json", /broken\.json: expected JSON/],
  "a config that is a list": ["train gpt --config list.json", /expected a JSON object/],
  "a config that is null": ["train gpt --config null.json", /expected a JSON object/],
  "a config that is binary": ["train gpt --config binary.dat", /expected JSON/],
  "a config that is a folder": ["train gpt --config folder", /expected a file/],
  "an unknown key in a config": ["train gpt --config unknown.json", /unknown\.json.*did you mean "n_head"/],
  "a wrong value in a config": ["train gpt --config value.json", /lr.*"fast"/],
  "a device that is not there": ["train gpt --device webgpu", /"webgpu" is not here/],
  "a misspelled device": ["train gpt --device cpuu", /did you mean "cpu"/],
  "a file in the place of the folder": ["train gpt --out file", /not a folder/],
  "a file above the folder": ["train gpt --out file/run", /not a folder/],
  "a folder that holds a run": ["train gpt --out run", /there is a run already/],
  "a folder with other things in it": ["train gpt --out folder", /notes\.txt/],
  "on with a folder that is no run": ["train gpt --resume folder", /no run there/],
  "on with a missing folder": ["train gpt --resume nowhere", /no run there/],
  "on with another model": ["train lstm --resume run", /trains gpt2, not lstm/],
  "on with another rate and seed": ["train --resume run --lr 0.5 --seed 7", /lr 0\.002, not 0\.5; seed 0, not 7/],
  "on with another width": ["train --resume run --set n_embd=32", /n_embd 16, not 32/],
  "on with another device": ["train --resume run --device wasm", /device/],
  "on with another folder": ["train --resume run --out other", /--out other/],
  "on with another tokenizer": ["train --resume run --tokenizer bpe", /--tokenizer/],
  "on with other data": ["train --resume run --data short.txt --steps 4", /short|text/],
  "on with fewer steps than done": ["train --resume run --steps 1", /has done 2 already, got 1/],
  "a prompt outside the vocabulary": [
    "generate run --prompt caf\u00e9",
    /unknown character "\u00e9" \(U\+00E9\) at position 3/,
  ],
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
  const small = args[0] === "train" && !args.includes("--resume") && !/n_head|n_embd|--context/.test(line);
  await refused(small && args.length > 1 ? [...args, ...TINY] : args, say);
});
test("an empty prompt", () => refused(["generate", RUN, "--prompt", ""], /--prompt/));

test("with --debug the stack follows", async () => {
  const { code, err } = await descent(["train", "gtp", "--debug"]);
  expect(code).toBe(2);
  expect(err).toMatch(/\n {4}at .*\n/);
  expect(err).toMatch(/\ndescent: model: [^\n]*\n$/);
});
test("help and version go to standard output", async () => {
  for (const args of [["--help"], ["train", "--help"], ["help", "generate"]]) {
    const { code, out, err } = await descent(args);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^Usage: descent/);
  }
  expect((await descent(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});
