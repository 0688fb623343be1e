/** What a block does with each token by itself. */
import { activations, module } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { Projection } from "./attention.ts";
import type { Shape } from "./shape.ts";

/** x [.., C] -> [.., C]: W₃(f(W₁x) ∘ W₂x), SwiGLU where f is SiLU. Shazeer 2020, arXiv 2002.05202. */
export const GatedMLP = (shape: Shape) => {
  const { width: C, inner: I, bias } = shape;
  const activate = activations[shape.activation];
  return module(
    "GatedMLP",
    {
      gate_proj: Projection(C, I, bias.mlp, shape),
      up_proj: Projection(C, I, bias.mlp, shape),
      down_proj: Projection(I, C, bias.mlp, shape),
    },
    ({ gate_proj, up_proj, down_proj }, x: Tensor) => down_proj(activate(gate_proj(x)).mul(up_proj(x))),
  );
};
