/**
 * Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000) as a language model
 * and a classifier.
 *
 *   i = σ(W_ii x + b_ii + W_hi h + b_hi)      what to write        c' = f ∘ c + i ∘ g
 *   f = σ(W_if x + b_if + W_hf h + b_hf)      what to keep         h' = o ∘ tanh(c')
 *   g = tanh(W_ig x + b_ig + W_hg h + b_hg)   the candidate
 *   o = σ(W_io x + b_io + W_ho h + b_ho)      what to show
 *
 * Reference: torch.nn.LSTM.
 */
import { z } from "zod";
import { LSTM, type LSTMState } from "../nn/index.ts";
import { probability, real, whole } from "../schema.ts";
import type { Tensor } from "../tensor/index.ts";
import { cellOptions, gated, recurrent } from "./recurrent/index.ts";

/** Parameters are called as torch.nn.LSTM calls them. */
export const lstm = recurrent({
  modelType: "lstm",
  about: "long short-term memory (Hochreiter & Schmidhuber 1997)",
  keys: {
    ...gated,
    proj_size: whole(0, 65535).optional().describe("width of h after a projection (default: 0, none)"),
    forget_bias: real(-100, 100).optional().describe("added to the forget gate's sum (default: 0)"),
    peepholes: z.boolean().optional().describe("gates see the cell"),
    cell_zoneout: probability().optional().describe("probability that an element of c stays"),
  },
  layers: (I, config) =>
    LSTM(I, config.hidden_size, {
      ...cellOptions(config),
      ...(config.proj_size ? { projection: config.proj_size } : {}),
      recurrentActivation: config.recurrent_activation ?? "sigmoid",
      forgetBias: config.forget_bias ?? 0,
      peepholes: config.peepholes ?? false,
      cellZoneout: config.cell_zoneout ?? 0,
    }),
  names: ["h", "c"],
  toRecord: (state: LSTMState) => state,
  fromRecord: (tensors) => tensors as { h: Tensor; c: Tensor },
});
