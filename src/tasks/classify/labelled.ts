/** Labelled texts as numbers, and batches of them. B texts · T ids of the longest */
import { padded } from "../../data/index.ts";
import type { HostTensor } from "../../runtime/index.ts";

/** A text as ids and the number of its label. */
export interface Labelled {
  readonly ids: Int32Array;
  readonly label: number;
}

/** What a batch holds. */
export const labelledBatch = {
  ids: { shape: ["B", "T"], dtype: "i32" },
  lengths: { shape: ["B"], dtype: "i32" },
  labels: { shape: ["B"], dtype: "i32" },
} as const;

/** A batch of texts of at most `length` ids. */
export function labelledFeeds(
  rows: readonly Labelled[],
  length: number,
): Record<keyof typeof labelledBatch, HostTensor> {
  const texts = rows.map(({ ids }) => ids);
  const labels = Int32Array.from(rows, ({ label }) => label);
  return { ...padded(texts, length), labels: { data: labels, shape: [rows.length], dtype: "i32" } };
}
