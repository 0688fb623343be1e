/** Layers one after the other, and the change of shape that stands between convolutions and a classifier. */
import { ConfigError, ShapeError, shown } from "../errors.ts";
import { formatShape, sizeOf, type Tensor } from "../tensor/index.ts";
import { requireNumbers } from "./arguments.ts";
import { tensorLayer } from "./module.ts";

/** A layer of one tensor. */
export type Transform = (x: Tensor) => Tensor;

/** Applies its layers in turn; the parts of the first are called "0.weight" and so on, as in torch.nn.Sequential. */
export const Sequential = (...layers: readonly Transform[]) => {
  const stray = layers.findIndex((layer) => typeof layer !== "function");
  if (stray >= 0)
    throw new ConfigError(
      `Sequential: expected layers, got ${shown(layers[stray])}; write Sequential(Linear(3, 2), ReLU())`,
    );
  return tensorLayer("Sequential", Object.fromEntries(layers.entries()), (_, x: Tensor) =>
    layers.reduce((y, layer) => layer(y), x),
  );
};

/** Axes `from` to `to` as one; without numbers, x [N, ..] -> [N, everything else]. Throws ShapeError where they are not there. */
export const Flatten = (from = 1, to = -1) => {
  requireNumbers("Flatten", { from, to });
  return tensorLayer("Flatten", {}, (_, x: Tensor) => {
    const end = to < 0 ? to + x.rank : to;
    if (![from, end].every((axis) => Number.isInteger(axis) && axis >= 0 && axis < x.rank) || from > end)
      throw new ShapeError(
        `Flatten: ${formatShape(x.shape)} has no axes ${from} to ${to}; name two of its axes, the first one from the front`,
      );
    return x.reshape([...x.shape.slice(0, from), sizeOf(x.shape.slice(from, end + 1)), ...x.shape.slice(end + 1)]);
  });
};
