/**
 * The price of recurrence: a recurrent layer takes its steps one after another, attention looks at all of them at once but at
 * every pair (Vaswani et al. 2017, table 1). minGRU is a recurrence without that price (Feng et al. 2024).
 *
 * B texts · T ids · V vocabulary
 */
import { z } from "zod";
import { build } from "../models/index.ts";
import { crossEntropy, namedParameters } from "../nn/index.ts";
import { adam } from "../optim/index.ts";
import { curves } from "../pictures/index.ts";
import { type HostTensor, initialValues, stream } from "../runtime/index.ts";
import { whole } from "../schema.ts";
import { createStep } from "../train/index.ts";
import type { Experiment, ExperimentWatch } from "./experiment.ts";
import { sized } from "./language.ts";
import { numberList, numbersIn } from "./options.ts";

const options = z.strictObject({
  lengths: numberList("64,128,256,512,1024").describe("lengths of the texts"),
  parameters: whole(1000, 1e8).default(100_000).describe("about so many has each model"),
  batch: whole(1, 1024).default(4).describe("texts in a batch"),
  repeats: whole(1, 1000).default(5).describe("training steps, of which the median counts"),
});

const MODELS = ["rnn", "lstm", "gru", "mingru", "gpt"] as const;
const VOCABULARY = 256;

const idsOf = (B: number, T: number, step: number): HostTensor => ({
  data: stream(0, step, "ids").integers(B * T, VOCABULARY),
  shape: [B, T],
  dtype: "i32",
});

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;

/** Milliseconds of a training step on texts of length T. */
async function stepTime(
  name: string,
  T: number,
  { parameters: wanted, batch: B, repeats }: z.output<typeof options>,
  { threads, signal }: ExperimentWatch,
): Promise<number> {
  const { architecture, config } = await sized(name, wanted, { vocabulary: VOCABULARY, context: T });
  const model = build(architecture, "causal", architecture.configure(config));
  const parameters = namedParameters(model.parts);
  const batch = { ids: idsOf(B, T, 0), targets: idsOf(B, T, 1) };
  await using step = await createStep(
    {
      ...{ parameters, batch, optimizer: adam() },
      loss: ({ ids, targets }) => crossEntropy(model.forward({ ids }).logits, targets),
    },
    { weights: initialValues(parameters, 0) },
    threads ? { threads } : {},
  );
  const times = [];
  for (let at = 1; at <= repeats + 1; at++) {
    signal?.throwIfAborted();
    const from = performance.now();
    await step.run([batch], { step: at, lr: 1e-3, seed: 0 });
    times.push(performance.now() - from);
  }
  return median(times.slice(1)); // the first fills the engine's memory
}

export const sequentialCost: Experiment<typeof options> = {
  name: "sequential-cost",
  about: "time of a training step by length, of recurrent models and a transformer of equal size",
  source: "Vaswani et al. 2017, table 1; Feng et al. 2024",
  options,
  async run(chosen, watch) {
    const lengths = numbersIn("lengths", chosen.lengths, 1, 16_384).sort((a, b) => a - b);
    const times: { model: string; length: number; ms: number }[] = [];
    for (const model of MODELS)
      for (const length of lengths) {
        watch.onNote?.(`${model}: a training step on ${chosen.batch} texts of ${length}`);
        times.push({ model, length, ms: await stepTime(model, length, chosen, watch) });
      }
    const of = (name: string) => times.filter(({ model }) => model === name);
    const table = MODELS.map((model) => ({
      model,
      ...Object.fromEntries(of(model).map(({ length, ms }) => [`ms at ${length}`, ms])),
    }));
    const drawn = curves(
      "time of a training step by length",
      MODELS.map((name) => ({ name, points: of(name).map(({ length, ms }) => [length, ms] as const) })),
      { x: "length of the texts", y: "milliseconds", log: true },
    );
    const [shortest, longest] = [lengths[0] ?? 1, lengths.at(-1) ?? 1];
    const growth = MODELS.map((name) => `${name} ${((of(name).at(-1)?.ms ?? 0) / (of(name)[0]?.ms ?? 1)).toFixed(1)}`);
    return {
      summary: `a training step on texts of ${longest} takes so many times as long as on ${shortest}: ${growth.join(", ")}`,
      table,
      values: { times },
      picture: drawn ?? "",
    };
  },
};
