/** The command as a process: what it loads, what closes early, what signals do. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commandName, quote } from "../../src/cli/io.ts";
import { builtInText } from "../../src/stories/index.ts";
import { buildCommand, contents, start, TINY, workIn } from "./support.ts";

let place: ReturnType<typeof workIn>;
let command: Awaited<ReturnType<typeof buildCommand>>;
beforeAll(async () => {
  command = await buildCommand();
  place = workIn("process");
  writeFileSync("text.txt", builtInText(1, 6000));
});
afterAll(() => {
  place.leave();
  command.remove();
});

const verbs = [
  ...["train", "predict", "eval", "generate", "sample", "reconstruct", "interpolate", "traverse", "embed"],
  ...["probe", "compress", "decompress", "experiment", "export", "info", "doctor"],
];
const run = (args: readonly string[], node: readonly string[] = []) =>
  start(command.main, args, place.path, node).ended;
const train = (...more: string[]) => ["train", "gpt", "--data", "text.txt", ...TINY, ...more];
/** In a shell, where `descent` stands for the command; stderr and exit codes of a pipe's parts come out. */
const shell = (line: string) =>
  promisify(execFile)("bash", ["-c", line.replaceAll("descent ", `"${process.execPath}" "${command.main}" `)], {
    cwd: place.path,
  });

/** Node options that make the import of anything that is named so fail. */
const forbid = (name: string): string[] => {
  const hook = `export async function resolve(s, c, next) { if (/${name}/.test(s)) throw new Error("loaded " + s); return next(s, c); }`;
  const register = `import { register } from "node:module"; register("data:text/javascript,${encodeURIComponent(hook)}");`;
  return ["--import", `data:text/javascript,${encodeURIComponent(register)}`];
};

test("help, versions and slips of the keyboard need neither engine nor schemas", async () => {
  const light = forbid("^(onnxruntime|zod|@bufbuild|@huggingface)");
  for (const args of [["--help"], ["--version"]]) expect((await run(args, light)).code).toBe(0);
  for (const args of [["trian"], []]) expect((await run(args, light)).code).toBe(2);
  expect((await run(["doctor"], light)).err).toContain("loaded ");
});

test("help of a command, and options that are refused, need schemas but no engine", async () => {
  const noEngine = forbid("^(onnxruntime|@huggingface)");
  const help = async (verb: string) =>
    expect(await run([verb, "--help"], noEngine), verb).toMatchObject({ code: 0, err: "" });
  for (let i = 0; i < verbs.length; i += 4) await Promise.all(verbs.slice(i, i + 4).map(help));
  expect((await run(["train", "gpt", "--help"], noEngine)).out).toContain("n_embd");
  const noSchemas = await run(["train", "--help"], forbid("^zod"));
  expect(noSchemas.err).toContain("loaded zod");
});

test("without a command the help and what is missing go to standard error", async () => {
  const { code, out, err } = await run([]);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toMatch(/^Usage: descent \[options\] \[command\]\n/);
  for (const verb of verbs) expect(err).toMatch(new RegExp(`^  ${verb} `, "m"));
  expect(err).toMatch(/\ndescent: expected a command: train, predict, [^\n]*; see descent --help\n$/);
});

test("a reader that goes away ends writing, quietly", async () => {
  expect((await run(train("--steps", "2", "--out", "run"))).code).toBe(0);
  const { stdout, stderr } = await shell(
    `descent generate run --prompt The --tokens 1000000 | head -c 20 > /dev/null; echo "\${PIPESTATUS[0]}"`,
  );
  expect([stdout, stderr]).toEqual(["0\n", ""]);
});

test("output that cannot be written is a failure", async () => {
  const { stdout, stderr } = await shell('descent generate run --prompt The --tokens 5 > /dev/full; echo "$?"');
  expect(stdout).toBe("1\n");
  expect(stderr).toMatch(/^descent: writing standard output: [^\n]*no space left[^\n]*\n$/);
});

test("a reader that goes away does not end a training", async () => {
  const line = `descent ${train("--steps", "12", "--out", "piped", "--json").join(" ")}`;
  const { stdout, stderr } = await shell(`${line} | head -1; echo "\${PIPESTATUS[0]}"`);
  expect(stdout).toMatch(/^\{"event":"start".*\}\n0\n$/);
  expect(stderr).toMatch(/\n12 steps in .* saved in piped\n/);
  expect(contents("piped").get("run.jsonl")).toContain('"event":"checkpoint","step":12,"kind":"last"');
});

test("no reader of the progress is no trouble either", async () => {
  const line = `descent ${train("--steps", "9", "--out", "mute").join(" ")}`;
  const { stdout } = await shell(
    `set -o pipefail; { ${line} 2>&3 >/dev/null; echo "$?"; } 3> >(head -c 1 > /dev/null)`,
  );
  expect(stdout).toBe("0\n");
});

test("a second signal ends a training at once", async () => {
  const running = start(command.main, train("--steps", "1000000", "--json"), place.path);
  const stop = () => {
    running.process.kill("SIGTERM");
    running.process.kill("SIGTERM");
  };
  running.process.stdout?.once("data", stop);
  const { code, signal } = await running.ended;
  expect(signal ?? code).toBeOneOf(["SIGTERM", 143]);
});

test("WebAssembly hears signals as well", async () => {
  const running = start(command.main, train("--steps", "1000000", "--json", "--device", "wasm"), place.path);
  running.process.stdout?.once("data", () => running.process.kill("SIGINT"));
  const { code, err } = await running.ended;
  expect(code).toBe(130);
  expect(err).toContain("stopped after step");
});

test("commands to copy fit the way it was called", () => {
  expect(commandName("/usr/local/bin/descent")).toBe("descent");
  expect(commandName("/home/me/app/node_modules/.bin/descent")).toBe("npx descent-ml");
  expect(commandName(`${process.cwd()}/dist/cli/main.js`)).toBe("node dist/cli/main.js");
  expect(["runs/gpt-1", "my run", "it's"].map(quote)).toEqual(["runs/gpt-1", "'my run'", "'it'\\''s'"]);
});
