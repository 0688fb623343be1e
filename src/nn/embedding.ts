/** A row of the table for every id. */
import { ConfigError } from "../errors.ts";
import type { Initializer } from "../graph/index.ts";
import { parameter, type Tensor } from "../tensor/index.ts";
import { requireNumbers, requireOptions, requireSizes } from "./arguments.ts";
import { normalInit } from "./init.ts";
import { tensorLayer } from "./module.ts";

/** An id that stands for nothing. */
export interface EmbeddingOptions {
  /** Its row starts at zero and gets no gradient, as `padding_idx` of torch.nn.Embedding. */
  readonly padding?: number;
}

const withoutRow =
  (init: Initializer, row: number): Initializer =>
  (out, shape, draw) => {
    init(out, shape, draw);
    const width = shape[1] ?? 0;
    out.fill(0, row * width, (row + 1) * width);
  };

/**
 * ids [..] -> [.., C], weight [V, C]. Starts normal with the given deviation, 1 as in torch.nn.Embedding. Throws
 * ConfigError where the id of padding is not below V.
 */
export const Embedding = (V: number, C: number, deviation = 1, options: EmbeddingOptions = {}) => {
  requireSizes("Embedding", { V, C });
  requireNumbers("Embedding", { deviation });
  requireOptions("Embedding", options, { padding: "number" });
  const { padding } = options;
  if (padding !== undefined && !(Number.isInteger(padding) && padding >= 0 && padding < V))
    throw new ConfigError(`Embedding: expected padding to be an id below ${V}, got ${padding}; choose one of the ids`);
  const init = normalInit(deviation);
  return tensorLayer(
    "Embedding",
    { weight: parameter([V, C], padding === undefined ? init : withoutRow(init, padding)) },
    ({ weight }, ids: Tensor) => {
      const rows = weight.gather(ids);
      return padding === undefined ? rows : ids.equal(padding).unsqueeze(-1).where(rows.stopGradient(), rows);
    },
  );
};
