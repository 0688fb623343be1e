/** The Worker's side: named answers, each a function of the page's input. */
import { ConfigError, DataError, nearest, quoted, shown } from "../errors.ts";
import { requireRecord } from "../schema.ts";
import { buffersOf, type Call, type Demand, type Endpoint, pack, type Reply, requireEndpoint, whyNot } from "./wire.ts";

/**
 * What a Worker answers, by name: a function of an input and of a signal that the page aborts. It gives a value, a promise,
 * or something to iterate over, such as an `async function*` or what `train` returns.
 */
// biome-ignore lint/suspicious/noExplicitAny: the inputs of functions that are only passed on
export type Answers = Readonly<Record<string, (input: any, signal: AbortSignal) => unknown>>;

/**
 * Answers the calls of a page that has called `connectWorker`. Call it before the first `await` of the Worker's script, or
 * calls are lost. Answers run one beside the other where they wait; inputs, events and results are structured clones.
 * Returns `answers`, whose type the page takes.
 */
export function serveWorker<A extends Answers>(answers: A, scope: Endpoint = globalThis as unknown as Endpoint): A {
  requireEndpoint("serveWorker", scope);
  requireRecord(answers, "serveWorker");
  const odd = Object.keys(answers).find((name) => typeof answers[name] !== "function");
  if (odd !== undefined)
    throw new ConfigError(`serveWorker: expected functions by name, got ${shown(answers[odd])} for ${quoted(odd)}`);
  scope.addEventListener("message", (event) => {
    const { data } = event as MessageEvent<Partial<Call> | null>;
    if (typeof data?.descent === "string" && data.port) answer(answers, data as Call);
  });
  return answers;
}

/** One event, or the result, for every "next" of the page; a page that leaves ends what is iterated over. */
function answer(answers: Answers, { descent: name, input, port }: Call): void {
  const abort = new AbortController();
  const events = eventsOf(answers, name, input, abort.signal);
  port.onmessage = async ({ data }: MessageEvent<Demand>) => {
    if (data === "abort") abort.abort();
    else if (data === "next") send(port, name, await replyOf(events));
    else {
      port.close();
      await events.return(undefined).catch(() => undefined); // nobody is there to hear of it
    }
  };
}

async function replyOf(events: AsyncGenerator<unknown, unknown>): Promise<Reply> {
  try {
    const { done, value } = await events.next();
    return { kind: done ? "result" : "event", value };
  } catch (error) {
    return { kind: "error", error: pack(error) };
  }
}

/** What an answer gives, as events and a result. */
async function* eventsOf(
  answers: Answers,
  name: string,
  input: unknown,
  signal: AbortSignal,
): AsyncGenerator<unknown, unknown> {
  const known = Object.keys(answers);
  if (!known.includes(name))
    throw new ConfigError(
      `worker: nothing is called "${name}"${nearest(name, known)}; there is ${known.join(", ") || "nothing"}`,
    );
  const given = answers[name]?.(input, signal);
  if (isIterable(given)) return yield* given;
  return await given;
}

const isIterable = (
  value: unknown,
): value is AsyncIterable<unknown> & { [Symbol.asyncIterator](): AsyncIterator<unknown> } =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value;

function send(port: MessagePort, name: string, reply: Reply): void {
  try {
    port.postMessage(reply, "value" in reply ? buffersOf(reply.value) : []);
  } catch (cause) {
    const error = new DataError(
      `worker: what "${name}" gave cannot be sent (${whyNot("value" in reply && reply.value, cause)}); give numbers, strings, lists, records and tensors on the host`,
    );
    port.postMessage({ kind: "error", error: pack(error) } satisfies Reply);
  }
}
