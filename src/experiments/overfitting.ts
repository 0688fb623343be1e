/**
 * Overfitting: with little text a model learns it by heart, and the loss on other text rises again. Dropout (Srivastava et al.
 * 2014; Zaremba, Sutskever & Vinyals 2014 for recurrent networks), more text, and stopping in time are what helps.
 */
import { z } from "zod";
import { type Curve, curves } from "../pictures/index.ts";
import { real, whole } from "../schema.ts";
import { builtInText } from "../stories/index.ts";
import type { Experiment } from "./experiment.ts";
import { bestOf, type Course, course } from "./language.ts";

const options = z.strictObject({
  characters: whole(500, 1e6).default(8000).describe("characters of the small text"),
  more: whole(1, 1000).default(16).describe("how many times as long the large text is"),
  hidden: whole(1, 4096).default(128).describe("width of the LSTM, which has two layers"),
  dropout: real(0, 0.99).default(0.5).describe("between the layers, in the training with dropout"),
  context: whole(2, 4096).default(64).describe("characters in a window"),
  steps: whole(1, 1e6).default(800).describe("training steps"),
  batch: whole(1, 4096).default(16).describe("windows in a batch"),
  lr: real(1e-6, 1).default(0.004).describe("highest learning rate"),
  seed: whole(0, 2 ** 31)
    .default(0)
    .describe("of initial weights, batches and dropout"),
});

/** Characters that are only measured. */
const MEASURED = 20_000;

/** How far the validation loss is above its best in the end. */
const risen = (one: Course): number => (one.validation.at(-1)?.[1] ?? Number.NaN) - bestOf(one)[1];

export const overfitting: Experiment<typeof options> = {
  name: "overfitting",
  about: "when the loss on other text rises again, and what dropout and more text change",
  source: "Srivastava et al. 2014; Zaremba, Sutskever & Vinyals 2014",
  options,
  async run({ characters, more, hidden, dropout, ...chosen }, watch) {
    const whole = builtInText();
    const validation = whole.slice(-MEASURED);
    const rest = whole.slice(0, -MEASURED);
    const trainings = [
      ["little text", characters, 0],
      ["with dropout", characters, dropout],
      ["more text", characters * more, 0],
    ] as const;
    const config = { embedding_dim: hidden, hidden_size: hidden, num_layers: 2 };
    const evalEvery = Math.max(1, Math.ceil(chosen.steps / 20));
    const courses: Record<string, Course> = {};
    for (const [name, length, drop] of trainings) {
      const text = { train: rest.slice(0, length), validation: onlyKnown(validation, rest.slice(0, length)) };
      const model = { name: "lstm", config: { ...config, dropout: drop } };
      courses[name] = await course({ ...model, ...chosen, text, evalEvery }, watch);
    }
    const all = Object.entries(courses);
    const table = all.map(([training, one]) => ({
      training,
      "best validation": bestOf(one)[1],
      "at step": bestOf(one)[0],
      "last validation": one.validation.at(-1)?.[1] ?? Number.NaN,
      "last training": one.training.at(-1)?.[1] ?? Number.NaN,
    }));
    const drawn = curves(
      "loss on other text, and on the little text itself",
      [
        ...all.map(([name, { validation: points }]): Curve => ({ name, points })),
        { name: "training, little", points: courses["little text"]?.training ?? [] },
      ],
      { x: "steps", y: "nats per character" },
    );
    const said = all.map(([name, one]) => `${name} by ${risen(one).toFixed(3)}`);
    return {
      summary: `after its best the loss on other text rises, ${said.join(", ")} nats per character`,
      table,
      values: { courses },
      picture: drawn ?? "",
    };
  },
};

/** `text` without the characters that the model has never seen. */
function onlyKnown(text: string, known: string): string {
  const seen = new Set(known);
  return Array.from(text)
    .filter((character) => seen.has(character))
    .join("");
}
