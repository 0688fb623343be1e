/** The model that pictures are compressed with: which one it is, and which numbers it gives here. */
import type { Store } from "../checkpoint/index.ts";
import { ConfigError, DataError, DeviceError } from "../errors.ts";
import { asStore } from "../files/index.ts";
import type { LatentModel } from "../models/index.ts";
import { type Feeds, loadEngine, threefry2x32 } from "../runtime/index.ts";
import { isRecord } from "../schema.ts";
import { loadModel } from "../tasks/open.ts";
import { bytesOf } from "../tensor/index.ts";
import { blockOf, type Item } from "./bits-back.ts";
import { sha256 } from "./container.ts";
import { type Networks, openNetworks, PLACE } from "./networks.ts";
import { type PixelCode, pixelCode } from "./pixels.ts";

/** A model with its weights. */
export interface Subject {
  readonly model: LatentModel;
  /** What the architecture is called. */
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly values: Feeds;
  /** What its classes are called, where it is conditional. */
  readonly labels: readonly string[];
}

/** The names of the classes that a run has learned: those of its pictures, in order. */
async function labelsOf(store: Store): Promise<readonly string[]> {
  const { learned } = (await store.loadFile("task.json")) ?? {};
  const labels = isRecord(learned) ? learned.labels : undefined;
  return Array.isArray(labels) ? labels.map(String) : [];
}

/** The model of a run. Throws ConfigError where it has no code. */
export async function loadSubject(place: Store | string): Promise<Subject> {
  const store = asStore(place);
  const { task, model, architecture, config, values } = await loadModel(store);
  if (task.head !== "latent")
    throw new ConfigError(
      `compress: expected a run whose model makes codes of images, got one of ${architecture.modelType} for task ${task.name}; train a vae`,
    );
  const { modelType: type } = architecture;
  return { model: model as LatentModel, type, config, values, labels: await labelsOf(store) };
}

/** The digest of configuration and weights. */
export async function subjectDigest({ type, config, values }: Subject): Promise<string> {
  const names = Object.keys(values).sort();
  const parts = await Promise.all(
    names.map(async (name) => {
      const { dtype, shape, data } = values[name] as Feeds[string];
      return [name, dtype, shape, await sha256(bytesOf(data))];
    }),
  );
  const keys = Object.keys(config).sort();
  return sha256(new TextEncoder().encode(JSON.stringify([type, keys.map((key) => [key, config[key]]), parts])));
}

/** The number of the class of `label`. Throws DataError where the model does not know it. */
export function classOf({ model, labels }: Subject, label: string | undefined, name: string): number {
  if (model.classes === 0) return 0;
  const found = labels.length > 0 ? labels.indexOf(label ?? "") : Number(label ?? Number.NaN);
  if (Number.isInteger(found) && found >= 0 && found < model.classes) return found;
  const known = labels.length > 0 ? labels.slice(0, 20).join(", ") : `0 to ${model.classes - 1}`;
  throw new DataError(
    `compress ${name}: expected a label that the model was trained with (${known}), got ${label ?? "none"}; put each picture in a folder called as its label`,
  );
}

/** Engine and version, as files name them. */
export async function engineHere(): Promise<{ readonly name: string; readonly version: string }> {
  const { versions } = (await loadEngine(PLACE.device, PLACE.threads)).env;
  return { name: "ONNX Runtime", version: versions.node ?? versions.common ?? "unknown" };
}

/** Opens what codes the pictures of a model. */
export async function openCoder({ model, values }: Subject, rows: number): Promise<Opened> {
  return { networks: await openNetworks(model, values, rows), pixels: pixelCode(model.likelihood) };
}

export interface Opened {
  readonly networks: Networks;
  readonly pixels: PixelCode;
}

/** Pictures that a probe looks at, at least. */
const PROBED = 8;
const [SITE, WORDS] = [0x70726f62, 2 ** 32];

/** A picture and a code that are always the same. */
function probeItem({ model, code }: Networks, i: number): { item: Item; code: Uint32Array } {
  const word = (n: number): number => threefry2x32(i, SITE, n, 0)[0];
  const size = model.image.reduce((a, b) => a * b, 1);
  const extreme = i % 2 === 0; // half of the pictures have two levels
  const levels = Uint8Array.from({ length: size }, (_, n) => (extreme ? 255 * (word(n) % 2) : word(n) % 256));
  const length = code.length;
  const drawn = Uint32Array.from({ length }, (_, n) => Math.floor((word(size + n) / WORDS) * code.size));
  return { item: { levels, label: model.classes > 0 ? i % model.classes : 0 }, code: drawn };
}

/** A digest of whole numbers that follow from what the networks give here. */
export async function probe({ networks, pixels }: Opened): Promise<string> {
  const numbers: number[] = [];
  const { rows, code } = networks;
  for (let at = 0; at < PROBED; at += rows) {
    const probes = Array.from({ length: rows }, (_, r) => probeItem(networks, at + r));
    const items = probes.map(({ item }) => item);
    for (const row of await networks.encode(blockOf(items)))
      for (const number of code.numbers(row)) numbers.push(number);
    const given = await networks.decode(
      probes.map((one) => code.values(one.code)),
      items.map(({ label }) => label),
    );
    for (const one of given) for (const number of pixels.numbers(one)) numbers.push(number);
  }
  return sha256(new Uint8Array(Uint32Array.from(numbers).buffer));
}

/** Throws DeviceError where the networks give other numbers than those with the digest `expected`. */
export async function requireProbe(opened: Opened, engine: { name: string; version: string; probe: string }) {
  if ((await probe(opened)) === engine.probe) return;
  const { name, version } = await engineHere();
  throw new DeviceError(
    `decompress: the model gives other numbers here (${name} ${version}) than where the pictures were compressed (${engine.name} ${engine.version}), so they cannot be restored; use that version, on a processor of the same kind`,
  );
}
