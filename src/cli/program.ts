/** The command line: options here, so that help is quick; what a command does is imported when it runs. */
import { readFileSync } from "node:fs";
import { Command } from "@commander-js/extra-typings";
import { CommanderError } from "commander";
import { modelNames } from "../models/index.ts";
import { ExitCode, exitCodeOf, failureLine } from "./failure.ts";
import { type Interruption, listen } from "./interruption.ts";
import type { IO } from "./io.ts";
import { real, whole } from "./numbers.ts";

const DEBUG = ["--debug", "on an error, print the stack as well"] as const;

const version = (): string => {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
};

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Adds a command whose work is imported when it is called. */
type Add = (program: Command, io: IO, stop: Interruption) => void;

const addTrain: Add = (program, io, stop) =>
  void program
    .command("train")
    .description("train a language model on text, or go on with a run")
    .argument("[model]", `${modelNames.join(", ")}; with --resume it may be left out`)
    .option("--data <file|name>", "text to learn: a file, builtin, shakespeare or names (default: builtin)")
    .option("--data-dir <dir>", "folder that holds named data sets already")
    .option("--tokenizer <kind>", "char or bpe (default: char)")
    .option("--vocab <n>", "tokens that bpe learns (default: 1024)", real("--vocab"))
    .option("--config <file>", "JSON file with keys as --set takes them")
    .option("--set <key=value>", "a key of the model's configuration or of the training, repeatable", collect)
    .option("--steps <n>", "optimizer steps", real("--steps"))
    .option("--batch <n>", "sequences in a batch", real("--batch"))
    .option("--context <n>", "tokens in a sequence", real("--context"))
    .option("--accumulate <n>", "batches whose gradients make one step", real("--accumulate"))
    .option("--lr <x>", "highest learning rate", real("--lr"))
    .option("--seed <n>", "chooses first values, batches and dropout", real("--seed"))
    .option("--threads <n>", "threads inside one operation (default: all processors)", whole("--threads", 1, 1024))
    .option("--device <name>", "cpu or wasm (default: cpu)")
    .option("--out <dir>", "folder of the run (default: the first free runs/<model>-<n>)")
    .option("--resume <dir>", "go on with the run in this folder; --steps may ask for more")
    .option("--json", "events as JSON lines on standard output")
    .option("--quiet", "no progress")
    .option(...DEBUG)
    .action(async (model, flags) => (await import("./train.ts")).train(model, flags, io, stop));

const addGenerate: Add = (program, io, stop) =>
  void program
    .command("generate")
    .description("write text with a trained model")
    .argument("<run>", "folder of a run, or of its best/")
    .option("--prompt <text>", "text to go on from")
    .option("--tokens <n>", "how many to write (default: 200)", whole("--tokens", 1, 1e9))
    .option(
      "--temperature <x>",
      "0 takes the likeliest token, 1 samples as the model says (default: 0.8)",
      real("--temperature"),
    )
    .option("--top-k <n>", "choose among the k likeliest tokens", real("--top-k"))
    .option("--top-p <x>", "choose among the likeliest tokens that reach this probability together", real("--top-p"))
    .option("--seed <n>", "chooses the text (default: 0)", real("--seed"))
    .option("--json", "events as JSON lines on standard output")
    .option(...DEBUG)
    .action(async (run, flags) => (await import("./generate.ts")).generate(run, flags, io, stop));

const addExport: Add = (program, io) =>
  void program
    .command("export")
    .description("write a trained model, or its training step, for other programs")
    .argument("<run>", "folder of a run")
    .requiredOption("--to <format>", "onnx")
    .option("--what <part>", "forward (weights inside) or train (weights fed and fetched)", "forward")
    .option("--out <file>", "file to write (default: forward.onnx or train.onnx in the run)")
    .option(...DEBUG)
    .action(async (run, flags) => (await import("./export.ts")).exportRun(run, flags, io));

const addInfo: Add = (program, io) =>
  void program
    .command("info")
    .description("what a run holds and how far it is")
    .argument("<run>", "folder of a run")
    .option("--json", "one JSON object on standard output")
    .option(...DEBUG)
    .action(async (run, flags) => (await import("./info.ts")).info(run, flags, io));

const addDoctor: Add = (program, io) =>
  void program
    .command("doctor")
    .description("versions, and a test of every device")
    .option("--json", "one JSON object on standard output")
    .option(...DEBUG)
    .action(async (flags) => (await import("./doctor.ts")).doctor(version(), flags, io));

function createProgram(io: IO, stop: Interruption): Command {
  const program = new Command("descent")
    .description("Train, run and export the models of machine learning's history.")
    .version(version())
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: () => undefined })
    .option(...DEBUG);
  for (const add of [addTrain, addGenerate, addExport, addInfo, addDoctor]) add(program, io, stop);
  return program;
}

const NO_COMMAND = "expected a command: train, generate, export, info or doctor";

/** Runs one command line; the result is the exit code. */
export async function main(argv: readonly string[], io: IO): Promise<number> {
  using stop = listen(io);
  try {
    if (argv.length === 0) throw new CommanderError(ExitCode.usage, "descent.noCommand", NO_COMMAND);
    await createProgram(io, stop).parseAsync([...argv], { from: "user" });
    await io.flush();
    return stop.code ?? ExitCode.ok;
  } catch (error) {
    const code = fail(error, argv, io, stop);
    await io.flush().catch(() => undefined);
    return code;
  }
}

function fail(error: unknown, argv: readonly string[], io: IO, { code, signal }: Interruption): number {
  if (code !== undefined && error === signal.reason) {
    io.err("descent: stopped before anything was written\n");
    return code;
  }
  const exitCode = exitCodeOf(error);
  if (exitCode === ExitCode.ok) return exitCode;
  if (argv.includes("--debug") && error instanceof Error) io.err(`${error.stack}\n`);
  io.err(failureLine(error));
  return exitCode;
}
