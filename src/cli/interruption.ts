/** Ctrl-C and TERM: once to stop after the step at hand, twice to stop at once. */
import { ExitCode } from "./failure.ts";
import type { IO, Stop } from "./io.ts";

export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
  /** The exit code that the signal asks for; undefined when none came. */
  readonly code: number | undefined;
}

export function listen(io: IO): Interruption {
  const controller = new AbortController();
  let received: Stop | undefined;
  const off = io.onSignal((signal) => {
    if (received) return io.exit(ExitCode[signal]);
    received = signal;
    controller.abort();
  });
  return {
    signal: controller.signal,
    get code() {
      return received && ExitCode[received];
    },
    [Symbol.dispose]: off,
  };
}
