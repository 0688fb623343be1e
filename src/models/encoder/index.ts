/** An encoder as an architecture, from the keys of its configuration, its body, and what its heads are called. */
import type { z } from "zod";
import { architecture, type Config, labelCount } from "../architecture.ts";
import { classCount } from "../sizes.ts";
import { type Around, type Body, classes, type MaskedTop, masked, sentence, spans, type Top, tags } from "./heads.ts";

/** What an encoder's file states. `S` is what its configuration means. */
export interface EncoderStatement<
  Z extends z.ZodObject,
  S extends { readonly width: number; readonly vocabulary: number },
> {
  readonly modelType: string;
  readonly about: string;
  readonly config: Z;
  readonly shape: (config: z.output<Z>) => S;
  /** What a published config.json means where it leaves a key out. */
  readonly published: Config;
  readonly fixed?: Config;
  readonly spellings?: Readonly<Record<string, (published: Config) => unknown>>;
  readonly derived?: (data: Config) => Config;
  /** Stands before the names of the body in files with a head. */
  readonly prefix: string;
  /** Names of heads, which never have the prefix. */
  readonly bare: RegExp;
  /** Names in files that hold nothing that a model here has, beside other heads: buffers, tied tensors. */
  readonly ignore: RegExp;
  readonly body: (shape: S) => Body;
  /** Of a shape, how many tokens are seen together. */
  readonly context: (shape: S) => number;
  /** The path of the parameter that holds a row for each token. */
  readonly tokens: string;
  readonly tops: {
    readonly masked: (shape: S) => MaskedTop;
    readonly classes: (shape: S, count: number) => Top;
    readonly tags: (shape: S, count: number) => Top;
    readonly spans: (shape: S) => Top;
  };
}

/** Before BERT was ported to PyTorch its norms had gamma and beta; some files still do. */
const renamed = (name: string): string => name.replace(/\.gamma$/, ".weight").replace(/\.beta$/, ".bias");

const either = (...patterns: readonly RegExp[]): RegExp => new RegExp(patterns.map(({ source }) => source).join("|"));

export function encoder<
  Z extends z.ZodObject<{ num_labels: z.ZodOptional<z.ZodNumber> }>,
  S extends { readonly width: number; readonly vocabulary: number },
>(statement: EncoderStatement<Z, S>) {
  const { shape: shapeOf, spellings, prefix, bare, ignore, body, context, tokens, tops, ...rest } = statement;
  const around = (shape: S): Around => ({
    body: () => body(shape),
    tokens,
    vocabulary: shape.vocabulary,
    context: context(shape),
    width: shape.width,
  });
  /** A head of a configuration, from what all heads know. */
  const from =
    <H>(make: (known: Around, shape: S, config: z.output<Z>) => H) =>
    (config: z.output<Z>): H => {
      const shape = shapeOf(config);
      return make(around(shape), shape, config);
    };
  return architecture({
    ...rest,
    spellings: { num_labels: labelCount, ...spellings },
    files: { prefix, bare, ignore: either(bare, ignore), renamed },
    heads: {
      masked: from((known, shape) => masked(known, tops.masked(shape))),
      classes: from((known, shape, config) => classes(known, (K) => tops.classes(shape, K), classCount(config))),
      tags: from((known, shape, config) => tags(known, (K) => tops.tags(shape, K), classCount(config))),
      spans: from((known, shape) => spans(known, tops.spans(shape))),
      sentence: from(sentence),
    },
  });
}
