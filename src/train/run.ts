/** A training in progress: iterate over it for its events, await it for its history, or do both. */
import { ConfigError, shown } from "../errors.ts";
import { requireSignal } from "../schema.ts";
import type { TrainingEvent } from "./events.ts";

/** What has been reported so far. */
export interface RunHistory {
  /** Of every step. */
  readonly loss: number[];
  /** Of every evaluation, by the name of the score. */
  readonly scores: Record<string, number[]>;
}

/** Starts with the first `for await` or `await`; events that nobody reads are dropped. */
export class Run<E, H> implements AsyncIterable<E>, PromiseLike<H> {
  readonly history: RunHistory = { loss: [], scores: {} };
  readonly #events: AsyncGenerator<E, H>;
  readonly #stop: (() => void) | undefined;
  readonly #history: Promise<H>;
  #finish!: (history: H) => void;
  #fail!: (reason: unknown) => void;

  /** `stop` makes `events` come to their end soon; without it, leaving the loop over them ends them there and then. */
  constructor(events: AsyncGenerator<E, H>, stop?: () => void) {
    if (typeof events?.next !== "function" || !(stop === undefined || typeof stop === "function"))
      throw new ConfigError(`run: expected events of an async function*, got ${shown(events)}; call it first`);
    this.#events = events;
    this.#stop = stop;
    this.#history = new Promise<H>((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.#history.catch(() => undefined); // whoever awaits or iterates sees the error
  }

  async #next(): Promise<IteratorResult<E, H>> {
    try {
      const result = await this.#events.next();
      if (!result.done) this.#note(result.value);
      if (result.done) this.#finish(result.value);
      return result;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /** Keeps losses and scores; events of another kind pass by. */
  #note(value: unknown): void {
    const event = value as TrainingEvent | undefined;
    if (event?.event === "step") this.history.loss.push(event.loss);
    if (event?.event !== "evaluate") return;
    for (const [name, score] of Object.entries(event.scores)) {
      const known = this.history.scores[name] ?? [];
      this.history.scores[name] = [...known, score];
    }
  }

  async #drain(): Promise<H> {
    while (!(await this.#next()).done);
    return this.#history;
  }

  /** Leaving the loop over the events of a training stops it after its step; what is kept is saved. */
  async #leave(): Promise<IteratorResult<E, H>> {
    if (this.#stop) {
      this.#stop();
      return { done: true, value: await this.#drain() };
    }
    this.#fail(new ConfigError("run: its events were left before the end, so there is no result; iterate to the end"));
    return this.#events.return(undefined as H);
  }

  [Symbol.asyncIterator](): AsyncIterator<E, H> {
    return { next: () => this.#next(), return: () => this.#leave() };
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is what this class is for
  then<T = H, F = never>(
    onDone?: ((history: H) => T | PromiseLike<T>) | null,
    onError?: ((reason: unknown) => F | PromiseLike<F>) | null,
  ): Promise<T | F> {
    return this.#drain().then(onDone, onError);
  }
}

/** A signal that follows `outer` and can be raised from inside as well. */
export function stoppable(outer: AbortSignal | undefined): { signal: AbortSignal; stop: () => void } {
  requireSignal(outer, "training");
  const own = new AbortController();
  return { signal: outer ? AbortSignal.any([outer, own.signal]) : own.signal, stop: () => own.abort() };
}
