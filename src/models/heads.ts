/**
 * What models can do, as signatures of graphs. A head says what goes in and what comes out, not what it is good for:
 * several tasks may ask for the same head. A new kind of head is one more entry of `Heads`.
 *
 * B batch · T positions · S positions of a source · V vocabulary · K classes · W window · H horizon · C channels
 */
import type { Spec } from "../graph/index.ts";
import type { CRFScores } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { MaskedModel, SentenceModel, SpansModel } from "./encoder/head.ts";
import type { LatentModel } from "./latent/head.ts";
import type { LatentTextModel } from "./latent/text.ts";

/** Parameters and a graph from named inputs to named outputs, of any batch size "B". */
export interface Model<I extends string = string, O extends string = string> {
  /** The module whose parameters are the model's. */
  readonly parts: object;
  readonly inputs: Readonly<Record<I, Spec>>;
  /** The parts that this head has to itself: a checkpoint with another head lacks them. */
  readonly head?: readonly string[];
  forward(inputs: Readonly<Record<I, Tensor>>): Readonly<Record<O, Tensor>>;
}

/** Tensors carried from position to position, by name. */
export type Carried = Readonly<Record<string, Tensor>>;

/** ids [B, T] -> logits [B, T, V] of the id that follows each; or piece by piece. */
export interface CausalModel extends Model<"ids", "logits"> {
  forward(inputs: Readonly<Record<"ids", Tensor>>): {
    readonly logits: Tensor;
    /** What training adds to its loss so that experts are equally busy, where the model has some: a scalar. */
    readonly balance?: Tensor;
  };
  readonly vocabulary: number;
  /** How many ids it can look at together; undefined where there is no such bound. */
  readonly context: number | undefined;
  /**
   * What is carried from piece to piece, zero before the first: a state, which every step replaces, or, where a size is
   * called "S", a cache, whose next values are those of the new ids alone.
   */
  readonly carried: Readonly<Record<string, Spec>>;
  /** Whether steps want to know how long a text is once all of it that is there is read: `total` of a piece. */
  readonly foresees?: boolean;
  /** A text that becomes longer than so many ids is read anew: what was kept of it was computed otherwise. */
  readonly anew?: number | undefined;
  /** The next piece of a text after what was carried -> logits [B, V] of the id that follows it, and what to carry on. */
  step(piece: Piece, carried: Carried): { logits: Tensor; carried: Carried };
  /**
   * ids [B, T] after what was carried -> logits [B, T, V] of the id that follows each, and what to carry on; gradients go
   * back `truncate` ids at most. Absent where what is carried grows with the text.
   */
  follow?(ids: Tensor, carried: Carried, truncate?: number): { logits: Tensor; carried: Carried };
}

/** The next ids of several texts, side by side. */
export interface Piece {
  /** [B, T] */
  readonly ids: Tensor;
  /** How many of them are meant in each row: [B]. */
  readonly lengths: Tensor;
  /** How many ids came before in each row: [B]. */
  readonly past: Tensor;
  /** How many ids each row has with all that are still to be read, where the model foresees: [B]. */
  readonly total?: Tensor;
}

/**
 * ids [B, T] of which the first lengths [B] of each row are meant -> logits [B, K]. A model that looks at spelling takes what
 * a tagger takes that does.
 */
export interface ClassesModel extends Model<"ids" | "lengths", "logits"> {
  /** The parameter that holds a row for each token. */
  readonly tokens: string;
  forward(inputs: Spelled): {
    readonly logits: Tensor;
    /** How much each position counts, where the model says so: [B, T], 1 in all. */
    readonly attention?: Tensor;
  };
  readonly vocabulary: number;
  readonly context: number | undefined;
  readonly classes: number;
  /** How many characters it tells apart; undefined where it looks at tokens alone. */
  readonly characters?: number | undefined;
}

/** values [B, W, C] -> forecast [B, H, C] of the H steps that follow, in the same units. */
export interface ForecastModel extends Model<"values", "forecast"> {
  forward(inputs: Readonly<Record<"values", Tensor>>): {
    readonly forecast: Tensor;
    /** The ends of an interval around each, where the configuration asks for intervals: [B, H, C]. */
    readonly low?: Tensor;
    readonly high?: Tensor;
  };
  /** W. */
  readonly window: number;
  /** H. */
  readonly horizon: number;
  /** C. */
  readonly channels: number;
  /** The share of what comes that intervals shall hold; 0 where there are none. */
  readonly intervals: number;
}

/** values [B, T, C], of which the first lengths [B] steps of each row are meant -> logits [B, K]. */
export interface SeriesModel extends Model<"values" | "lengths", "logits"> {
  /** C. */
  readonly channels: number;
  /** K. */
  readonly classes: number;
}

/** What a step of an encoder-decoder gives. */
export interface DecoderStep {
  /** Of the id that follows: [B, V]. */
  readonly logits: Tensor;
  /** How much the step looked at each position of the source, where the model says so: [B, S], 1 in all. */
  readonly attention?: Tensor;
  /** What to carry on. */
  readonly carried: Carried;
}

/**
 * source [B, S], of which the first sourceLengths [B] of each row are meant, and target [B, T], the ids so far -> logits
 * [B, T, V] of the id that follows each of the target's; or step by step, from what `encode` makes of the source.
 */
export interface EncoderDecoderModel extends Model<"source" | "sourceLengths" | "target", "logits"> {
  readonly sourceVocabulary: number;
  /** Of the target. */
  readonly vocabulary: number;
  /** What every step reads and none changes; its first axes are called "B". */
  readonly memory: Readonly<Record<string, Spec>>;
  /** What each step replaces; one of its axes is called "B". */
  readonly carried: Readonly<Record<string, Spec>>;
  encode(source: Tensor, lengths: Tensor): { readonly memory: Carried; readonly carried: Carried };
  /** The next ids [B] of the target. */
  step(ids: Tensor, memory: Carried, carried: Carried): DecoderStep;
}

/** What a tagger or classifier sees of a text: its words, and how they are spelled where it looks at that. */
export type Spelled = Readonly<Record<"ids" | "lengths", Tensor> & Partial<Record<"characters" | "shapes", Tensor>>>;

/**
 * ids [B, T] of which the first lengths [B] of each row are meant -> logits [B, T, K] of a tag for each. A model that looks
 * at spelling takes the first characters of each word [B, T, C] too, 0 where it has no more, and shapes [B, T], one of `SHAPES`.
 */
export interface TagsModel extends Model<"ids" | "lengths"> {
  forward(inputs: Spelled): Readonly<{ logits: Tensor } & Record<string, Tensor>>;
  /** The parameter that holds a row for each token. */
  readonly tokens: string;
  readonly vocabulary: number;
  readonly context: number | undefined;
  readonly tags: number;
  /** How many characters it tells apart; undefined where it looks at words alone. */
  readonly characters: number | undefined;
  /** What sequences of tags score by themselves, where the model has a CRF. They are outputs of the graph, too. */
  readonly chain: CRFScores | undefined;
}

/** features [B, T, C], of which the first lengths [B] steps of each row are meant -> logits [B, T, K] of every step. */
export interface FramesModel extends Model<"features" | "lengths", "logits"> {
  /** C. */
  readonly channels: number;
  /** K. */
  readonly classes: number;
}

/** Every kind of head by name. */
export interface Heads {
  encoderDecoder: EncoderDecoderModel;
  causal: CausalModel;
  classes: ClassesModel;
  forecast: ForecastModel;
  series: SeriesModel;
  tags: TagsModel;
  frames: FramesModel;
  latent: LatentModel;
  latentText: LatentTextModel;
  masked: MaskedModel;
  spans: SpansModel;
  sentence: SentenceModel;
}
export type Head = keyof Heads & string;

/** Inputs of a causal model. */
export const causalInputs = { ids: { shape: ["B", "T"], dtype: "i32" } } as const;
/** Inputs of a classifier of sequences. */
export const classesInputs = { ...causalInputs, lengths: { shape: ["B"], dtype: "i32" } } as const;
/** Inputs of an encoder-decoder. */
export const encoderDecoderInputs = {
  source: { shape: ["B", "S"], dtype: "i32" },
  sourceLengths: { shape: ["B"], dtype: "i32" },
  target: { shape: ["B", "T"], dtype: "i32" },
} as const;
/** Characters of a word that a tagger looks at. */
export const CHARACTERS = 20;
/** Inputs of a tagger or classifier that looks at spelling. */
export const spelledInputs = {
  ...classesInputs,
  characters: { shape: ["B", "T", CHARACTERS], dtype: "i32" },
  shapes: { shape: ["B", "T"], dtype: "i32" },
} as const;
/** Shapes of words that are told apart: lower case, upper case and so on. */
export const SHAPES = 8;
