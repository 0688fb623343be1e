/** Models that are refused what is no tensor, before their own code meets it. */
import { requireRecord } from "../schema.ts";
import { requireTensor, type Tensor } from "../tensor/index.ts";
import type { Carried, CausalModel, EncoderDecoderModel, Model } from "./heads.ts";

/** Throws ConfigError for what is no record, DTypeError unless it has a tensor for each of `names`. */
export function requireTensors(what: string, names: readonly string[], given: Carried): Carried {
  requireRecord(given, what);
  for (const name of names) requireTensor(`${what}: ${name}`, given[name]);
  return given;
}

/** `own`, a record, whose graph is refused inputs that are no tensors. */
export const guarded = <I extends string, M extends Model<I>>(own: M & Model<I>): M => ({
  ...own,
  forward(inputs: Readonly<Record<I, Tensor>>) {
    requireTensors("forward", Object.keys(own.inputs), inputs);
    return own.forward(inputs);
  },
});

/** The same of a causal model, which is refused what is no state. */
export function guardedCausal(own: CausalModel): CausalModel {
  const stateFor = (what: string, carried: Carried) => requireTensors(what, Object.keys(own.carried), carried);
  const { follow } = own;
  return {
    ...guarded<"ids", CausalModel>(own),
    step(piece, carried) {
      requireTensors("step", ["ids", "lengths", "past"], { ...piece });
      return own.step(piece, stateFor("step", carried));
    },
    ...(follow && {
      follow(ids: Tensor, carried: Carried, truncate?: number) {
        requireTensor("follow: ids", ids);
        return follow(ids, stateFor("follow", carried), truncate);
      },
    }),
  };
}

/** The same of an encoder-decoder. */
export const guardedEncoderDecoder = (own: EncoderDecoderModel): EncoderDecoderModel => ({
  ...guarded<"source" | "sourceLengths" | "target", EncoderDecoderModel>(own),
  encode(source, lengths) {
    requireTensors("encode", ["source", "lengths"], { source, lengths });
    return own.encode(source, lengths);
  },
  step(ids, memory, carried) {
    requireTensors("step", ["ids"], { ids });
    requireTensors("step", Object.keys(own.memory), memory);
    return own.step(ids, memory, requireTensors("step", Object.keys(own.carried), carried));
  },
});
