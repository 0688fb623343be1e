/** Plain JavaScript: both ends of a Worker. */

import { afterAll } from "vitest";
import { connectWorker, serveWorker, transfer } from "../../src/worker/index.ts";
import { also, type Call, refuseJunk } from "../support/junk.ts";

const { port1, port2 } = new MessageChannel();
const other = new MessageChannel();
port1.start();
port2.start();
afterAll(() => {
  port1.close();
  other.port1.close();
});
const answers = { same: (x: unknown) => x };
serveWorker(answers, port2 as never);
const ask = connectWorker<typeof answers>(port1 as never);
const { signal } = new AbortController();
const made = new Float32Array(1);
const sendable = [
  "nothing",
  "null",
  "true",
  "NaN",
  "-7",
  "1.5",
  "3n",
  "an empty text",
  "text",
  "0",
  "2 ** 40",
  "a date",
  "a set",
  "a typed array",
];
const lists = [
  "an empty list",
  "a list of null",
  "a list of lists",
  "a list of texts",
  "a list of numbers",
  "an object",
  "an object without a prototype",
  "an object of null",
  "a host tensor without numbers",
  "what says it is a list",
];

const calls: readonly Call[] = [
  ["connectWorker", connectWorker, other.port1],
  ["serveWorker", serveWorker, also(answers, "an object without a prototype"), other.port2],
  ["an answer", (given: never) => serveWorker({ given }, other.port2 as never), also(() => 1, "a function")],
  ["ask", async (name: never, input: never) => ask(name, input), "same", also(1, ...sendable, ...lists, "a tensor")],
  [
    "ask, options",
    async (options: never) => ask("same", 1, options),
    also({}, "nothing", "an object without a prototype"),
  ],
  ["ask, a signal", async (given: never) => ask("same", 1, { signal: given }), also(signal, "nothing")],
  [
    "transfer",
    transfer,
    also(
      made,
      "an empty list",
      "a list of null",
      "a list of lists",
      "an object",
      "an object without a prototype",
      "a date",
      "a typed array",
      "a host tensor without numbers",
      "a tensor",
      "a list of texts",
      "a list of numbers",
      "an object of null",
      "a set",
      "what says it is a list",
    ),
    also([], "an empty list", "a list of lists"),
  ],
];

refuseJunk(calls);
