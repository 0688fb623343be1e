/** Where a graph begins: what is fed, what is learnt, what is drawn at random, what is fixed. */
import type { HostArray } from "../../tensor/dtype.ts";
import type { Spec } from "../node.ts";
import type { Op } from "../op.ts";

/** Fills `out` with the initial values of a parameter or buffer. `draw` gives random numbers of the parameter's own stream. */
export type Initializer = (out: Float32Array | Float64Array, shape: readonly number[], draw: Draw) => void;

/** The two distributions that everything random is made of. */
export interface Draw {
  fillUniform(out: Float32Array | Float64Array): void;
  fillNormal(out: Float32Array | Float64Array): void;
}

const leaf = <A extends { readonly spec: Spec }>(): Op<A> => ({
  shape: (_, { spec }) => [spec],
  grad: "stop",
  onnx: () => {
    throw new Error("internal: a leaf is an input of the graph and is not lowered");
  },
});

export const leafOps = {
  input: leaf<{ spec: Spec; name: string }>(),
  parameter: leaf<{ spec: Spec; init: Initializer }>(),
  /** What a model carries from step to step without a gradient. */
  buffer: leaf<{ spec: Spec; init: Initializer }>(),
  /** Numbers that the host draws anew for every run: uniform in [0, 1), or standard normal. */
  noise: leaf<{ spec: Spec; distribution: "uniform" | "normal" }>(),
  constant: {
    shape: (_, { spec }) => [spec],
    grad: "stop",
    onnx: ({ attrs: { data, spec }, constant }) => [constant(data, spec.dtype, spec.shape as number[])],
  } satisfies Op<{ spec: Spec; data: HostArray }>,
};
