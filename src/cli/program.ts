/**
 * The command line: what every command takes stands here, what tasks and models add comes from their schemas. What a
 * command does is imported when it runs.
 */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { askingVerbs } from "./asking.ts";
import { ExitCode, exitCodeOf, failureLine } from "./failure.ts";
import { type Interruption, listen } from "./interruption.ts";
import type { IO } from "./io.ts";
import { autoencoderVerbs } from "./latent/verbs.ts";
import { whole } from "./numbers.ts";
import { collect } from "./repeated.ts";
import { DATA_DIR, DEBUG, DEVICE, JSON_EVENTS, threads, type Verb } from "./verb.ts";

const version = (): string => {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
};

const train: Verb = {
  name: "train",
  about: "train a model on data, or continue a run",
  async build(command, { argv, io, stop }) {
    command
      .argument(
        "[model]",
        "the architecture, or a folder with a run or checkpoint to start from; with --resume it may be left out",
      )
      .option("--task <name>", "what the model learns to do (default: what it is mostly used for)")
      .option(
        "--data <file|name>",
        "what to learn from: a file or folder, or builtin (the default for text), shakespeare, names, digits (drawn pictures)",
      )
      .option("--val <file|name>", "what is only measured (default: a part of the data)")
      .option(...DATA_DIR)
      .option("--from <dir>", "run or checkpoint whose weights to start from")
      .option("--config <file>", "JSON file with keys as --set takes them")
      .option("--set <key=value>", "a key of the model, the task or the training, repeatable", collect)
      .addOption(threads())
      .option(...DEVICE)
      .option("--out <dir>", "folder of the run (default: the first free runs/<model>-<n>)")
      .option("--resume <dir>", "continue the run in this folder; --steps may ask for more")
      .option(...JSON_EVENTS)
      .option("--quiet", "no progress")
      .action(async (model, flags) => (await import("./train.ts")).train(model, flags, io, stop));
    await (await import("./help.ts")).addTrainFlags(command, argv);
  },
};

const predict: Verb = {
  name: "predict",
  about: "answer each line of text, row of a table or file",
  async build(command, { argv, io, stop }) {
    command
      .argument("<run>", "folder of a run, of its best/, or of a checkpoint")
      .argument(
        "[inputs...]",
        "files of lines, JSON Lines, .csv, .tsv or .conll, or what the task reads; - is standard input, the default",
      )
      .addOption(threads())
      .option(...DEVICE)
      .option("--json", "answers as JSON lines")
      .option("--pictures <dir>", "folder for what can be drawn of answers, as .svg files")
      .action(async (run, inputs, flags) => (await import("./predict.ts")).predict(run, inputs, flags, io, stop));
    await (await import("./help.ts")).addPredictFlags(command, argv);
  },
};

const evaluate: Verb = {
  name: "eval",
  about: "scores of a run on data, beside naive baselines",
  async build(command, { argv, io, stop }) {
    command
      .argument("<run>", "folder of a run, of its best/, or of a checkpoint")
      .option("--data <file|name>", "what to measure on")
      .option(...DATA_DIR)
      .option("--batch <n>", "examples at a time (default: 32)", whole("--batch", 1, 65536))
      .option("--no-baselines", "the run alone")
      .option("--pictures <dir>", "folder for what can be drawn, as .svg files")
      .addOption(threads())
      .option(...DEVICE)
      .option("--json", "one JSON object on standard output")
      .action(async (run, flags) => (await import("./evaluate.ts")).evaluate(run, flags, io, stop));
    await (await import("./help.ts")).addEvaluateFlags(command, argv);
  },
};

const generate: Verb = {
  name: "generate",
  about: "continue a text with a language model",
  async build(command, { io, stop }) {
    command
      .argument("<run>", "folder of a run, of its best/, or of a checkpoint")
      .option(
        "--prompt <text>",
        "text to start from (default: the beginning of a text, where the model has an id for it, else a new line)",
      )
      .addOption(threads())
      .option(...DEVICE)
      .option(...JSON_EVENTS)
      .action(async (run, flags) => (await import("./generate.ts")).generate(run, flags, io, stop));
    await (await import("./help.ts")).addGenerateFlags(command);
  },
};

const exporting: Verb = {
  name: "export",
  about: "write a trained model, or its training step, for other programs",
  build(command, { io }) {
    command
      .argument("<run>", "folder of a run")
      .requiredOption("--to <format>", "onnx")
      .option("--what <part>", "forward (weights inside) or train (weights fed and fetched)", "forward")
      .option("--out <file>", "file to write (default: forward.onnx or train.onnx in the run)")
      .action(async (run, flags) => (await import("./export.ts")).exportRun(run, flags, io));
  },
};

const experiment: Verb = {
  name: "experiment",
  about: "measure a claim about models, such as vanishing-gradient; without a name, list them",
  async build(command, { argv, io, stop }) {
    command
      .argument("[name]", "the experiment")
      .option("--out <dir>", "folder for the numbers and the picture (default: experiments)")
      .addOption(threads())
      .option(...JSON_EVENTS)
      .option("--quiet", "no progress")
      .action(async (name, flags) => (await import("./experiment.ts")).experiment(name, flags, io, stop));
    await (await import("./help.ts")).addExperimentFlags(command, argv);
  },
};

const info: Verb = {
  name: "info",
  about: "what a run holds and how far it is",
  build(command, { io }) {
    command
      .argument("<run>", "folder of a run")
      .option("--json", "one JSON object on standard output")
      .action(async (run, flags) => (await import("./info.ts")).info(run, flags, io));
  },
};

const doctor: Verb = {
  name: "doctor",
  about: "versions, and a test of every device",
  build(command, { io }) {
    command
      .option("--json", "one JSON object on standard output")
      .action(async (flags) => (await import("./doctor.ts")).doctor(version(), flags, io));
  },
};

const verbs: readonly Verb[] = [
  train,
  predict,
  evaluate,
  generate,
  ...askingVerbs,
  ...autoencoderVerbs,
  experiment,
  exporting,
  info,
  doctor,
];

const EXAMPLES = `
Examples:
  descent train gpt                                        a GPT on stories
  descent train lstm --task classify --data reviews.csv    a classifier of texts
  descent predict runs/lstm-1 new.txt                      a label for each line
  descent train vae && descent sample runs/vae-1           sixteen new digits
  descent <command> --help                                 options of a command`;

/** Every command has its name and line in the help; the one that is called has its options as well. */
async function createProgram(argv: readonly string[], io: IO, stop: Interruption): Promise<Command> {
  const program = new Command("descent")
    .description("Train, run and export the models of machine learning's history.")
    .version(version())
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: () => undefined })
    .option(...DEBUG)
    .addHelpText("after", EXAMPLES);
  for (const { name, about, build } of verbs) {
    const command = program.command(name).description(about);
    if (argv.includes(name)) await build(command, { argv, io, stop });
    command.option(...DEBUG);
  }
  return program;
}

const NO_COMMAND = `expected a command: ${verbs.map(({ name }) => name).join(", ")}`;

/** Runs one command line; the result is the exit code. */
export async function main(argv: readonly string[], io: IO): Promise<number> {
  using stop = listen(io);
  try {
    const program = await createProgram(argv, io, stop);
    if (argv.length === 0) {
      io.err(program.helpInformation());
      throw new CommanderError(ExitCode.usage, "descent.noCommand", NO_COMMAND);
    }
    await program.parseAsync([...argv], { from: "user" });
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
