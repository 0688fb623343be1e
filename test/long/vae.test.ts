/** Binary MNIST, where DESCENT_DATA holds it, beside what the same network reached in PyTorch (bench/vae-torch.py). */
import { expect, test } from "vitest";
import type { Imager } from "../../src/tasks/reconstruct/imager.ts";
import { type TrainOptions, train } from "../../src/tasks/train.ts";

/** PyTorch's ELBO of the last 2,000 digits after 2000 steps of 100: seeds 0, 1 and 2. */
const PYTORCH = [-100.196, -100.428, -100.574];
const HELD_OUT = 2000;

/** The likelihood of the digits that were held out, by importance sampling, and the scores of the training. */
async function trained(dataDir: string, more: Partial<TrainOptions<"reconstruct">>) {
  const data = `${dataDir}/mnist`;
  const given = { task: "reconstruct", data, heldOut: "last", steps: 2000, threads: 2, ...more } as const;
  const history = await train("vae", given as TrainOptions<"reconstruct">);
  const model: Imager = await history.open();
  const unseen = (await model.pictures(data)).slice(-HELD_OUT);
  const nats = await model.importance(unseen, 200);
  await model.release();
  return { ...history.scores, nll: nats.reduce((sum, value) => sum + value / HELD_OUT, 0) } as Record<string, number>;
}

test("the ELBO is PyTorch's, below the likelihood, and the importance-weighted bound makes that higher", async ({
  skip,
}) => {
  const dataDir = process.env.DESCENT_DATA;
  if (!dataDir) return skip("set DESCENT_DATA to a folder with mnist/train20k-images-idx3-ubyte.gz");
  const runs = [];
  for (const seed of [0, 1, 2]) runs.push(await trained(dataDir, { seed }));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const expected = mean(PYTORCH);
  expect(Math.abs(mean(runs.map(({ elbo = 0 }) => elbo)) - expected)).toBeLessThan(0.01 * Math.abs(expected));
  for (const { elbo = 0, nll = 0, active } of runs) {
    expect(elbo).toBeLessThan(-nll);
    expect(active).toBe(16);
  }
  const weighted = await trained(dataDir, { objective: "iwae", samples: 5 });
  expect(weighted.nll).toBeLessThan(mean(runs.map(({ nll = 0 }) => nll)));
});
