/** Configuration of the recurrent architectures: what every one of them has, then what single heads need. */
import { z } from "zod";
import { probability, real, whole } from "../../schema.ts";

/** Named as the arguments of torch.nn's layers. */
const layers = {
  embedding_dim: whole(1, 65536).default(128).describe("width of the embedding"),
  hidden_size: whole(1, 65536).default(256).describe("width of the state"),
  num_layers: whole(1, 64).default(1).describe("recurrent layers"),
  dropout: probability().default(0).describe("dropout between layers, and around a classifier's"),
  bidirectional: z.boolean().default(false).describe("reads from the end as well; not for language models"),
  merge: z
    .enum(["concat", "sum", "mul", "average"])
    .optional()
    .describe("how both directions are joined (default: concat)"),
};

/** Of cells that multiply their state by weights. */
export const cell = {
  layer_norm: z.boolean().optional().describe("normalises sums in the cell"),
  input_dropout: probability().optional().describe("dropout of every layer's input"),
  recurrent_dropout: probability().optional().describe("dropout of the state that products see"),
  dropout_mask: z.enum(["sequence", "step"]).optional().describe("how often these two are drawn (default: sequence)"),
  zoneout: probability().optional().describe("probability that an element of h stays"),
  recurrent_init: z.enum(["uniform", "orthogonal"]).optional().describe("initial weights (default: uniform)"),
};

/** Of cells with gates that see the state. */
export const gated = {
  ...cell,
  recurrent_activation: z.enum(["sigmoid", "hard-sigmoid"]).optional().describe("what bounds gates (default: sigmoid)"),
};

const tokens = {
  vocab_size: whole(1, 1e7).optional().describe("tokens; by default the tokenizer's"),
  word_dropout: probability()
    .optional()
    .describe("share of words that taggers, classifiers and an autoencoder's steps are trained to do without"),
};

const classes = {
  num_labels: whole(1, 1e6).optional().describe("classes, for a classifier"),
  pooling: z
    .enum(["last", "mean", "max", "mean-max", "attention"])
    .optional()
    .describe("what a classifier sees (default: mean)"),
};

const numbers = { input_size: whole(1, 65536).optional().describe("channels of a numeric sequence") };

/** Of forecasts; what is said of segments, decoding and normalisation is in forecast.ts. */
const forecasts = {
  window: whole(1, 1e5).optional().describe("steps that a forecast sees"),
  horizon: whole(1, 1e5).optional().describe("steps that it foretells"),
  segment: whole(1, 1e5)
    .optional()
    .describe("steps that are read at a time (default: half of the window at most, 48 at most)"),
  decoding: z
    .enum(["parallel", "recurrent"])
    .optional()
    .describe("segments of a forecast at once or one by one (default: parallel)"),
  normalisation: z
    .enum(["last", "standard", "none"])
    .optional()
    .describe("what is taken off a window: its last value, or its mean and deviation (default: last)"),
  channel_independence: z.boolean().optional().describe("reads every channel on its own (default: true)"),
  intervals: real(0, 0.999).optional().describe("share of what comes that intervals shall hold; 0 for none"),
};

const encoderDecoder = {
  target_vocab_size: whole(1, 1e7).optional().describe("tokens of the target, for an encoder-decoder"),
  attention: z
    .enum(["general", "additive", "dot", "none"])
    .optional()
    .describe("how an encoder-decoder's steps look at the source (default: general)"),
  input_feeding: z
    .boolean()
    .optional()
    .describe("an encoder-decoder's steps read what the last one saw (default: false)"),
  scheduled_sampling: real(0, 1)
    .optional()
    .describe("probability that in training a step reads the model's own token (default: 0)"),
};

const tags = {
  crf: z.boolean().optional().describe("scores of whole sequences of tags, by a CRF"),
  char_vocab_size: whole(2, 1e6).optional().describe("characters that are told apart, of words"),
  char_embedding_dim: whole(0, 4096).optional().describe("width of the characters of words; 0 reads words alone"),
  char_channels: whole(1, 4096).optional().describe("channels of the convolution over characters"),
};

const latentText = { latent: whole(1, 65536).optional().describe("dimensions of a text's code (default: 32)") };

export const recurrentConfig = z.strictObject({
  ...tokens,
  ...layers,
  ...classes,
  ...tags,
  ...numbers,
  ...forecasts,
  ...encoderDecoder,
  ...latentText,
});
type CellKeys = z.infer<z.ZodObject<typeof cell>>;
type LSTMKeys = { readonly proj_size?: number | undefined; readonly cell_zoneout?: number | undefined };
/** What heads read of a configuration, whichever of these keys its architecture has. */
export type RecurrentConfig = z.infer<typeof recurrentConfig> & Partial<CellKeys> & LSTMKeys;

/** Options of layers over sequences. */
export const stackOptions = ({ num_layers: layers, dropout, bidirectional, merge }: RecurrentConfig) => ({
  layers,
  dropout,
  bidirectional,
  ...(merge && { merge }),
});

/** The same, with those of cells that multiply their state by weights. */
export const cellOptions = (config: RecurrentConfig) => ({
  ...stackOptions(config),
  layerNorm: config.layer_norm ?? false,
  inputDropout: config.input_dropout ?? 0,
  recurrentDropout: config.recurrent_dropout ?? 0,
  dropoutMask: config.dropout_mask ?? "sequence",
  zoneout: config.zoneout ?? 0,
  init: config.recurrent_init ?? "uniform",
});

/** Directions. */
export const directions = ({ bidirectional }: RecurrentConfig): 1 | 2 => (bidirectional ? 2 : 1);

/** Width of h. */
export const stateWidth = ({ proj_size, hidden_size }: RecurrentConfig): number => proj_size || hidden_size;

/** Width of the layers' outputs. */
export const outputWidth = (config: RecurrentConfig): number =>
  stateWidth(config) * ((config.merge ?? "concat") === "concat" ? directions(config) : 1);

/** Whether training draws something anew at each step. */
export const drawsEachStep = (config: RecurrentConfig): boolean => {
  const { zoneout, cell_zoneout, dropout_mask, input_dropout, recurrent_dropout } = config;
  return Boolean(zoneout || cell_zoneout || (dropout_mask === "step" && (input_dropout || recurrent_dropout)));
};

/** Arguments of torch.nn's layers, at the values that they have where an architecture has no key for them. */
export const fixed = { nonlinearity: "tanh", bias: true, proj_size: 0 };
