/** What a new training takes over from a run or checkpoint. */
import { reconcile, requireFit, type Store, unexpected } from "../checkpoint/index.ts";
import { CheckpointError } from "../errors.ts";
import { modelName } from "../models/index.ts";
import { type Feeds, initialValues } from "../runtime/index.ts";
import { publishedArchitecture, readDescription } from "./open.ts";
import type { Plan } from "./plan.ts";

/** What a checkpoint brings to a new training: its configuration, and the files that describe it. */
export async function startFrom(store: Store, modelType: string) {
  const found = await readDescription(store);
  const architecture = await publishedArchitecture(found["config.json"] ?? {});
  if (architecture.modelType !== modelType)
    throw new CheckpointError(
      `from ${store.where}: expected a model called ${modelName(modelType)}, got ${modelName(architecture.modelType)}; train that model`,
    );
  const { num_labels: _, ...config } = architecture.read(found["config.json"] ?? {});
  return { store, files: found, config };
}

/** The part of a model, or of a file, that a name belongs to. */
const partOf = (name: string, prefix = ""): string =>
  (name.startsWith(prefix) ? name.slice(prefix.length) : name).split(".")[0] ?? "";

/**
 * The checkpoint's weights. What it has not of a head, or for other labels, gets initial values; all else it must have, and
 * what else it has must be another head.
 */
export async function startValues(
  store: Store,
  { architecture, model, parameters, buffers, settings }: Plan,
): Promise<Feeds> {
  const { files, modelType } = architecture;
  const [tensors, state] = [await store.loadWeights(), Object.entries({ ...parameters, ...buffers })];
  const isHead = ([path]: readonly [string, unknown]) => model.head?.includes(partOf(path)) === true;
  const body = reconcile(tensors, Object.fromEntries(state.filter((entry) => !isHead(entry))), files);
  const unread = new Set(body.surplus);
  const parts = new Set(
    [...tensors.keys()].filter((name) => !unread.has(name)).map((name) => partOf(name, files.prefix)),
  );
  const odd = body.surplus.filter((name) => parts.has(partOf(name, files.prefix)));
  requireFit([...body.complaints, ...odd.map(unexpected)], modelType);
  const head = Object.fromEntries(state.filter(isHead));
  const known = reconcile(tensors, head, files);
  return { ...body.values, ...initialValues(head, settings.seed), ...known.values };
}
