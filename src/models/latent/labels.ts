/** Labels beside features: one-hot, as in conditional autoencoders (Sohn et al. 2015). B rows · F features · K classes */
import { ConfigError } from "../../errors.ts";
import type { Tensor } from "../../tensor/index.ts";

/** x [B, F], and labels [B] where there are classes -> [B, F + K]. Throws ConfigError where labels are missing or not meant. */
export function besideLabels(what: string, x: Tensor, labels: Tensor | undefined, classes: number): Tensor {
  if (classes === 0 && labels)
    throw new ConfigError(`${what}: the model is not conditional and takes no labels; leave them out`);
  if (classes === 0) return x;
  if (!labels) throw new ConfigError(`${what}: the model is conditional on ${classes} classes; give labels [B]`);
  return x.concat([labels.oneHot(classes, x.dtype === "f64" ? "f64" : "f32")], 1);
}
