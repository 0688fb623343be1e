/** Commands that ask a model for one thing, such as the words that fit into gaps: `predict` for a task that is named by the command. */
import { DEVICE, threads, type Verb } from "./verb.ts";

/** A command called as its task; `what` is what it is given. */
const asking = (name: string, about: string, what: string): Verb => ({
  name,
  about,
  async build(command, { io, stop }) {
    command
      .argument("<run>", "folder of a run, of its best/, or of a checkpoint")
      .argument("[inputs...]", `${what}, or files of them; - is standard input, the default`)
      .addOption(threads())
      .option(...DEVICE)
      .option("--json", "answers as JSON lines")
      .action(async (run, inputs, flags) => (await import("./predict.ts")).predict(run, inputs, flags, io, stop, name));
    await (await import("./help.ts")).addAskingFlags(command, name);
  },
});

export const askingVerbs: readonly Verb[] = [
  asking("classify", "labels of texts", "texts"),
  asking("fill-mask", "words for the gaps of texts", 'texts with gaps, such as "Paris is in [MASK]."'),
];
