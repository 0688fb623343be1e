/** What a person does with an autoencoder: the commands that make something of codes, and codes of something. */
import { type Command, Option } from "commander";
import type { addCodeFlags } from "../help.ts";
import { decimal, whole } from "../numbers.ts";
import { DATA_DIR, DEVICE, threads, type Verb } from "../verb.ts";

const RUN = ["<run>", "folder of a run, or of its best/, whose model is an autoencoder"] as const;
const FILES = [
  "[files...]",
  "pictures, folders of them, IDX files or named sets; for a model of texts files of lines; - is standard input, the default",
] as const;
type CodeVerb = Parameters<typeof addCodeFlags>[1];
const MOST = 1_000_000;

/** Numbers of dimensions, such as 0,3,5. */
function dimensions(text: string): number[] {
  return text.split(",").map((part) => {
    const value = decimal(part) ?? -1;
    return whole("--dimensions", 0, 65_535)(value >= 0 ? part : text);
  });
}

/** Options of whatever makes pictures or texts. */
const withOutput = (command: Command, file: string): Command =>
  command
    .option("--out <file>", `.png to write; for texts a text file (default: ${file} in the run; texts are printed)`)
    .option(
      "--scale <n>",
      "times that every pixel is repeated (default: until pictures are 64 pixels long)",
      whole("--scale", 1, 64),
    );

/** Options of all of them, and those of the run's task. */
async function withRest(command: Command, verb: CodeVerb, argv: readonly string[], json: string): Promise<void> {
  if (verb !== "sample") command.option(...DATA_DIR);
  command
    .addOption(threads())
    .option(...DEVICE)
    .option("--json", json)
    .option("--quiet", "no progress");
  await (await import("../help.ts")).addCodeFlags(command, verb, argv);
}

const ONE_OBJECT = "one JSON object on standard output";
const count = (about: string) => new Option("-n, --n <count>", about).argParser(whole("--n", 1, MOST));

export const sample: Verb = {
  name: "sample",
  about: "new pictures or texts from an autoencoder, of codes that are drawn",
  async build(command, { argv, io, stop }) {
    command
      .argument(...RUN)
      .addOption(count("how many (default: 16; of a conditional model 4 of each class)"))
      .option("--columns <n>", "pictures in a row (default: a square, or a class)", whole("--columns", 1, MOST))
      .action(async (run, flags) => (await import("./sample.ts")).sample(run, flags, io, stop));
    await withRest(withOutput(command, "sample.png"), "sample", argv, ONE_OBJECT);
  },
};

export const reconstruct: Verb = {
  name: "reconstruct",
  about: "what an autoencoder makes of pictures or texts, below the originals",
  async build(command, { argv, io, stop }) {
    command
      .argument(...RUN)
      .argument(...FILES)
      .addOption(count("so many of those given at most, evenly chosen (default: 40)"))
      .option("--columns <n>", "pictures in a row (default: 10)", whole("--columns", 1, MOST))
      .action(async (run, files, flags) => (await import("./reconstruct.ts")).reconstruct(run, files, flags, io, stop));
    await withRest(withOutput(command, "reconstruct.png"), "reconstruct", argv, "a JSON line for each, with its nats");
  },
};

export const interpolate: Verb = {
  name: "interpolate",
  about: "from one picture or text to another, through the codes between them",
  async build(command, { argv, io, stop }) {
    command
      .argument(...RUN)
      .argument("<a>", "a picture; for a model of texts the text itself")
      .argument("<b>", "another")
      .action(async (run, a, b, flags) => (await import("./interpolate.ts")).interpolate(run, a, b, flags, io, stop));
    await withRest(withOutput(command, "interpolate.png"), "interpolate", argv, ONE_OBJECT);
  },
};

export const traverse: Verb = {
  name: "traverse",
  about: "one latent dimension after the other, a row for each, the most active first",
  async build(command, { argv, io, stop }) {
    command
      .argument(...RUN)
      .argument("[a]", "a picture or text to start from (default: the code 0)")
      .option("--dimensions <list>", "these, in this order, such as 0,3,5 (default: all)", dimensions)
      .option("--rows <n>", "so many dimensions at most, the most active ones (default: 32)", whole("--rows", 1, MOST))
      .action(async (run, a, flags) => (await import("./traverse.ts")).traverse(run, a, flags, io, stop));
    await withRest(withOutput(command, "traverse.png"), "traverse", argv, ONE_OBJECT);
  },
};

export const embed: Verb = {
  name: "embed",
  about: "the codes of pictures or texts, as a table, and as points in a plane",
  async build(command, { argv, io, stop }) {
    command
      .argument(...RUN)
      .argument(...FILES)
      .option("--out <file>", ".csv or .npy to write (default: a table on standard output, unless there is a plot)")
      .option("--format <name>", "csv or npy (default: as the name of the file ends)")
      .option("--plot <file>", ".svg of the codes in a plane, coloured by label")
      .option("--by <name>", "how they come into the plane: pca or umap (default: pca)")
      .option("--seed <n>", "of umap (default: 0)", whole("--seed", 0, Number.MAX_SAFE_INTEGER))
      .action(async (run, files, flags) => (await import("./embed.ts")).embed(run, files, flags, io, stop));
    await withRest(command, "embed", argv, "codes as JSON lines on standard output");
  },
};
