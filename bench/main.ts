/**
 * The bench of Descent.
 *
 *   npm run bench -- [--threads 2] [--rows mlp,lstm] [--rounds 10] [--peers torch,tfjs | none] [--json FILE]
 *                   [--device webgpu]           where Descent computes, also in --growth; default cpu
 *   npm run bench -- --growth                    how cost grows with length, width and vocabulary
 *   npm run bench -- --profile gpt-6x384        which operators a step's time goes to
 */
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { type Device, loadEngine } from "../src/runtime/index.ts";
import { compare } from "./compare.ts";
import { growth } from "./growth.ts";
import { contestants } from "./peer.ts";
import { profile } from "./profile.ts";

const ROWS = [
  "mlp",
  "conv",
  "vae-conv",
  "rnn",
  "lstm",
  "gru",
  "mingru",
  "mingru-parallel",
  "minlstm",
  "ctc",
  "lstm-forward",
  "lstm-forward-32",
  "gpt-4x128",
  "gpt-6x384",
  "gpt2-prefill",
  "gpt2-decode",
  "gpt2-decode-8",
];
const peerNames = contestants.map(({ name }) => name);

const { values: given } = parseArgs({
  options: {
    threads: { type: "string", default: String(availableParallelism()) },
    rows: { type: "string", default: ROWS.join(",") },
    rounds: { type: "string", default: "10" },
    peers: { type: "string", default: peerNames.join(",") },
    limit: { type: "string", default: "600" },
    json: { type: "string" },
    growth: { type: "boolean", default: false },
    profile: { type: "string" },
    device: { type: "string", default: "cpu" },
  },
});

function list(option: string, value: string, known: readonly string[]): string[] {
  const names = value === "none" ? [] : value.split(",");
  const wrong = names.find((name) => !known.includes(name));
  if (wrong !== undefined) throw new Error(`--${option}: no "${wrong}", there are ${known.join(", ")}`);
  return names;
}

function count(option: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${option}: expected a whole number from 1 on, got ${value}`);
}

function machine(threads: number): string {
  const [processor] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${processor?.model.trim()}, ${availableParallelism()} processors, ${memory} GiB, Node ${process.versions.node}, ${threads} threads.`;
}

async function main(): Promise<void> {
  const threads = count("threads", given.threads);
  const limitMs = 1000 * count("limit", given.limit);
  const [load = 0] = loadavg();
  console.log(`${new Date().toISOString().slice(0, 10)}, ${machine(threads)}`);
  if (load > 0.5) console.log(`The machine is busy (load ${load.toFixed(2)}): the figures are noise.`);
  const device = given.device as Device;
  await loadEngine(device, threads);
  if (device !== "cpu") console.log(`Descent computes on ${device}.`);
  if (given.growth) return growth({ device, threads, limitMs, json: given.json });
  const rows = list("rows", given.rows, ROWS);
  if (given.profile) return profile({ row: list("profile", given.profile, ROWS)[0] ?? "", threads, limitMs });
  const peers = list("peers", given.peers, peerNames);
  return compare({ device, threads, rows, peers, rounds: count("rounds", given.rounds), limitMs, json: given.json });
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
