/** A training in progress: iterate over it for its events, await it for its history, or do both. */

import { ConfigError } from "../errors.ts";

/** Starts with the first `for await` or `await`; events that nobody reads are dropped. */
export class Run<E, H> implements AsyncIterable<E>, PromiseLike<H> {
  readonly #events: AsyncGenerator<E, H>;
  readonly #history: Promise<H>;
  #finish!: (history: H) => void;
  #fail!: (reason: unknown) => void;

  constructor(events: AsyncGenerator<E, H>) {
    this.#events = events;
    this.#history = new Promise<H>((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.#history.catch(() => undefined); // whoever awaits or iterates sees the error
  }

  async #next(): Promise<IteratorResult<E, H>> {
    try {
      const result = await this.#events.next();
      if (result.done) this.#finish(result.value);
      return result;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /** Leaving the loop over the events ends the training as it is; there is no history then. */
  #leave(value: unknown): Promise<IteratorResult<E, H>> {
    this.#fail(
      new ConfigError("run: its events were left before the end; use an AbortSignal to stop, save and get a history"),
    );
    return this.#events.return(value as H);
  }

  [Symbol.asyncIterator](): AsyncIterator<E, H> {
    return { next: () => this.#next(), return: (value) => this.#leave(value) };
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is what this class is for
  then<T = H, F = never>(
    onDone?: ((history: H) => T | PromiseLike<T>) | null,
    onError?: ((reason: unknown) => F | PromiseLike<F>) | null,
  ): Promise<T | F> {
    const drained = (async () => {
      while (!(await this.#next()).done);
      return this.#history;
    })();
    return drained.then(onDone, onError);
  }
}
