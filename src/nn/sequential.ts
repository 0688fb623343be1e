/** Layers one after the other, and the change of shape that stands between convolutions and a classifier. */
import { sizeOf, type Tensor } from "../tensor/index.ts";
import { module } from "./module.ts";

/** A layer of one tensor. */
export type Transform = (x: Tensor) => Tensor;

/** Applies its layers in turn; the parts of the first are called "0.weight" and so on, as in torch.nn.Sequential. */
export const Sequential = (...layers: readonly Transform[]) =>
  module("Sequential", Object.fromEntries(layers.entries()), (_, x: Tensor) =>
    layers.reduce((y, layer) => layer(y), x),
  );

/** Axes `from` to `to` as one; without numbers, x [N, ..] -> [N, everything else]. */
export const Flatten = (from = 1, to = -1) =>
  module("Flatten", {}, (_, x: Tensor) => {
    const end = to < 0 ? to + x.rank : to;
    return x.reshape([...x.shape.slice(0, from), sizeOf(x.shape.slice(from, end + 1)), ...x.shape.slice(end + 1)]);
  });
