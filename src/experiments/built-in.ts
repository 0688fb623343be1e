/** The experiments that come with the library, in the order in which they are listed. */
import { addingProblem } from "./adding-problem.ts";
import { aeVsVae } from "./ae-vs-vae.ts";
import { beta } from "./beta.ts";
import { bottleneck } from "./bottleneck.ts";
import { copyMemory } from "./copy-memory.ts";
import { disentangling } from "./disentangling.ts";
import type { Experiment } from "./experiment.ts";
import { explodingGradient } from "./exploding-gradient.ts";
import { latentSize } from "./latent-size.ts";
import { lstmVsGru } from "./lstm-vs-gru.ts";
import { overfitting } from "./overfitting.ts";
import { posteriorCollapse } from "./posterior-collapse.ts";
import { sequentialCost } from "./sequential-cost.ts";
import { vanishingGradient } from "./vanishing-gradient.ts";

export const builtIn = [
  vanishingGradient,
  explodingGradient,
  addingProblem,
  copyMemory,
  lstmVsGru,
  overfitting,
  sequentialCost,
  bottleneck,
  posteriorCollapse,
  disentangling,
  beta,
  latentSize,
  aeVsVae,
] as unknown as readonly Experiment[];
