/** What hands and strangers' files do to a command: named pipes, closed terminals, few files, names that terminals obey. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors, type StoredTensor, toFloat32, writeSafetensors } from "../../src/checkpoint/index.ts";
import { quote } from "../../src/cli/io.ts";
import { builtInText } from "../../src/stories/index.ts";
import { buildCommand, contents, descent, start, TINY, workIn } from "./support.ts";

let place: ReturnType<typeof workIn>;
let command: Awaited<ReturnType<typeof buildCommand>>;
const CONTROLS = "\x1b\x9b\x7f\x07";

beforeAll(async () => {
  command = await buildCommand();
  place = workIn("hands");
  writeFileSync("text.txt", builtInText(1, 6000));
  writeFileSync("controls.txt", CONTROLS.repeat(500));
  for (const name of ["text", "controls"])
    expect((await run(["train", "gpt", "--data", `${name}.txt`, ...TINY, "--steps", "2", "--out", name])).code).toBe(0);
});
afterEach(() => rmSync("bad", { recursive: true, force: true }));
afterAll(() => {
  place.leave();
  command.remove();
});

const run = (args: readonly string[], node: readonly string[] = []) =>
  start(command.main, args, place.path, node).ended;
const train = (...more: string[]) => ["train", "gpt", "--data", "text.txt", ...TINY, ...more];
/** Expects one line that says `say`, exit code 2, and every file as it was. */
async function refused(args: readonly string[], say: RegExp): Promise<void> {
  const before = contents(place.path);
  const { code, out, err } = await descent(args);
  expect(err).toMatch(/^descent: [^\n]+\n$/);
  expect(err).toMatch(say);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(contents(place.path)).toEqual(before);
}

describe("--out never touches what others left", () => {
  test.each(["", "nope/..", ".", ".."])("%j", async (out) => {
    for (const name of ["config.json", "tokenizer.json", "model.safetensors"]) writeFileSync(name, "mine");
    await refused(train("--steps", "2", "--out", out), /^descent: run [^\n]*choose another with --out|name one\n$/);
  });

  test("somebody's model", async () => {
    mkdirSync("bad/best", { recursive: true });
    for (const name of ["config.json", "best/model.safetensors"]) writeFileSync(join("bad", name), "mine");
    await refused(train("--steps", "2", "--out", "bad"), /got one with "(best|config\.json)" in it/);
  });

  test.runIf(process.platform === "linux")("a folder under /proc", () =>
    refused(train("--steps", "2", "--out", "/proc/descent"), /^descent: run \/proc\/descent: /),
  );
});

describe("a named pipe is not waited for", () => {
  const pipe = (path: string) => {
    rmSync(path, { force: true });
    execFileSync("mkfifo", [path]);
  };
  const isPipe = /bad[^\n]*(got a named pipe|it is a named pipe|no run there)/;

  test("as text and as configuration", async () => {
    pipe("bad");
    await refused(["train", "gpt", "--data", "bad", ...TINY], isPipe);
    await refused(train("--config", "bad"), isPipe);
  });

  test.each([
    ["config.json", "generate bad --tokens 5"],
    ["tokenizer.json", "generate bad --tokens 5"],
    ["model.safetensors", "generate bad --tokens 5"],
    ["model.safetensors", "export bad --to onnx"],
    ["training-state.safetensors", "train --resume bad"],
    ["config.json", "train --resume bad --steps 4"],
    ["run.jsonl", "train --resume bad --steps 4"],
  ])("as %s of %s", async (file, line) => {
    cpSync("text", "bad", { recursive: true });
    pipe(join("bad", file));
    await refused(line.split(" "), isPipe);
  });
});

describe("weights as others write them", () => {
  const whole = () => [...readSafetensors(readFileSync("text/model.safetensors")).tensors];
  const save = (file: string, tensors: Iterable<readonly [string, StoredTensor]>) =>
    writeFileSync(join("bad", file), Buffer.concat(writeSafetensors(tensors)));
  /** A copy of the run with weights of another shape of file. */
  const copy = () => {
    cpSync("text", "bad", { recursive: true });
    rmSync("bad/model.safetensors");
  };
  const generated = async (path: string) => (await descent(["generate", path, "--tokens", "20"])).out;
  const changed = (change: (values: Float32Array) => Omit<StoredTensor, "shape">) => {
    const [[name, tensor], ...rest] = whole() as [[string, StoredTensor], ...[string, StoredTensor][]];
    save("model.safetensors", [[name, { ...change(toFloat32(name, tensor)), shape: tensor.shape }], ...rest]);
  };
  const bytesOf = (values: Float32Array | Float64Array | Int32Array) => new Uint8Array(values.buffer);

  test("in several files, write the same text", async () => {
    copy();
    const tensors = whole();
    const files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
    save(files[0], tensors.slice(0, 3));
    save(files[1], tensors.slice(3));
    const map = Object.fromEntries(tensors.map(([name], i) => [name, files[i < 3 ? 0 : 1]]));
    writeFileSync("bad/model.safetensors.index.json", JSON.stringify({ weight_map: map }));
    expect(await generated("bad")).toBe(await generated("text"));
    expect((await descent(["export", "bad", "--to", "onnx"])).code).toBe(0);
  });

  test("of 64 bits, generate the same text", async () => {
    copy();
    changed((values) => ({ dtype: "F64", data: bytesOf(Float64Array.from(values)) }));
    expect(await generated("bad")).toBe(await generated("text"));
    expect((await descent(["export", "bad", "--to", "onnx"])).code).toBe(0);
  });

  test.each<[string, (values: Float32Array) => Omit<StoredTensor, "shape">, RegExp]>([
    [
      "NaN",
      (values) => ({ dtype: "F32", data: bytesOf(Float32Array.from(values).fill(Number.NaN, 1, 2)) }),
      /NaN at place 1/,
    ],
    [
      "whole numbers",
      (values) => ({ dtype: "I32", data: bytesOf(Int32Array.from(values)) }),
      /expected floating point values, got I32/,
    ],
  ])("with %s are refused", async (_, change, say) => {
    copy();
    changed(change);
    await refused(["generate", "bad", "--tokens", "5"], say);
    await refused(["export", "bad", "--to", "onnx"], say);
  });
});

describe("signals", () => {
  const endless = (...more: string[]) => train("--steps", "1000000", "--json", ...more);
  const signalled = async (args: readonly string[], ...signals: NodeJS.Signals[]) => {
    const running = start(command.main, args, place.path);
    running.process.stdout?.once("data", () => {
      for (const signal of signals) running.process.kill(signal);
    });
    return running.ended;
  };

  test("S4: a terminal that closes, even twice, saves", async () => {
    const { code, err } = await signalled(endless("--out", "bad"), "SIGHUP", "SIGHUP");
    expect(code).toBe(129);
    expect(err).toMatch(/stopped after step \d+, which is saved/);
    expect((await run(["info", "bad"])).code).toBe(0);
  });

  test("S1: Ctrl-C says what it does, and what a second one does", async () => {
    const { code, err } = await signalled(endless("--out", "bad"), "SIGINT");
    expect(code).toBe(130);
    expect(err).toContain("\ndescent: stopping after the current step; a second Ctrl-C ends at once\n");
  });

  test("S1: the second Ctrl-C ends at once and says so", async () => {
    const running = start(command.main, endless("--out", "bad"), place.path);
    running.process.stdout?.once("data", () => running.process.kill("SIGINT"));
    running.process.stderr?.on("data", (text) => /a second/.test(String(text)) && running.process.kill("SIGINT"));
    const { code, signal, err } = await running.ended;
    expect(signal ?? code).toBeOneOf([130, "SIGINT"]); // the latter where it had ended its work already
    expect(err).toMatch(/ends at once\ndescent: (ended at once; what was saved last is whole|)|stopped after step/);
  });

  test("a second SIGTERM ends a process that is too busy to listen", async () => {
    const io = JSON.stringify(join(command.main, "..", "io.js"));
    const script = `
      import { processIO } from ${io};
      processIO().onSignal(() => (process.stdout.write("first"), setTimeout(() => { for (;;); }, 20)));
      setInterval(() => undefined, 1000);
      process.stdout.write("ready");`;
    writeFileSync("busy.mjs", script);
    const running = start("busy.mjs", [], place.path);
    running.process.stdout?.on("data", (text) => {
      if (String(text) === "ready") running.process.kill("SIGTERM");
      else setTimeout(() => running.process.kill("SIGTERM"), 200);
    });
    expect((await running.ended).signal).toBe("SIGTERM");
  });
});

test("too few files to open are an error of one line", async () => {
  const line = `ulimit -n 22; "${process.execPath}" "${command.main}" info text; echo "$?"`;
  expect(execFileSync("bash", ["-c", `{ ${line}; } 2>&1`], { encoding: "utf8" })).toMatch(
    /^descent: [^\n]*EMFILE[^\n]*\n1\n$/,
  );
});

describe("SRV-13: a terminal never obeys", () => {
  const terminal = ["--import", "data:text/javascript,process.stdout.isTTY=true"];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

  test("generated text, which a pipe gets as it is", async () => {
    const line = ["generate", "controls", "--tokens", "50"];
    const piped = await run(line);
    expect(piped.out).toMatch(OBEYED);
    const shown = await run(line, terminal);
    expect(shown.out).not.toMatch(OBEYED);
    expect(shown.out).toMatch(/\\u00(1b|9b|7f|07)/);
  });

  test("what info shows of a configuration", async () => {
    mkdirSync("bad");
    writeFileSync("bad/config.json", JSON.stringify({ model_type: "rnn", vocab_size: 9, note: `${CONTROLS}${"x".repeat(1e6)}` })); // biome-ignore format: a file
    writeFileSync("bad/tokenizer.json", "{}");
    for (const more of [[], ["--json"]]) {
      const { out } = await run(["info", "bad", ...more], terminal);
      expect(out).not.toMatch(OBEYED);
      if (!more.length) expect(out.length).toBeLessThan(3000);
    }
  });

  test("names of files and folders, in errors and in commands to copy", async () => {
    const { err } = await run(["train", "gpt", "--data", `no${CONTROLS}.txt`]);
    expect(err).not.toMatch(OBEYED);
    expect(err).toContain("no\\u001b\\u009b\\u007f\\u0007.txt");
    const trained = await run(train("--steps", "2", "--out", `run${CONTROLS}`));
    expect(trained.code).toBe(0);
    expect(trained.err).not.toMatch(OBEYED);
    const name = quote(`run${CONTROLS}'s \\`);
    expect(name).not.toMatch(OBEYED);
    expect(execFileSync("bash", ["--norc", "-c", `LC_ALL=C.UTF-8; printf %s ${name}`], { encoding: "utf8" })).toBe(
      `run${CONTROLS}'s \\`,
    );
  });
});
