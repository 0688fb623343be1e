/** The model fixtures on disk: weights, configuration, and PyTorch's numbers. */
import { readFileSync } from "node:fs";
import { fromFile, fromStored, readSafetensors, type StoredTensor } from "../../src/checkpoint/index.ts";
import { type Architecture, build, type Head, type Heads, loadArchitecture } from "../../src/models/index.ts";
import { namedParameters } from "../../src/nn/index.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";

export const fixtureNames = [
  "rnn1",
  "rnn2",
  "lstm1",
  "lstm2",
  "gru1",
  "gru2",
  "mingru1",
  "mingru2",
  "minlstm1",
  "minlstm2",
  "gpt",
] as const;
export type FixtureName = (typeof fixtureNames)[number];

/** Classifiers of padded sequences. */
export const classesNames = [
  "rnn-classes",
  "lstm-classes",
  "gru-classes",
  "mingru-classes",
  "minlstm-classes",
  "gpt-classes",
] as const;

/** Forecasts, and a classifier, of numeric sequences. */
export const forecastNames = ["rnn-forecast", "lstm-forecast", "gru-forecast"] as const;
export const seriesNames = ["gru-series"] as const;

/** Encoder-decoders. */
export const encoderDecoderNames = ["gru-general", "lstm-additive", "rnn-dot", "gru-none"] as const;

/** Taggers. */
export const tagsNames = ["lstm-tags", "gru-tags"] as const;

/** Autoencoders of texts. */
export const latentTextNames = ["gru-latent-text", "lstm-latent-text"] as const;

export interface Fixture<H extends Head = "causal"> {
  readonly architecture: Architecture;
  readonly model: Heads[H];
  readonly parameters: Readonly<Record<string, Tensor>>;
  readonly weights: Readonly<Record<string, HostTensor>>;
  /** The file of weights as it is. */
  readonly file: ReadonlyMap<string, StoredTensor>;
  readonly expected: (name: string) => HostTensor;
  /** The name that the file has for a parameter. */
  readonly fileName: (path: string) => string;
}

const read = (name: string, file: string): Buffer =>
  readFileSync(new URL(`../fixtures/${name}/${file}`, import.meta.url));

async function load<H extends Head>(name: string, head: H): Promise<Fixture<H>> {
  const config: Record<string, unknown> = JSON.parse(read(name, "config.json").toString());
  const architecture = await loadArchitecture(String(config.model_type));
  const model = build(architecture, head, architecture.read(config));
  const own = namedParameters(model.parts);
  const { tensors: file } = readSafetensors(read(name, "model.safetensors"));
  const { tensors: results } = readSafetensors(read(name, "expected.safetensors"));
  const { prefix = "", bare } = architecture.files;
  return {
    architecture,
    model,
    parameters: own,
    weights: fromFile(file, own, architecture.files, name),
    file,
    fileName: (path) => (bare?.test(path) ? path : prefix + path),
    expected(key) {
      const tensor = results.get(key);
      if (!tensor) throw new Error(`the fixture ${name} has no ${key}`);
      return fromStored(key, tensor);
    },
  };
}

export const loadFixture = (name: FixtureName): Promise<Fixture> => load(name, "causal");

export const loadClasses = (name: (typeof classesNames)[number]): Promise<Fixture<"classes">> => load(name, "classes");

export const loadForecast = (name: (typeof forecastNames)[number]): Promise<Fixture<"forecast">> =>
  load(name, "forecast");

export const loadSeries = (name: (typeof seriesNames)[number]): Promise<Fixture<"series">> => load(name, "series");

export const loadEncoderDecoder = (name: (typeof encoderDecoderNames)[number]): Promise<Fixture<"encoderDecoder">> =>
  load(name, "encoderDecoder");

export const loadTags = (name: (typeof tagsNames)[number]): Promise<Fixture<"tags">> => load(name, "tags");

export const loadLatentText = (name: (typeof latentTextNames)[number]): Promise<Fixture<"latentText">> =>
  load(name, "latentText");
