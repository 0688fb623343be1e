/**
 * What a block does with each token by itself.
 *
 * B batch · T tokens · C width · I width inside · E experts
 */
import { activations, module, normalInit } from "../../nn/index.ts";
import { parameter, type Tensor } from "../../tensor/index.ts";
import { Projection } from "./attention.ts";
import type { Experts, Shape } from "./shape.ts";

/** x [.., C] -> [.., C]: W₃(f(W₁x) ∘ W₂x), SwiGLU where f is SiLU. Shazeer 2020, arXiv 2002.05202. */
const GatedMLP = (shape: Shape) => {
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

/** The same with W₁ above W₂ in one matrix. */
const FusedMLP = (shape: Shape) => {
  const { width: C, inner: I, bias } = shape;
  const activate = activations[shape.activation];
  return module(
    "FusedMLP",
    { gate_up_proj: Projection(C, 2 * I, bias.mlp, shape), down_proj: Projection(I, C, bias.mlp, shape) },
    ({ gate_up_proj, down_proj }, x: Tensor) => {
      const [gate, up] = gate_up_proj(x).chunk(2);
      return down_proj(activate(gate).mul(up));
    },
  );
};

/** Where a layer sent each token. */
export interface Routed {
  /** How likely each expert was: [B, T, E]. */
  readonly probabilities: Tensor;
  /** 1 for those that were chosen, 0 for the others: [B, T, E]. */
  readonly chosen: Tensor;
}

/**
 * E·Σₑ fₑ·pₑ, fₑ the part of tokens that were sent to expert e, pₑ its mean probability, over all layers: smallest where
 * all are equally busy. Fedus et al. 2021, arXiv 2101.03961, equations 4 to 6.
 */
export function balance(routed: readonly Routed[]): Tensor {
  const mean = (of: keyof Routed): Tensor => {
    const [first, ...rest] = routed.map((layer) => layer[of].mean([0, 1])); // [E]
    if (!first) throw new Error("internal: no layer has experts");
    return rest.reduce((sum, next) => sum.add(next), first).div(routed.length);
  };
  const share = mean("chosen");
  return share
    .mul(mean("probabilities"))
    .sum()
    .mul(Number(share.dim(0)));
}

/** x [B, T, C] -> [B, E, T, C]: what each of E gated MLPs makes of every token. */
const ExpertMLPs = (shape: Shape, E: number) => {
  const { width: C, inner: I, deviation } = shape;
  const activate = activations[shape.activation];
  const matrices = (rows: number, columns: number) => parameter([E, rows, columns], normalInit(deviation));
  return module(
    "ExpertMLPs",
    { w1: matrices(I, C), w2: matrices(C, I), w3: matrices(I, C) },
    ({ w1, w2, w3 }, x: Tensor) => {
      const tokens = x.unsqueeze(1); // [B, 1, T, C]
      const gate = activate(tokens.matmul(w1, { transB: true })); // [B, E, T, I]
      return gate.mul(tokens.matmul(w3, { transB: true })).matmul(w2, { transB: true });
    },
  );
};

/**
 * x [B, T, C] -> [B, T, C]: of E gated MLPs the likeliest few, weighted by their probabilities, which are made to sum to 1
 * (Jiang et al. 2024, arXiv 2401.04088). All experts see all tokens; what was not chosen has weight 0.
 */
const MixtureOfExperts = (shape: Shape, { count: E, chosen: K }: Experts) =>
  module(
    "MixtureOfExperts",
    { gate: Projection(shape.width, E, false, shape), experts: ExpertMLPs(shape, E) },
    ({ gate, experts }, x: Tensor, routed?: Routed[]) => {
      const probabilities = gate(x).softmax(); // [B, T, E]
      const [top, places] = probabilities.topK(K); // 2 × [B, T, K]
      const put = places.oneHot(E); // [B, T, K, E]
      routed?.push({ probabilities, chosen: put.sum(2) });
      const weights = top.div(top.sum(-1, true)).unsqueeze(-1).mul(put).sum(2); // [B, T, E]
      return experts(x)
        .mul(weights.transpose([0, 2, 1]).unsqueeze(-1))
        .sum(1);
    },
  );

/** x [B, T, C] -> [B, T, C], as the shape says; a mixture of experts tells `routed` where it sent the tokens. */
export const makeMLP = (shape: Shape) => {
  if (shape.experts) return MixtureOfExperts(shape, shape.experts);
  return shape.fused ? FusedMLP(shape) : GatedMLP(shape);
};
