/** Language models of the registry at sizes that can be compared. */
import { type Architecture, build, type Config, loadArchitecture } from "../models/index.ts";
import { train } from "../tasks/train.ts";
import { parameterCount, widthFor } from "./cells.ts";
import type { ExperimentWatch } from "./experiment.ts";

/** Ids that a model of this width knows, and how many it looks at together, where that is bounded. */
export interface LanguageSize {
  readonly vocabulary: number;
  readonly context: number;
}

/** Width of a head of attention, and most of them. */
const [HEAD, HEADS] = [16, 256];

const hasAttention = ({ schema }: Architecture): boolean => Object.hasOwn(schema.shape, "n_embd");

/** The configuration of a language model, its width in heads where it has attention, whose state is `width` wide: one layer, an embedding as wide as the state. */
function configOf(architecture: Architecture, width: number, { vocabulary, context }: LanguageSize): Config {
  const C = HEAD * width;
  if (hasAttention(architecture))
    return { vocab_size: vocabulary, n_positions: context, n_embd: C, n_head: width, n_layer: 2 };
  return { vocab_size: vocabulary, embedding_dim: width, hidden_size: width };
}

const partsOf = (architecture: Architecture, config: Config): object =>
  build(architecture, "causal", architecture.configure(config)).parts;

/** A language model of the registry with about `parameters` of them. */
export async function sized(name: string, parameters: number, size: LanguageSize) {
  const architecture = await loadArchitecture(name);
  const most = hasAttention(architecture) ? HEADS : undefined;
  const width = widthFor(parameters, (width) => partsOf(architecture, configOf(architecture, width, size)), most);
  const config = configOf(architecture, width, size);
  return { architecture, config, parameters: parameterCount(partsOf(architecture, config)) };
}

/** A training of a language model, on characters. */
export interface LanguageTraining {
  readonly name: string;
  readonly config: Config;
  readonly text: { readonly train: string; readonly validation: string };
  readonly context: number;
  readonly steps: number;
  readonly batch: number;
  readonly lr: number;
  readonly seed: number;
  readonly evalEvery: number;
}

/** What was seen on the way. */
export interface Course {
  /** Validation loss in nats per character, by step. */
  readonly validation: readonly (readonly [step: number, loss: number])[];
  /** Mean loss of the training batches since the evaluation before, by step. */
  readonly training: readonly (readonly [step: number, loss: number])[];
  /** Of a training step, without evaluations and what comes before the first. */
  readonly milliseconds: number;
}

/** Trains and measures; throws the signal's reason when it is stopped. */
export async function course(
  { name, config, text, ...settings }: LanguageTraining,
  { signal, onNote, threads }: ExperimentWatch,
): Promise<Course> {
  const run = train(name, {
    task: "language",
    data: { name: "train", text: text.train },
    val: { name: "validation", text: text.validation },
    tokenizer: "char",
    ...{ config, signal, threads, ...settings },
  });
  const [validation, training]: [[number, number][], [number, number][]] = [[], []];
  let losses: number[] = [];
  let perSecond = Number.NaN; // characters
  for await (const event of run) {
    if (event.event === "step") {
      losses.push(event.loss);
      perSecond = event.perSecond;
    }
    if (event.event !== "evaluate") continue;
    const { step, scores } = event;
    validation.push([step, scores.loss ?? Number.NaN]);
    training.push([step, losses.reduce((a, b) => a + b, 0) / losses.length]);
    losses = [];
    onNote?.(`${name}: step ${step} of ${settings.steps}, validation ${scores.loss?.toFixed(4)} nats per character`);
  }
  signal?.throwIfAborted();
  await run;
  return { validation, training, milliseconds: (1000 * settings.batch * settings.context) / perSecond };
}

/** The best validation loss, and its step. */
export const bestOf = ({ validation }: Course): readonly [step: number, loss: number] =>
  validation.reduce((best, point) => (point[1] < best[1] ? point : best), [0, Number.POSITIVE_INFINITY] as const);
