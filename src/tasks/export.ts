/** Language models as ONNX models for other programs: the forward pass with its weights, or the whole training step. */
import { fromFile, type Store } from "../checkpoint/index.ts";
import { ConfigError } from "../errors.ts";
import { namedParameters } from "../nn/index.ts";
import { lower, type OnnxModel } from "../onnx/index.ts";
import { input } from "../tensor/index.ts";
import { traceStep } from "../train/index.ts";
import { modelOf, stepOptions } from "./language.ts";
import { parseRecord } from "./record.ts";

/** A protobuf message ends at 2 GB; some room is for the graph. */
const MOST_BYTES = 2 ** 31 - 2 ** 24;

/** ids [B, T] -> logits [B, T, V], the run's last weights inside. B and T are free; T is at most the model's context. */
export async function exportForward(store: Store): Promise<OnnxModel> {
  const { architecture, model } = await modelOf((await store.loadDescription()).config);
  const weights = namedParameters(model.parts);
  const values = fromFile(await store.loadWeights(), weights, architecture.checkpoint);
  const bytes = Object.values(values).reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes > MOST_BYTES)
    throw new ConfigError(`export: expected weights of at most ${MOST_BYTES} bytes in one .onnx file, got ${bytes}`);
  const ids = input("ids", ["B", "T"], "i32");
  return lower({ ids, ...weights }, { logits: model.forward(ids) }, values);
}

/**
 * One step as the run was trained: forward, backward, clipping and update. Where gradients were accumulated, the batch
 * is all micro-batches together, which gives the same step.
 *
 *   ids, targets [B, T]                 tokens and the tokens that follow them
 *   <weight>                            in; out again as <weight>.next
 *   optimizer.<slot>.<weight>           what the optimizer remembers, zero at first; out again with .next
 *   scalar.<name>                       `scalars(step, lr)` of the optimizer, in src/optim
 *   noise.<i>                           dropout: uniform numbers from 0 to 1, fresh in every step
 *   loss, gradNorm                      out: nats per token, and the norm of all gradients before clipping
 */
export async function exportTraining(store: Store): Promise<OnnxModel> {
  const { settings } = parseRecord((await store.loadState()).trainer, store.where);
  const { model } = await modelOf((await store.loadDescription()).config);
  const weights = namedParameters(model.parts);
  const whole = { ...settings, batch: settings.batch * settings.accumulate, accumulate: 1 };
  const { inputs, outputs } = traceStep(stepOptions({ model, weights, settings: whole }));
  return lower(inputs, outputs);
}
