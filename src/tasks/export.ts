/** Runs as ONNX models for other programs: the forward pass with its weights, or the whole training step. */
import type { Store } from "../checkpoint/index.ts";
import { CheckpointError, ConfigError } from "../errors.ts";
import { asStore } from "../files/index.ts";
import { namedBuffers, namedParameters, namedState } from "../nn/index.ts";
import { lower, type OnnxModel } from "../onnx/index.ts";
import { inputsOf } from "../tensor/index.ts";
import { fixSizes, traceStep } from "../train/index.ts";
import { carriedBuffers } from "./carried.ts";
import { describe, loadModel } from "./open.ts";
import { stepOptions } from "./plan.ts";
import { parseRecord } from "./record.ts";

/** A protobuf message ends at 2 GB; some room is for the graph. */
const MOST_BYTES = 2 ** 31 - 2 ** 24;

/** The model's inputs -> its outputs, the run's last weights inside. Named sizes, such as the batch B, are free. */
export async function exportForward(place: Store | string): Promise<OnnxModel> {
  const { model, values } = await loadModel(place);
  const bytes = Object.values(values).reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes > MOST_BYTES)
    throw new ConfigError(`export: expected weights of at most ${MOST_BYTES} bytes in one .onnx file, got ${bytes}`);
  const inputs = inputsOf(model.inputs);
  return lower({ ...inputs, ...namedState(model.parts) }, model.forward(inputs as never), values);
}

/**
 * One step as the run was trained: forward, backward, clipping and update. Where gradients were accumulated, the batch
 * is all micro-batches together, which gives the same step.
 *
 *   <batch>                             what the task feeds, such as ids and targets [B, T]; sizes are those of the run
 *   <weight>                            in; out again as <weight>.next
 *   carried.<name>                      what goes from batch to batch, zero at first; out again with .next
 *   optimizer.<slot>.<weight>           what the optimizer remembers, zero at first; out again with .next
 *   scalar.<name>                       `scalars(step, lr)` of the optimizer, in src/optim
 *   scheduled.<name>                    scalars that the loss reads, such as the weight of a term at that step
 *   noise.<i>                           dropout: uniform numbers from 0 to 1, fresh in every step
 *   loss, gradNorm                      out: the loss, and the norm of all gradients before clipping
 */
export async function exportTraining(place: Store | string): Promise<OnnxModel> {
  const store = asStore(place);
  const { problem, model } = await describe(store);
  const trainer = await store.loadTrainer();
  if (!trainer)
    throw new CheckpointError(
      `export ${store.where}: expected a run with its training state, got none there; give the folder of a training`,
    );
  const { settings, sizes } = parseRecord(trainer, store.where);
  if (problem.carried && settings.accumulate > 1)
    throw new ConfigError(
      `export: a step of ${settings.accumulate} batches that follow each other is no single graph; train with accumulate 1`,
    );
  const options = stepOptions({
    problem,
    model,
    parameters: namedParameters(model.parts),
    buffers: namedBuffers(model.parts),
    carried: carriedBuffers(problem, model, settings.batch),
    settings: { ...settings, accumulate: 1 },
  });
  const batch = fixSizes(options.batch, { ...sizes, B: settings.batch * settings.accumulate });
  const { inputs, outputs } = traceStep({ ...options, batch });
  return lower(inputs, outputs);
}
