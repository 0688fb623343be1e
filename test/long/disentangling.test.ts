/** The experiment as people run it, over three seeds; the short version is in test/experiments. */
import { expect, test } from "vitest";
import { runExperiment } from "../../src/experiments/index.ts";

test("a β-TCVAE keeps factors of drawn digits in latents of their own; a VAE and a β-VAE do so half as well", async () => {
  const { table } = await runExperiment("disentangling");
  const [vae, beta, tc] = table.map(({ MIG }) => Number(MIG)); // measured: 0.134, 0.151 and 0.277
  expect(tc).toBeGreaterThan(0.22);
  expect(vae).toBeLessThan(0.2);
  expect(beta).toBeLessThan(0.2);
});
