/** A block that is computed anew in the backward pass instead of being kept for it. Inlined before lowering. */
import type { Tensor } from "../../tensor/tensor.ts";
import type { Body } from "../node.ts";
import type { Op } from "../op.ts";

export interface Block {
  /** Inputs are the block's arguments, then what it captured. */
  readonly body: Body;
  readonly arguments: number;
}

export const recomputeOps = {
  recompute: {
    shape: (_, { body }) => body.outputs,
    // Arguments are held back until the gradient is there, so the runtime cannot run the second forward pass early;
    // in a block without any, what it captured, save for leaves.
    grad: ({ grads, inputs, attrs: { body, arguments: count }, needs, tools }) => {
      const given = grads.find((g) => g !== undefined);
      if (!given) return [];
      const waits = (input: Tensor, i: number) => i < count || (count === 0 && input.node.inputs.length > 0);
      const again = inputs.map((input, i) =>
        waits(input, i) ? (tools.record("barrier", [input, given], {})[0] ?? input) : input,
      );
      const outputs = tools.substitute(
        body.outputs,
        new Map(body.inputs.map((inner, i) => [inner, again[i] ?? inner])),
      );
      const wrt = again.filter((_, i) => needs(i));
      const found = tools.cotangents(outputs, grads, wrt, { stop: new Set(again) });
      return again.map((input) => found.get(input));
    },
    onnx: () => {
      throw new Error("internal: recomputed blocks are inlined before lowering");
    },
  } satisfies Op<Block>,
};
