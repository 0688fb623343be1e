/** The page's side: calls to a Worker that come back as a `Run`, to iterate over or to await. */
import { z } from "zod";
import { ConfigError, DeviceError, shown } from "../errors.ts";
import { abortable, checked } from "../schema.ts";
import { Run } from "../train/index.ts";
import type { Answers } from "./serve.ts";
import {
  buffersOf,
  type Call,
  type Demand,
  type Endpoint,
  type Reply,
  requireEndpoint,
  unpack,
  whyNot,
} from "./wire.ts";

type Given<F> = F extends (...args: never[]) => infer G ? G : never;
type EventOf<G> = G extends AsyncIterable<infer E> ? E : never;
type ResultOf<G> = G extends AsyncGenerator<unknown, infer T> ? T : Awaited<G>;

/** Calls to a Worker, which ends, with all that it holds, when this is disposed of; calls that wait then throw DeviceError. */
export interface Ask<A extends Answers> extends AsyncDisposable {
  /** Calls the answer `name`. `signal` aborts the signal that the answer was given; what it then does is its choice. */
  <K extends keyof A & string>(
    name: K,
    input?: Parameters<A[K]>[0],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Run<EventOf<Given<A[K]>>, ResultOf<Given<A[K]>>>;
}

const asking = z.strictObject({ signal: abortable().optional() });

/**
 * Connects a page to a Worker that calls `serveWorker`. Each call gives a `Run`: iterate over it for its events, await it for
 * its result. The Worker computes the next event when the page asks for it, and stops when the page leaves the loop.
 * Errors arrive as the classes they were thrown as; a Worker whose script fails throws DeviceError.
 */
export function connectWorker<A extends Answers>(worker: Endpoint): Ask<A> {
  requireEndpoint("connectWorker", worker);
  const waiting = new Set<(error: DeviceError) => void>();
  let broken: DeviceError | undefined;
  const fail = (reason: string) => {
    broken ??= new DeviceError(`worker: ${reason}`);
    for (const reject of waiting) reject(broken);
  };
  worker.addEventListener("error", (event) => {
    const { message } = event as ErrorEvent;
    fail(message ? `its script failed: ${message}` : "its script did not load");
  });
  const reply = (port: MessagePort, demand: Demand): Promise<Reply> =>
    new Promise<Reply>((resolve, reject) => {
      if (broken) return reject(broken);
      waiting.add(reject);
      port.onmessage = ({ data }: MessageEvent<Reply>) => {
        waiting.delete(reject);
        resolve(data);
      };
      port.postMessage(demand);
    });
  const ask = (name: string, input: unknown, options: { signal?: AbortSignal } = {}) => {
    const { signal } = checked(asking, options, "worker");
    if (typeof name !== "string") throw new ConfigError(`worker: expected the name of an answer, got ${shown(name)}`);
    return new Run(call(worker, name, input, signal, reply));
  };
  const end = async () => {
    fail("it was ended; connect another");
    worker.terminate?.();
  };
  return Object.assign(ask, { [Symbol.asyncDispose]: end }) as unknown as Ask<A>;
}

async function* call(
  worker: Endpoint,
  name: string,
  input: unknown,
  signal: AbortSignal | undefined,
  reply: (port: MessagePort, demand: Demand) => Promise<Reply>,
): AsyncGenerator<unknown, unknown> {
  const { port1: port, port2 } = new MessageChannel();
  const abort = () => port.postMessage("abort" satisfies Demand);
  try {
    send(worker, { descent: name, input, port: port2 });
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
    for (;;) {
      const answer = await reply(port, "next");
      if (answer.kind === "error") throw unpack(answer.error);
      if (answer.kind === "result") return answer.value;
      yield answer.value;
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    port.postMessage("leave" satisfies Demand);
    port.close();
  }
}

function send(worker: Endpoint, call: Call): void {
  try {
    worker.postMessage(call, [call.port, ...buffersOf(call.input)]);
  } catch (cause) {
    throw new ConfigError(
      `worker: the input of "${call.descent}" cannot be sent (${whyNot(call.input, cause)}); send numbers, strings, lists, records and tensors on the host`,
      { cause },
    );
  }
}
