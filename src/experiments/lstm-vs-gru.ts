/**
 * LSTM against GRU (Chung et al. 2014; Jozefowicz, Zaremba & Sutskever 2015), with the RNN before them and minGRU after: quality at
 * equally many parameters, and what a step costs.
 */
import { z } from "zod";
import { curves } from "../pictures/index.ts";
import { real, whole } from "../schema.ts";
import { builtInText } from "../stories/index.ts";
import { trainChar } from "../tokenizers/index.ts";
import type { Experiment } from "./experiment.ts";
import { bestOf, type Course, course, sized } from "./language.ts";
import { mean, seeds, upTo } from "./options.ts";

const options = z.strictObject({
  parameters: whole(1000, 1e8).default(50_000).describe("about so many has each model"),
  context: whole(2, 4096).default(64).describe("characters in a window"),
  steps: whole(1, 1e6).default(600).describe("training steps"),
  batch: whole(1, 4096).default(16).describe("windows in a batch"),
  lr: real(1e-6, 1).default(0.004).describe("highest learning rate"),
  seeds: seeds(3),
});

const MODELS = ["lstm", "gru", "rnn", "mingru"] as const;
/** Share of the text that is trained on; the rest is measured. */
const TRAINED = 0.9;

export const lstmVsGru: Experiment<typeof options> = {
  name: "lstm-vs-gru",
  about: "quality and time of an LSTM, a GRU, an RNN and a minGRU of equal size on the built-in stories",
  source: "Chung, Gulcehre, Cho & Bengio 2014; Jozefowicz, Zaremba & Sutskever 2015",
  options,
  async run({ parameters, seeds, ...chosen }, watch) {
    const whole = builtInText();
    const cut = Math.floor(whole.length * TRAINED);
    const text = { train: whole.slice(0, cut), validation: whole.slice(cut) };
    const size = { vocabulary: trainChar(whole).vocabSize, context: chosen.context };
    const evalEvery = Math.max(1, Math.ceil(chosen.steps / 10));
    const found: { model: string; parameters: number; courses: Course[] }[] = [];
    for (const name of MODELS) {
      const model = await sized(name, parameters, size);
      const courses = [];
      for (const seed of upTo(seeds))
        courses.push(await course({ name, config: model.config, text, seed, evalEvery, ...chosen }, watch));
      found.push({ model: name, parameters: model.parameters, courses });
    }
    const table = found.map(({ model, parameters, courses }) => ({
      model,
      parameters,
      "nats per character": mean(courses.map((one) => bestOf(one)[1])),
      "ms per step": mean(courses.map(({ milliseconds }) => milliseconds)),
    }));
    const drawn = curves(
      "validation loss by step",
      found.map(({ model, courses }) => ({
        name: model,
        points: (courses[0]?.validation ?? []).map(
          ([step], i) => [step, mean(courses.map(({ validation }) => validation[i]?.[1] ?? Number.NaN))] as const,
        ),
      })),
      { x: "steps", y: "nats per character" },
    );
    const said = table.map((row) => `${row.model} ${row["nats per character"].toFixed(3)}`);
    return {
      summary: `nats per character after ${chosen.steps} steps at about ${parameters} parameters: ${said.join(", ")}`,
      table,
      values: { results: found },
      picture: drawn ?? "",
    };
  },
};
