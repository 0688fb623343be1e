/**
 * What is made of an encoder's hidden states, whatever the parts are called.
 *
 * B batch · T tokens · C width · V vocabulary · K classes or tags
 */
import { meanOf } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { guarded } from "../guarded.ts";
import { type ClassesModel, classesInputs, type TagsModel } from "../heads.ts";
import { type MaskedModel, type SentenceModel, type SpansModel, segmentedInputs } from "./head.ts";
import { firstOf, type Tokens } from "./parts.ts";

/** The body of an encoder: tokens -> hidden states [B, T, C]. */
export type Body = (tokens: Tokens) => Tensor;

/** What all heads know of the body. */
export interface Around {
  /** What makes it new, once for each model. */
  readonly body: () => Body;
  /** The path of the parameter that holds a row for each token. */
  readonly tokens: string;
  /** V. */
  readonly vocabulary: number;
  /** Tokens it sees together. */
  readonly context: number;
  /** C. */
  readonly width: number;
}

/** hidden states [B, T, C] and lengths [B] -> what a head gives; its parts are the checkpoint's. */
export type Top = (x: Tensor, lengths: Tensor) => Tensor;
/** hidden states [B, T, C] and the embedding [V, C] -> logits [B, T, V]. */
export type MaskedTop = (x: Tensor, table: Tensor) => Tensor;

/** The parts of body and head side by side, and what the models of a head have in common. */
const parted = ({ tokens, vocabulary, context }: Around, body: Body, top: object) => ({
  parts: { ...body, ...top },
  head: Object.keys(top),
  tokens,
  vocabulary,
  context,
});

/** The tensor at a path of a module. */
const at = (parts: object, path: string): Tensor =>
  path.split(".").reduce<object>((part, key) => (part as Record<string, object>)[key] as object, parts) as Tensor;

export function masked(around: Around, top: MaskedTop): MaskedModel {
  const body = around.body();
  const own = parted(around, body, top);
  const table = at(own.parts, around.tokens);
  return guarded<"ids" | "lengths", MaskedModel>({
    ...own,
    inputs: classesInputs,
    forward: (tokens) => ({ logits: top(body(tokens), table) }),
  });
}

export function classes(around: Around, make: (count: number) => Top, count: number): ClassesModel {
  const [body, top] = [around.body(), make(count)];
  return guarded<"ids" | "lengths", ClassesModel>({
    ...parted(around, body, top),
    inputs: classesInputs,
    classes: count,
    forward: (tokens) => ({ logits: top(body(tokens), tokens.lengths) }),
  });
}

export function tags(around: Around, make: (count: number) => Top, count: number): TagsModel {
  const [body, top] = [around.body(), make(count)];
  return guarded<"ids" | "lengths", TagsModel>({
    ...parted(around, body, top),
    inputs: classesInputs,
    tags: count,
    characters: undefined,
    chain: undefined,
    forward: ({ ids, lengths }) => ({ logits: top(body({ ids, lengths }), lengths) }),
  });
}

export function spans(around: Around, top: Top): SpansModel {
  const body = around.body();
  return guarded<"ids" | "lengths" | "segments", SpansModel>({
    ...parted(around, body, top),
    inputs: segmentedInputs,
    forward(tokens) {
      const [start, end] = top(body(tokens), tokens.lengths).unstack(2, -1) as [Tensor, Tensor]; // 2 × [B, T]
      return { start, end };
    },
  });
}

/** No parts but the body's. */
export function sentence(around: Around): SentenceModel {
  const body = around.body();
  return guarded<"ids" | "lengths", SentenceModel>({
    ...parted(around, body, {}),
    inputs: classesInputs,
    width: around.width,
    forward(tokens) {
      const x = body(tokens);
      return { mean: meanOf(x, tokens.lengths), first: firstOf(x) };
    },
  });
}
