/** A page and its Worker, both ends of a MessageChannel here: events, results, errors, signals, buffers. */
import { afterEach, expect, test } from "vitest";
import { ConfigError, DeviceError, NonFiniteError, ShapeError } from "../../src/errors.ts";
import { array } from "../../src/runtime/index.ts";
import { Run } from "../../src/train/index.ts";
import { connectWorker, serveWorker, transfer } from "../../src/worker/index.ts";

const open: MessagePort[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
const log: string[] = [];

const answers = {
  double: (x: number) => 2 * x,
  later: async (x: number) => x + 1,
  nothing: () => undefined,
  async *count(to: number, signal: AbortSignal): AsyncGenerator<{ i: number }, string> {
    try {
      for (let i = 1; i <= to; i++) {
        if (signal.aborted) return `aborted before ${i}`;
        log.push(`made ${i}`);
        yield { i };
      }
      return "counted";
    } finally {
      log.push("left");
    }
  },
  wrong() {
    throw new ShapeError("matmul: inner sizes differ, [2, 3] × [4]; transpose one");
  },
  async *spoilt() {
    yield 1;
    throw new NonFiniteError("training: the loss is NaN at step 7", 7, Number.NaN);
  },
  foreign() {
    throw new RangeError("not ours");
  },
  run: (to: number, signal: AbortSignal) => new Run(answers.count(to, signal)),
  uncloneable: () => () => 1,
  withModel: () => ({ step: 3, model: { write: () => "text" } }),
  tensor: () => array([1, 2, 3]),
  moved() {
    const tensor = array([1, 2, 3]);
    return transfer(tensor, [tensor.data.buffer as ArrayBuffer]);
  },
  sizeOf: (tensor: { data: Float32Array }) => tensor.data.length,
};

/** A page connected to a Worker with these answers. */
function connected() {
  const { port1, port2 } = new MessageChannel();
  open.push(port1, port2);
  serveWorker(answers, port1);
  port1.start();
  port2.start();
  return connectWorker<typeof answers>(port2);
}

test("an answer is awaited, whether it is made at once or later", async () => {
  const ask = connected();
  expect(await ask("double", 21)).toBe(42);
  expect(await ask("later", 1)).toBe(2);
  expect(await ask("nothing")).toBeUndefined();
});

test("events come in order, then the result; they are made when they are asked for", async () => {
  log.length = 0;
  const counting = connected()("count", 3);
  const seen: number[] = [];
  for await (const { i } of counting) {
    await turn();
    expect(log).toEqual(Array.from({ length: i }, (_, k) => `made ${k + 1}`));
    seen.push(i);
  }
  expect(seen).toEqual([1, 2, 3]);
  expect(await counting).toBe("counted");
});

test("awaiting alone runs through the events", async () => {
  expect(await connected()("count", 5)).toBe("counted");
});

test("what training returns is an answer: its events, then its history", async () => {
  const ask = connected();
  const run = ask("run", 3);
  const seen: number[] = [];
  for await (const { i } of run) seen.push(i);
  expect(seen).toEqual([1, 2, 3]);
  expect(await run).toBe("counted");
  expect(await ask("run", 3)).toBe("counted");
});

test("leaving the loop ends the answer", async () => {
  log.length = 0;
  for await (const { i } of connected()("count", 100)) if (i === 2) break;
  await turn();
  expect(log).toEqual(["made 1", "made 2", "left"]);
});

test("the page's signal reaches the answer, also when it was aborted before", async () => {
  const ask = connected();
  const control = new AbortController();
  const counting = ask("count", 100, { signal: control.signal });
  for await (const { i } of counting) if (i === 3) control.abort();
  expect(await counting).toBe("aborted before 4");
  expect(await ask("count", 100, { signal: AbortSignal.abort() })).toBe("aborted before 1");
});

test("errors arrive as the classes they were thrown as", async () => {
  const ask = connected();
  await expect(ask("wrong")).rejects.toThrow(ShapeError);
  await expect(ask("wrong")).rejects.toThrow("matmul: inner sizes differ, [2, 3] × [4]; transpose one");
  const error = await ask("spoilt").then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(NonFiniteError);
  expect(error).toMatchObject({ name: "NonFiniteError", code: "non-finite", step: 7, value: Number.NaN });
  await expect(ask("foreign")).rejects.toThrow(RangeError);
});

test("what cannot be sent, and what nobody answers, is an error of one line", async () => {
  const ask = connected();
  await expect(ask("uncloneable")).rejects.toThrow(/worker: what "uncloneable" gave cannot be sent/);
  await expect(ask("withModel")).rejects.toThrow(/worker: what "withModel" gave cannot be sent \(its "model": /);
  await expect(ask("double", (() => 1) as unknown as number)).rejects.toThrow(
    /worker: the input of "double" cannot be sent/,
  );
  const wrong = (ask as unknown as (name: string) => Promise<unknown>)("doubel");
  await expect(wrong).rejects.toThrow(ConfigError);
  await expect(wrong).rejects.toThrow(/nothing is called "doubel" \(did you mean "double"\?\); there is double, later/);
});

test("tensors cross, copied or handed over", async () => {
  const ask = connected();
  expect(await ask("tensor")).toEqual({ data: Float32Array.of(1, 2, 3), shape: [3], dtype: "f32" });
  expect(await ask("moved")).toEqual({ data: Float32Array.of(1, 2, 3), shape: [3], dtype: "f32" });
  const [kept, given] = [{ data: new Float32Array(4) }, { data: new Float32Array(5) }];
  expect(await ask("sizeOf", kept)).toBe(4);
  expect(kept.data).toHaveLength(4);
  expect(await ask("sizeOf", transfer(given, [given.data.buffer]))).toBe(5);
  expect(given.data).toHaveLength(0);
});

test("calls run side by side", async () => {
  const ask = connected();
  const counting = ask("count", 2)[Symbol.asyncIterator]();
  await counting.next();
  expect(await ask("double", 4)).toBe(8);
  expect((await counting.next()).value).toEqual({ i: 2 });
});

test("a Worker whose script fails rejects what waits and what comes", async () => {
  const worker = Object.assign(new EventTarget(), { postMessage: () => undefined });
  const ask = connectWorker<typeof answers>(worker);
  const waiting = ask("double", 1).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  await turn();
  worker.dispatchEvent(new Event("error"));
  expect(await waiting).toBeInstanceOf(DeviceError);
  await expect(ask("double", 1)).rejects.toThrow(/worker: its script did not load/);
});
