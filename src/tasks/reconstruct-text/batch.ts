/** Texts side by side, and what they cost. B texts · T ids of the longest, and its end · L code */
import { bucket } from "../../data/index.ts";
import type { LatentTextModel } from "../../models/index.ts";
import { crossEntropy } from "../../nn/index.ts";
import type { HostTensor } from "../../runtime/index.ts";
import type { Tensor } from "../../tensor/index.ts";

/** What an encoder reads. */
export const encoderSpecs = {
  ids: { shape: ["B", "T"], dtype: "i32" },
  lengths: { shape: ["B"], dtype: "i32" },
} as const;
/** The same, and what a decoder reads and shall say. */
export const batchSpecs = {
  ...encoderSpecs,
  target: { shape: ["B", "T"], dtype: "i32" },
  labels: { shape: ["B", "T"], dtype: "i32" },
} as const;
export type Column = keyof typeof batchSpecs;

/** The label of what stands behind the end of a text. */
const NONE = -1;

/** What the encoder reads, what the decoder reads, and what it shall say after each. */
export function collate(
  texts: readonly { readonly ids: Int32Array }[],
  boundary: number,
): Readonly<Record<Column, HostTensor>> {
  const B = texts.length;
  const T = bucket(Math.max(0, ...texts.map(({ ids }) => ids.length)) + 1);
  const [read, target] = [new Int32Array(B * T), new Int32Array(B * T)];
  const labels = new Int32Array(B * T).fill(NONE);
  for (const [b, { ids }] of texts.entries()) {
    read.set(ids, b * T);
    target.set([boundary, ...ids], b * T);
    labels.set([...ids, boundary], b * T);
  }
  const rows = (data: Int32Array): HostTensor => ({ data, shape: [B, T], dtype: "i32" });
  const lengths: HostTensor = { data: Int32Array.from(texts, ({ ids }) => ids.length), shape: [B], dtype: "i32" };
  return { ids: rows(read), lengths, target: rows(target), labels: rows(labels) };
}

/** Labels that count. */
export const numbersIn = (labels: HostTensor | undefined): number =>
  ((labels?.data ?? []) as Int32Array).reduce((count, id) => count + Number(id !== NONE), 0);

/** -log p of each text and its end, given its code [B, L]: [B] nats. */
export const textNats = (
  model: LatentTextModel,
  codes: Tensor,
  { target, labels }: Readonly<Record<"target" | "labels", Tensor>>,
): Tensor => crossEntropy(model.decode(codes, target), labels, { ignoreIndex: NONE, reduction: "none" }).sum(1);
