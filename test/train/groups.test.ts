/** Parameter groups against torch's: `groups` of `test/fixtures/optim.json`. */
import { describe, expect, test } from "vitest";
import { adam, adamW, type Optimizer, sgd } from "../../src/optim/index.ts";
import { parameter, type Tensor } from "../../src/tensor/index.ts";
import { createStep } from "../../src/train/index.ts";
import fixture from "../fixtures/optim.json" with { type: "json" };
import { host, requireClose } from "../support/numbers.ts";
import { optimizer as tolerance } from "../tolerances.ts";

const zero = (out: Float32Array | Float64Array) => void out.fill(0);
type After = Readonly<Record<string, Readonly<Record<"body" | "head" | "scale", number[]>>>>;
const lines = fixture.groups as unknown as readonly {
  readonly optimizer: string;
  readonly options: { readonly lr: number; readonly weight_decay: number };
  readonly factor: number;
  readonly after: After;
}[];

const optimizers: Readonly<Record<string, (weightDecay: number) => Optimizer>> = {
  sgd: (weightDecay) => sgd({ momentum: 0.9, weightDecay }),
  adam: (weightDecay) => adam({ weightDecay }),
  adamw: (weightDecay) => adamW({ weightDecay }),
};

/** Σ body·g + 2 head·g - scale·g over g [1, 5], whose gradients are g, 2g and -g. */
function step(optimizer: Optimizer, factor: number) {
  const [body, head, scale] = [1, 2, 3].map(() => parameter([1, 5], zero)) as [Tensor, Tensor, Tensor];
  const start = Object.fromEntries(["body", "head", "scale"].map((name) => [name, host(fixture.start, [1, 5])]));
  return createStep(
    {
      parameters: { body, head, scale },
      batch: { g: { shape: [1, 5], dtype: "f32" } },
      loss: ({ g }) => body.add(head.mul(2)).sub(scale).mul(g).sum(),
      optimizer,
      groups: [
        { match: /^head$/, rate: factor },
        { match: /^scale$/, decay: false },
      ],
    },
    { weights: start },
  );
}

describe("learning-rate factor and weight decay by group", () => {
  test.each(lines.map((line) => [line.optimizer, line] as const))("%s", async (name, { options, factor, after }) => {
    const training = await step(optimizers[name]?.(options.weight_decay) ?? sgd(), factor);
    for (const [i, gradient] of fixture.gradients.entries()) {
      await training.run([{ g: host(gradient, [1, 5]) }], { step: i + 1, lr: options.lr, seed: 0 });
      for (const [part, value] of Object.entries(after[i + 1] ?? {}))
        requireClose(`${part} after step ${i + 1}`, training.weights[part], host(value, [1, 5]), tolerance);
    }
    expect(Object.keys(after)).toHaveLength(3);
  });
});
