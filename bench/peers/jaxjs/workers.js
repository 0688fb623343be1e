/**
 * A browser's `Worker` over node:worker_threads, as far as jax-js uses it: a blob's address as source, messages both
 * ways. With it in place before the import, jax-js shares its work among `count` threads.
 */
import { resolveObjectURL } from "node:buffer";
import { Worker as Thread } from "node:worker_threads";

const PRELUDE = `
const { parentPort } = require("node:worker_threads");
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on("message", (data) => self.onmessage({ data }));
`;

class BlobWorker {
  onmessage = null;
  onerror = null;
  #thread;

  constructor(url) {
    this.#thread = resolveObjectURL(url)
      .text()
      .then((source) => {
        const thread = new Thread(PRELUDE + source, { eval: true });
        thread.on("message", (data) => this.onmessage?.({ data }));
        thread.on("error", (error) => this.onerror?.(error));
        return thread;
      });
  }

  postMessage(message) {
    this.#thread = this.#thread.then((thread) => {
      thread.postMessage(message);
      return thread;
    });
  }
}

export function installWorkers(count) {
  globalThis.Worker = BlobWorker;
  const navigator = { ...globalThis.navigator, hardwareConcurrency: count };
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
}
