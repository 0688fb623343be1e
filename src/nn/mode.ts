/** Whether the model is being traced for training. Dropout and its like ask; a forward itself stays the same. */

let training = false;

export const isTraining = (): boolean => training;

/** Traces `fn` with dropout and its like switched on. */
export function traceTraining<T>(fn: () => T): T {
  const before = training;
  training = true;
  try {
    return fn();
  } finally {
    training = before;
  }
}
