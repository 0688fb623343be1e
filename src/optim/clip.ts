/** Gradient clipping by the norm of all gradients together. Pascanu et al. 2013, arXiv 1211.5063. */
import type { Tensor } from "../tensor/index.ts";

/** √Σ‖g‖² over all gradients; in f64 if one of them is. */
export function globalNorm(gradients: readonly Tensor[]): Tensor {
  const dtype = gradients.find((g) => g.dtype === "f64")?.dtype ?? "f32";
  const [first, ...rest] = gradients.map((g) => g.sumSquares().cast(dtype));
  if (!first) throw new Error("internal: no gradients to take the norm of");
  return rest.reduce((sum, square) => sum.add(square), first).sqrt();
}

/** All gradients times min(1, limit/(norm + 1e-6)), as torch.nn.utils.clip_grad_norm_ has it. */
export function clipByNorm(gradients: readonly Tensor[], norm: Tensor, limit: number): Tensor[] {
  const factor = norm.add(1e-6).pow(-1).mul(limit).minimum(1);
  return gradients.map((g) => g.mul(factor.cast(g.dtype)));
}
