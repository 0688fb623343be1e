/** A row of the table for every id. */
import { parameter, type Tensor } from "../tensor/index.ts";
import { normalInit } from "./init.ts";
import { module } from "./module.ts";

/** ids [..] -> [.., C], weight [V, C]. Starts normal with the given deviation, 1 as in torch.nn.Embedding. */
export const Embedding = (V: number, C: number, deviation = 1) =>
  module("Embedding", { weight: parameter([V, C], normalInit(deviation)) }, ({ weight }, ids: Tensor) =>
    weight.gather(ids),
  );
