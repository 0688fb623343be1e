/** Gradient clipping by the norm of all gradients together. Pascanu et al. 2013, arXiv 1211.5063. */
import type { Tensor } from "../tensor/index.ts";

/**
 * √Σ‖g‖² over all gradients; in f64 if one of them is. They are added in the order in which they were recorded, which
 * is backwards through the model: the engine computes what a sum reads in the order of the sum, and gives back what a
 * layer needed before it goes on to the layer below.
 */
export function globalNorm(gradients: readonly Tensor[]): Tensor {
  const dtype = gradients.find((g) => g.dtype === "f64")?.dtype ?? "f32";
  const recorded = [...gradients].sort((a, b) => a.node.id - b.node.id);
  const [first, ...rest] = recorded.map((g) => g.sumSquares().cast(dtype));
  if (!first) throw new Error("internal: no gradients to take the norm of");
  return rest.reduce((sum, square) => sum.add(square), first).sqrt();
}

/** All gradients times min(1, limit/(norm + 1e-6)), as torch.nn.utils.clip_grad_norm_ has it. */
export function clipByNorm(gradients: readonly Tensor[], norm: Tensor, limit: number): Tensor[] {
  const factor = norm.add(1e-6).pow(-1).mul(limit).minimum(1);
  return gradients.map((g) => g.mul(factor.cast(g.dtype)));
}
