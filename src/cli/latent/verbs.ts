/** What a person does with an autoencoder: the commands that make something of codes, and codes of something. */
import { type Command, Option } from "commander";
import type { addCodeFlags } from "../help.ts";
import { decimal, whole } from "../numbers.ts";
import { DATA_DIR, DEVICE, threads, type Verb } from "../verb.ts";

const RUN = ["<run>", "folder of a run, or of its best/, whose model is an autoencoder"] as const;
const ENCODER = [
  "<run>",
  "folder of a run or checkpoint: a sentence encoder, BERT or such, or an autoencoder",
] as const;
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

const sample: Verb = {
  name: "sample",
  about: "new pictures or texts from an autoencoder",
  async build(command, { argv, io, stop }) {
    command
      .argument(...RUN)
      .addOption(count("how many (default: 16; of a conditional model 4 of each class)"))
      .option("--columns <n>", "pictures in a row (default: a square, or a class)", whole("--columns", 1, MOST))
      .action(async (run, flags) => (await import("./sample.ts")).sample(run, flags, io, stop));
    await withRest(withOutput(command, "sample.png"), "sample", argv, ONE_OBJECT);
  },
};

const reconstruct: Verb = {
  name: "reconstruct",
  about: "pictures or texts, and what is made of their codes",
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

const interpolate: Verb = {
  name: "interpolate",
  about: "from one picture or text to another by their codes",
  async build(command, { argv, io, stop }) {
    command
      .argument(...RUN)
      .argument("<a>", "a picture; for a model of texts the text itself")
      .argument("<b>", "another")
      .action(async (run, a, b, flags) => (await import("./interpolate.ts")).interpolate(run, a, b, flags, io, stop));
    await withRest(withOutput(command, "interpolate.png"), "interpolate", argv, ONE_OBJECT);
  },
};

const traverse: Verb = {
  name: "traverse",
  about: "one dimension of a code after the other, as pictures",
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

const embed: Verb = {
  name: "embed",
  about: "vectors of sentences, codes of pictures or texts",
  async build(command, { argv, io, stop }) {
    command
      .argument(...ENCODER)
      .argument(FILES[0], `${FILES[1]}; of an encoder of texts also the texts themselves`)
      .option("--out <file>", ".csv or .npy to write (default: a table on standard output, unless there is a plot)")
      .option("--format <name>", "csv or npy (default: as the name of the file ends)")
      .option("--plot <file>", ".svg of the codes in a plane, coloured by label")
      .option("--by <name>", "how they come into the plane: pca or umap (default: pca)")
      .option("--seed <n>", "of umap (default: 0)", whole("--seed", 0, Number.MAX_SAFE_INTEGER))
      .action(async (run, files, flags) => (await import("./embed.ts")).embed(run, files, flags, io, stop));
    await withRest(command, "embed", argv, "codes as JSON lines on standard output");
  },
};

const probe: Verb = {
  name: "probe",
  about: "what codes of pictures hold of their labels, beside what pixels hold",
  build(command, { io, stop }) {
    command
      .argument("<run>", "folder of a run, or of its best/, of task reconstruct")
      .option("--data <file|name>", "labelled pictures to learn from (default: what the run was trained on)")
      .option(
        "--val <file|name>",
        "labelled pictures to measure on (default: what the run held out, or a part of --data)",
      )
      .option(...DATA_DIR)
      .option("--most <n>", "pictures of either at most (default: 5000)", whole("--most", 2, 1_000_000))
      .option("--k <n>", "nearest neighbours (default: 5)", whole("--k", 1, 1000))
      .option(
        "--seed <n>",
        "of the pictures that are drawn and of clusters (default: 0)",
        whole("--seed", 0, 2 ** 32 - 1),
      )
      .option(
        "--samples <n>",
        "samples to judge by a small classifier, trained in half a minute",
        whole("--samples", 2, 1_000_000),
      )
      .addOption(threads())
      .option(...DEVICE)
      .option("--json", "one JSON object on standard output")
      .option("--quiet", "no progress")
      .action(async (run, flags) => (await import("../probe.ts")).probe(run, flags, io, stop));
  },
};

/** What a coder computes with is not to be chosen: its numbers must be the same to the bit. */
const FIXED_PLACE = "taken and not followed: it always computes on cpu with one thread";

const compress: Verb = {
  name: "compress",
  about: "store pictures in few bytes without loss",
  build(command, { io, stop }) {
    command
      .argument("<run>", "folder of a run, or of its best/, whose model is a vae or a vqvae")
      .argument("<files...>", "pictures, folders of pictures, IDX files or named sets")
      .requiredOption("-o, --out <file>", "file to write")
      .option("--skip <count>", "pass over so many pictures (default: 0)", whole("--skip", 0, 1e9))
      .option("--n <count>", "so many of the pictures that follow (default: all)", whole("--n", 1, 1_000_000))
      .option("--binarize", "make every level 0 or 255 first; that is what is restored")
      .option("--rows <n>", "pictures at a time (default: one of a hundred, 64 at most)", whole("--rows", 1, 1024))
      .option("--seed <n>", "of the bits before the first picture (default: 0)", whole("--seed", 0, 2 ** 32 - 1))
      .option("--no-compare", "leave out what PNG, gzip and WebP take")
      .option(...DATA_DIR)
      .option("--threads <n>", FIXED_PLACE)
      .option("--device <name>", FIXED_PLACE)
      .option("--json", "one JSON object on standard output")
      .option("--quiet", "no progress")
      .action(async (run, files, flags) => (await import("../compress.ts")).compress(run, files, flags, io, stop));
  },
};

const decompress: Verb = {
  name: "decompress",
  about: "restore the pictures of a file that compress wrote",
  build(command, { io, stop }) {
    command
      .argument("<file>", "the file")
      .requiredOption("-o, --out <dir>", "folder for the pictures, as .png files; empty, or not there yet")
      .option("--run <dir>", "the run that compressed them (default: the one that the file names)")
      .option("--threads <n>", FIXED_PLACE)
      .option("--device <name>", FIXED_PLACE)
      .option("--json", "one JSON object on standard output")
      .option("--quiet", "no progress")
      .action(async (file, flags) => (await import("../decompress.ts")).decompress(file, flags, io, stop));
  },
};

/** In the order of the help. */
export const autoencoderVerbs: readonly Verb[] = [
  ...[sample, reconstruct, interpolate, traverse, embed],
  ...[probe, compress, decompress],
];
