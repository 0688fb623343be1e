/** Configuration of the recurrent architectures: what every one of them has, then what single heads need. */
import { z } from "zod";
import { probability, whole } from "../../schema.ts";

/** Named as the arguments of torch.nn's layers. */
const layers = {
  embedding_dim: whole(1, 65536).default(128).describe("width of the embedding"),
  hidden_size: whole(1, 65536).default(256).describe("width of the state"),
  num_layers: whole(1, 64).default(1).describe("recurrent layers"),
  dropout: probability().default(0).describe("dropout between layers, and around a classifier's"),
  bidirectional: z.boolean().default(false).describe("reads from the end as well; not for language models"),
};

const tokens = { vocab_size: whole(1, 1e7).optional().describe("tokens; by default the tokenizer's") };

const classes = {
  num_labels: whole(1, 1e6).optional().describe("classes, for a classifier"),
  pooling: z.enum(["last", "mean", "max", "attention"]).optional().describe("what classifiers see (default: mean)"),
};

export const recurrentConfig = z.strictObject({ ...tokens, ...layers, ...classes });
export type RecurrentConfig = z.infer<typeof recurrentConfig>;

/** Arguments of torch.nn's layers that these models leave at their defaults. */
export const fixed = { nonlinearity: "tanh", bias: true, proj_size: 0 };
