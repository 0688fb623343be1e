/** Ctrl-C, TERM and HUP: once to stop after the current step, twice to stop at once. */
import { ExitCode } from "./failure.ts";
import type { IO, Stop } from "./io.ts";

export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
  /** The exit code that the signal asks for; undefined when none came. */
  readonly code: number | undefined;
}

const NAMES = { SIGINT: "Ctrl-C", SIGTERM: "SIGTERM" } as const;

/** A line of its own, wherever the cursor is. */
const say = (io: IO, text: string): void => {
  if (io.live) io.draw("\r\x1b[K");
  io.err(`descent: ${text}\n`);
};

export function listen(io: IO): Interruption {
  const controller = new AbortController();
  let received: Stop | undefined;
  const off = io.onSignal((signal) => {
    if (received === undefined) {
      received = signal;
      controller.abort();
      if (signal !== "SIGHUP") say(io, `stopping after the current step; a second ${NAMES[signal]} ends at once`);
    } else if (signal !== "SIGHUP") {
      // A terminal that closes sends SIGHUP more than once, and there is time to save.
      say(io, "ended at once; what was saved last is whole");
      io.exit(ExitCode[signal]);
    }
  });
  return {
    signal: controller.signal,
    get code() {
      return received && ExitCode[received];
    },
    [Symbol.dispose]: off,
  };
}
