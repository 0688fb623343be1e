/** What can be set when text is generated: ranges, flags with their help, and the options of the library. */
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { checked, real, requireRecord, texts, whole } from "../schema.ts";
import type { LogitsProcessor } from "./processors.ts";

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value) || value instanceof Int32Array;
const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isIds = (value: unknown): boolean => isList(value) && [...value].every(isId);
const isBias = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  !isList(value) &&
  Object.entries(value).every(([id, bias]) => isId(Number(id)) && typeof bias === "number" && bias < Infinity);

/** What each setting may be. */
export const ranges = {
  temperature: real(0, 100),
  topK: whole(1, 1e9),
  topP: z.number().gt(0).max(1),
  minP: real(0, 1),
  typicalP: z.number().gt(0).max(1),
  repetitionPenalty: z.number().gt(0).max(100),
  presencePenalty: real(-100, 100),
  frequencyPenalty: real(-100, 100),
  noRepeatNgram: whole(1, 1e9),
  minNewTokens: whole(0, 1e9),
  beams: whole(1, 1000),
  lengthPenalty: real(-100, 100),
  logprobs: whole(0, 1e9),
  ids: z.custom<readonly number[]>(isIds, "expected a list of ids, whole numbers from 0 on"),
  badWords: z.custom<readonly (readonly number[])[]>(
    (value) => isList(value) && [...value].every((word) => isIds(word) && (word as readonly number[]).length > 0),
    "expected a list of lists of ids, none of them empty",
  ),
  logitBias: z.custom<Readonly<Record<number, number>>>(isBias, "expected numbers below Infinity by id"),
};

/** The settings that the command has flags for. */
export const generationFlags = z.strictObject({
  tokens: whole(1, 1e9).default(200).describe("how many to generate at most"),
  temperature: ranges.temperature.default(0.8).describe("0 takes the likeliest token, 1 samples as the model says"),
  topK: ranges.topK.optional().describe("choose among the k likeliest tokens"),
  topP: ranges.topP.optional().describe("choose among the likeliest that reach this probability together"),
  minP: ranges.minP.optional().describe("choose among tokens that are at least this share as likely as the likeliest"),
  typicalP: ranges.typicalP.optional().describe("choose among the most typical that reach this probability together"),
  repetitionPenalty: ranges.repetitionPenalty.optional().describe("above 1, tokens of the text so far are less likely"),
  presencePenalty: ranges.presencePenalty
    .optional()
    .describe("taken from the logits of tokens that were generated already"),
  frequencyPenalty: ranges.frequencyPenalty.optional().describe("the same, once for each time that they were"),
  noRepeatNgram: ranges.noRepeatNgram.optional().describe("no run of this many tokens comes twice"),
  minNewTokens: ranges.minNewTokens.optional().describe("the model may end the text after this many tokens"),
  stop: texts().optional().describe("end before this text; repeatable"),
  beams: ranges.beams
    .optional()
    .describe("hypotheses of a search for the likeliest text; with more than 1 nothing is drawn"),
  lengthPenalty: ranges.lengthPenalty
    .optional()
    .describe("of a search: log P is divided by the length to this power (default: 1)"),
  earlyStopping: z.boolean().optional().describe("of a search: end as soon as as many texts as beams have ended"),
  logprobs: ranges.logprobs.optional().describe("with --json: log p of each token, and of so many that are likeliest"),
  samples: whole(1, 1e6).default(1).describe("how many continuations, from consecutive seeds"),
  seed: whole(0, Number.MAX_SAFE_INTEGER).default(0).describe("chooses the text"),
});

const isFunction = (value: unknown): boolean => typeof value === "function";

/** All settings of one continuation. */
const settings = generationFlags.omit({ samples: true }).extend({
  tokens: whole(0, 1e9).default(200),
  logitBias: ranges.logitBias.optional(),
  suppress: ranges.ids.optional(),
  badWords: ranges.badWords.optional(),
  processors: z
    .custom<readonly LogitsProcessor[]>(
      (value) => Array.isArray(value) && value.every(isFunction),
      "expected a list of functions of logits",
    )
    .optional(),
  end: ranges.ids.optional(),
  vocabulary: whole(1, 2 ** 31 - 1).optional(),
  signal: z
    .custom<AbortSignal>((value) => value instanceof AbortSignal, "expected the signal of an AbortController")
    .optional(),
});
export type Settings = z.output<typeof settings>;

/** Those of `predict`: the settings of each continuation, and how many there are for each prompt. */
export const prediction = settings.extend({
  tokens: generationFlags.shape.tokens,
  samples: generationFlags.shape.samples,
  batch: whole(1, 4096).default(8).describe("texts generated at a time"),
});

/** How the next token is chosen. */
export interface SampleOptions {
  /** Divides the logits: 0 always takes the likeliest, 1 samples as the model says. Default 0.8. */
  readonly temperature?: number | undefined;
  /** Only the k likeliest stay. Default: all. */
  readonly topK?: number | undefined;
  /** Only the likeliest stay whose probabilities reach p together. Default: all. */
  readonly topP?: number | undefined;
  /** Only those stay that are at least so many times as likely as the likeliest. Default: all. */
  readonly minP?: number | undefined;
  /** Only those stay whose surprise is nearest to the expected one, until they reach p together. Default: all. */
  readonly typicalP?: number | undefined;
  /** Divides positive logits of ids that stand in the text already, and multiplies negative ones. Default 1: nothing. */
  readonly repetitionPenalty?: number | undefined;
  /** Taken from the logits of ids that were generated already. Default 0. */
  readonly presencePenalty?: number | undefined;
  /** Taken from the logits of ids as many times as they were generated already. Default 0. */
  readonly frequencyPenalty?: number | undefined;
  /** No run of so many ids comes twice. Default: they may. */
  readonly noRepeatNgram?: number | undefined;
  /** Added to the logits of ids; -Infinity forbids them. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined;
  /** Ids that never come. */
  readonly suppress?: readonly number[] | undefined;
  /** Runs of ids that never come. */
  readonly badWords?: readonly (readonly number[])[] | undefined;
  /** How many tokens come before the text may end. Default 0. */
  readonly minNewTokens?: number | undefined;
  /** Ids at which the text ends; they are no part of it. Default: what the model's files say, or none. */
  readonly end?: readonly number[] | undefined;
  /** Functions of your own; they see the logits after the penalties, before temperature, top-k and the like. */
  readonly processors?: readonly LogitsProcessor[] | undefined;
  /** The same seed chooses the same text. Default 0. */
  readonly seed?: number | undefined;
}

/** How a text is continued. */
export interface GenerateOptions extends SampleOptions {
  /** How many tokens at most. Default 200. */
  readonly tokens?: number | undefined;
  /** Texts before which the text ends; they may span tokens, and nothing of them is shown. */
  readonly stop?: string | readonly string[] | undefined;
  /** Ids are below this: a model may have more rows than its tokenizer has tokens. Default: all of the model's. */
  readonly vocabulary?: number | undefined;
  /** Hypotheses of a beam search, which takes the place of drawing where there are more than 1. Default 1. */
  readonly beams?: number | undefined;
  /** Texts of a beam search are compared by log P over their length to this power. Default 1. */
  readonly lengthPenalty?: number | undefined;
  /** Whether a beam search is over as soon as `beams` texts have ended. Default: it goes on while a better one may come. */
  readonly earlyStopping?: boolean | undefined;
  /** The answer has log p of each of its ids, and of so many likeliest ones in its place. Default: it has none. */
  readonly logprobs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Settings that say what an id is drawn from. */
type Draw = "topK" | "topP" | "minP" | "typicalP";

/** Whether the likeliest text is searched for. Throws ConfigError where settings of a draw are given as well. */
export function isSearched(settings: Pick<Settings, "beams" | Draw>, samples = 1): boolean {
  const { beams = 1, topK, topP, minP, typicalP } = settings;
  if (beams === 1) return false;
  const draws = Object.entries({ topK, topP, minP, typicalP, samples: samples === 1 ? undefined : samples });
  const odd = draws.find(([, value]) => value !== undefined);
  if (!odd) return true;
  throw new ConfigError(`beams: a search draws nothing, got ${odd[0]} ${odd[1]} beside ${beams} beams; leave one out`);
}

/** Defaults filled in. Throws ConfigError on what is unknown, of another type or out of range. */
export function generateSettings(options: GenerateOptions): Settings {
  requireRecord(options, "generate");
  return checked(settings, { ...options }, "generate");
}
