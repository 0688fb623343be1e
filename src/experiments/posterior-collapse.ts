/**
 * Posterior collapse (Bowman et al. 2016): an autoencoder whose decoder reads the text so far learns to do without the code. The
 * KL, which is what codes say, falls to about 0, and what is left is a language model. What helps is a KL that costs little
 * at first (annealing), or nothing up to a bound in each dimension (free bits, Kingma et al. 2016), or a decoder that is not
 * shown all tokens (word dropout).
 */
import { z } from "zod";
import { type Curve, curves } from "../pictures/index.ts";
import { real, whole } from "../schema.ts";
import { builtInText } from "../stories/index.ts";
import { readTexts } from "../tasks/reconstruct-text/lines.ts";
import { train } from "../tasks/train.ts";
import type { Experiment, ExperimentWatch } from "./experiment.ts";
import { mean, seeds, upTo } from "./options.ts";

const options = z.strictObject({
  words: whole(2, 64).default(8).describe("words of a sentence at most"),
  model: z.enum(["rnn", "lstm", "gru"]).default("gru").describe("kind of encoder and decoder"),
  hidden: whole(1, 4096).default(64).describe("width of the state"),
  latent: whole(1, 4096).default(16).describe("dimensions of a code"),
  freeBits: real(0, 100).default(0.25).describe("nats that each dimension has free, in the training with free bits"),
  wordDropout: real(0, 0.99).default(0.8).describe("share of tokens that is not shown, in that with word dropout"),
  steps: whole(1, 1e6).default(600).describe("training steps"),
  batch: whole(1, 4096).default(32).describe("sentences in a batch"),
  lr: real(1e-6, 1).default(0.005).describe("highest learning rate"),
  seeds: seeds(2),
});
type Options = z.output<typeof options>;

/** Every so many sentences, one is only measured. */
const HELD_OUT = 10;
/** Codes that are drawn of a sentence to estimate its likelihood. */
const SAMPLES = 50;

/** Different sentences of the built-in stories with at most so many words: those to learn from, and others. */
export async function sentencesOf(words: number): Promise<{ train: string[]; validation: string[] }> {
  const stories = { name: "stories", format: "txt", text: async () => builtInText() };
  const all = [...new Set(await readTexts(stories, { by: "sentence" }))];
  const short = all.filter((text) => text.split(/\s+/).length <= words);
  return {
    train: short.filter((_, i) => i % HELD_OUT !== 0),
    validation: short.filter((_, i) => i % HELD_OUT === 0),
  };
}

/** What differs between trainings. */
const settingsOf = ({ freeBits, wordDropout, steps }: Options) => ({
  "plain ELBO": {},
  annealing: { anneal: "linear", annealSteps: Math.max(1, Math.round(0.8 * steps)) } as const,
  "word dropout": { wordDropout },
  "free bits": { freeBits },
});
type Setting = keyof ReturnType<typeof settingsOf>;

/** What came of one training. */
interface Outcome {
  readonly setting: Setting;
  readonly seed: number;
  /** Of sentences that were held out, in nats. */
  readonly scores: Readonly<Record<"kl" | "reconstruction" | "active" | "elbo" | "nll", number>>;
  /** KL by step. */
  readonly kl: readonly (readonly [step: number, nats: number])[];
}

async function trained(
  setting: Setting,
  seed: number,
  chosen: Options,
  texts: Awaited<ReturnType<typeof sentencesOf>>,
  { signal, onNote, threads }: ExperimentWatch,
): Promise<Outcome> {
  const { model, hidden, latent, steps, batch, lr } = chosen;
  const { wordDropout = 0, ...task } = { freeBits: 0, wordDropout: 0, ...settingsOf(chosen)[setting] };
  const sizes = { embedding_dim: Math.ceil(hidden / 2), hidden_size: hidden, latent };
  const run = train(model, {
    task: "reconstruct-text",
    data: { name: "sentences", text: texts.train.join("\n") },
    val: { name: "others", text: texts.validation.join("\n") },
    ...{ tokenizer: "words", ...task, steps, batch, lr, seed, signal, threads },
    config: { ...sizes, word_dropout: wordDropout },
    evalEvery: Math.max(1, Math.ceil(steps / 20)),
  });
  const kl: [number, number][] = [];
  for await (const event of run) {
    if (event.event !== "evaluate") continue;
    kl.push([event.step, event.scores.kl ?? Number.NaN]);
    onNote?.(`${setting}, seed ${seed}: step ${event.step} of ${steps}, KL ${event.scores.kl?.toFixed(3)} nats`);
  }
  signal?.throwIfAborted();
  const history = await run;
  await using opened = await history.open();
  const nll = mean(await opened.importance(texts.validation, SAMPLES, { signal }));
  const { kl: rate = 0, reconstruction = 0, active = 0, elbo = 0 } = history.scores ?? {};
  return { setting, seed, scores: { kl: rate, reconstruction, active, elbo, nll }, kl };
}

/** The mean of a score over seeds. */
const over = (outcomes: readonly Outcome[], setting: Setting, score: keyof Outcome["scores"]): number =>
  mean(outcomes.filter((one) => one.setting === setting).map(({ scores }) => scores[score]));

export const posteriorCollapse: Experiment<typeof options> = {
  name: "posterior-collapse",
  about: "what the codes of an autoencoder of texts say, with the plain ELBO and with what is done about it",
  source: "Bowman et al. 2016; Kingma et al. 2016",
  options,
  async run(chosen, watch) {
    const texts = await sentencesOf(chosen.words);
    const settings = Object.keys(settingsOf(chosen)) as Setting[];
    const outcomes: Outcome[] = [];
    for (const seed of upTo(chosen.seeds))
      for (const setting of settings) outcomes.push(await trained(setting, seed, chosen, texts, watch));
    const table = outcomes.map(({ setting, seed, scores }) => ({ setting, seed, ...scores }));
    const drawn = curves(
      "what codes say: KL of held-out sentences",
      outcomes.filter(({ seed }) => seed === 0).map(({ setting, kl }): Curve => ({ name: setting, points: kl })),
      { x: "steps", y: "nats per sentence" },
    );
    const said = settings.map((setting) => {
      const [kl, active] = [over(outcomes, setting, "kl"), over(outcomes, setting, "active")];
      return `${setting} ${kl.toFixed(2)} in ${active.toFixed(0)} active dimensions of ${chosen.latent}`;
    });
    return {
      summary: `nats that a code says of a sentence: ${said.join(", ")}`,
      table,
      values: { outcomes },
      picture: drawn ?? "",
    };
  },
};
