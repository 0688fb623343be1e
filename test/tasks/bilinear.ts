/** An architecture as one file: y = x1ᵀ W x2 + b of two vectors, for number pairs of width 1. */
import { z } from "zod";
import { architecture, type Model } from "../../src/models/index.ts";
import { constantInit, module, normalInit } from "../../src/nn/index.ts";
import { whole } from "../../src/schema.ts";
import { parameter, type Tensor } from "../../src/tensor/index.ts";

/** x1 [B, N] and x2 [B, N] -> y [B]. */
export interface PairsModel extends Model<"x1" | "x2", "y"> {
  readonly width: number;
}

declare module "../../src/models/heads.ts" {
  interface Heads {
    pairs: PairsModel;
  }
}

const Bilinear = (N: number) =>
  module(
    "Bilinear",
    { weight: parameter([N, N], normalInit(0.1)), bias: parameter([], constantInit(0)) },
    ({ weight, bias }, x1: Tensor, x2: Tensor) => x1.matmul(weight).mul(x2).sum(-1).add(bias),
  );

export const bilinear = architecture({
  modelType: "bilinear",
  about: "a bilinear form of two vectors",
  config: z.strictObject({ width: whole(1, 4096).describe("numbers in each vector") }),
  files: { prefix: "form." },
  heads: {
    pairs({ width }): PairsModel {
      const form = Bilinear(width);
      const spec = { shape: ["B", width], dtype: "f32" } as const;
      return {
        parts: form,
        width,
        inputs: { x1: spec, x2: spec },
        forward: ({ x1, x2 }) => ({ y: form(x1, x2) }),
      };
    },
  },
});
