/** What a long computation is doing: a line that changes on a terminal, now and then a line elsewhere. */
import { printable } from "../errors.ts";
import type { IO } from "./io.ts";

/** Milliseconds between two notes on a terminal, and elsewhere. */
const [REDRAW, PLAIN] = [50, 10_000];

export interface Notes {
  show(note: string): void;
  /** Leaves the terminal in order. */
  clear(): void;
}

export function createNotes(io: IO, quiet: boolean): Notes {
  if (quiet) return { show: () => undefined, clear: () => undefined };
  let [shown, open] = [Number.NEGATIVE_INFINITY, false];
  return {
    show(note) {
      if (performance.now() - shown < (io.live ? REDRAW : PLAIN)) return;
      shown = performance.now();
      open = io.live;
      if (io.live) io.draw(`\r${printable(note, io.columns() - 1)}\x1b[K`);
      else io.err(`${note}\n`);
    },
    clear() {
      if (open) io.draw("\r\x1b[K");
      open = false;
    },
  };
}
