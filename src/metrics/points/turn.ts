/** Long computations let others have a turn now and then, and stop where they are asked to. */

/** Milliseconds after which others have a turn. */
const TURN_MS = 50;
let last = 0;

/** Throws the signal's reason where it is given; lets timers and signals through every 50 ms. */
export async function turn(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  if (performance.now() - last < TURN_MS) return;
  await new Promise((resolve) => setTimeout(resolve, 0));
  last = performance.now();
  signal?.throwIfAborted();
}
