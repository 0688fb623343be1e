/** A decoder as an architecture, from the keys of its configuration and what they mean. */
import type { z } from "zod";
import { architecture, type Config, type FileNames, labelCount } from "../architecture.ts";
import { classCount } from "../sizes.ts";
import { causal, classes } from "./heads.ts";
import type { Shape } from "./shape.ts";

/** What a decoder's file states. */
export interface DecoderStatement<S extends z.ZodObject> {
  readonly modelType: string;
  readonly about: string;
  readonly config: S;
  readonly shape: (config: z.output<S>) => Shape;
  /** What a published config.json means where it leaves a key out. */
  readonly published: Config;
  readonly fixed?: Config;
  readonly spellings?: Readonly<Record<string, (published: Config) => unknown>>;
  /** Our path -> its place in the file, where the two differ. */
  readonly place?: FileNames["place"];
}

/** Files with a head prefix every name of the body; old files also carry the angles, and some repeat a tied head. */
export function decoder<S extends z.ZodObject<{ num_labels: z.ZodOptional<z.ZodNumber> }>>({
  shape,
  spellings,
  place,
  ...statement
}: DecoderStatement<S>) {
  return architecture({
    ...statement,
    spellings: { num_labels: labelCount, ...spellings },
    files: {
      prefix: "model.",
      bare: /^(lm_head|score)\./,
      ...(place && { place }),
      ignore: /(^lm_head\.weight|\.rotary_emb\.inv_freq)$/,
    },
    heads: {
      causal: (config) => causal(shape(config)),
      classes: (config) => classes(shape(config), classCount(config)),
    },
  });
}
