/** Texts that are drawn token by token, several side by side, each with numbers of its own. N texts · V vocabulary */
import type { Advance } from "./beam.ts";
import { type Sampling, sampler } from "./sample.ts";

export interface DrawSettings {
  /** How ids are chosen, but for the seed. */
  readonly sampling: Omit<Sampling, "seed">;
  /** The seed of each text: with it and the same logits the text is the same, whatever is drawn beside it. */
  readonly seeds: readonly number[];
  /** Ids that end a text. */
  readonly end: readonly number[];
  /** Tokens at most. */
  readonly longest: number;
  readonly signal?: AbortSignal | undefined;
}

/** A text that was drawn. */
export interface Drawn {
  /** Without the end. */
  readonly ids: readonly number[];
  /** Whether it came to an end of its own. */
  readonly ended: boolean;
}

interface Text {
  readonly ids: number[];
  readonly choose: ReturnType<typeof sampler>;
  ended: boolean;
  /** Its row in the call before. */
  row: number;
  last: number;
}

/** What is drawn after each of `starts`. Throws CheckpointError where logits are not finite, and the signal's reason. */
export async function drawTexts(advance: Advance, starts: Int32Array, settings: DrawSettings): Promise<Drawn[]> {
  const { sampling, seeds, end, longest, signal } = settings;
  const texts = Array.from(starts, (start, row): Text => {
    const choose = sampler({ ...sampling, seed: seeds[row] ?? row, end: [...end] });
    return { ids: [], choose, ended: false, row, last: start };
  });
  for (let step = 0; step < longest; step++) {
    const open = texts.filter(({ ended }) => !ended);
    if (open.length === 0) break;
    signal?.throwIfAborted();
    const [ids, rows] = [Int32Array.from(open, ({ last }) => last), Int32Array.from(open, ({ row }) => row)];
    const logits = await advance(ids, rows);
    const V = logits.length / open.length;
    for (const [row, text] of open.entries()) {
      text.row = row;
      text.last = text.choose(logits.subarray(row * V, (row + 1) * V), { ids: text.ids, promptLength: 0, step });
      text.ended = end.includes(text.last);
      if (!text.ended) text.ids.push(text.last);
    }
  }
  return texts.map(({ ids, ended }) => ({ ids, ended }));
}
