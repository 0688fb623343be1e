/** What a run keeps while it is trained: state, weights, log and curves. */
import { type Json, type Store, toFile } from "../checkpoint/index.ts";
import { curves } from "../pictures/index.ts";
import type { RunOptions } from "../runtime/index.ts";
import type { Best, History, Scores, Stepper, TrainingEvent } from "../train/index.ts";
import { type Plan, valuesOf } from "./plan.ts";
import { named, type TrainerRecord } from "./record.ts";
import type { Pictures, Task } from "./task.ts";

function recordOf(plan: Plan, run: RunOptions, step: number, best: Best | undefined): TrainerRecord {
  const { architecture, task, settings, data, sources, sizes } = plan;
  return {
    version: 2,
    step,
    best: best ?? null,
    model: architecture.modelType,
    task: task.name,
    settings,
    train: { ...named(sources.train), digest: data.train.digest },
    validation: {
      ...named(sources.validation ?? sources.train),
      given: sources.validation !== undefined,
      digest: data.validation.digest,
    },
    sizes,
    device: run.device ?? null,
    threads: run.threads ?? null,
  };
}

/** The file of what a measurement found that answers need. */
export const CALIBRATION = "calibration.json";

/** Saves a run: what resuming needs, unless it is the best that is saved, then the weights for others. */
export type Save = (kind: "last" | "best", step: number, best: Best | undefined) => Promise<void>;

export const saver =
  (store: Store, plan: Plan, run: RunOptions, stepper: Stepper, calibration: () => Json | undefined): Save =>
  async (kind, step, best) => {
    const { weights, buffers, slots, averages } = stepper;
    const trainer = recordOf(plan, run, step, best);
    if (kind === "last") await store.saveState({ weights, buffers, slots, averages, trainer });
    await store.saveWeights(kind, toFile(valuesOf(plan, stepper), plan.architecture.files));
    const found = calibration();
    if (found) await store.saveFile?.(kind, CALIBRATION, found);
  };

/** Loss and deciding score, and parts of the loss, over all steps, those before a resumption included, as the log has them. */
export async function drawCurves(store: Store, { name, best }: Task): Promise<Pictures> {
  const events = (await store.readLog?.()) ?? [];
  const points = (kind: string, value: (event: Json) => unknown) =>
    events.filter(({ event }) => event === kind).map((event) => [Number(event.step), Number(value(event))] as const);
  const drawn = curves(`${name}: loss of the training batches, and ${best} on the validation data`, [
    { name: "loss", points: points("step", ({ loss }) => loss) },
    { name: `validation ${best}`, points: points("evaluate", ({ scores }) => (scores as Scores)[best]) },
  ]);
  const terms = drawTerms(name, events);
  return { ...(drawn && { curves: drawn }), ...(terms && { terms }) };
}

/** What the loss is made of over all steps, where that is more than one part. */
function drawTerms(task: string, events: readonly Json[]): string | undefined {
  const steps = events.filter(({ event, terms }) => event === "step" && terms !== undefined);
  const names = [...new Set(steps.flatMap(({ terms }) => Object.keys(terms as Scores)))];
  if (names.length < 2) return undefined;
  const points = (term: string) =>
    steps.map(({ step, terms }) => [Number(step), Number((terms as Scores)[term])] as const);
  return curves(
    `${task}: parts of the loss of the training batches`,
    names.map((term) => ({ name: term, points: points(term) })),
  );
}

/** Every event goes into the run's log as well, but single steps only now and then. */
export async function* logged(
  store: Store | undefined,
  source: AsyncGenerator<TrainingEvent, History>,
): AsyncGenerator<TrainingEvent, History> {
  for (;;) {
    const { done, value } = await source.next();
    if (done) return value;
    if (value.event !== "step" || value.step % 10 === 0) await store?.log(value);
    yield value;
  }
}
