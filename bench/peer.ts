/** A peer as a child process: JSON lines in, JSON lines out (peers/README.md). */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { WorkerAnswer, WorkerRequest } from "./worker.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** How a peer is started, and what must be there for it. */
export interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
  readonly needs: string;
  readonly mode?: string;
}

const python = path(".venv/bin/python");
const torch = { command: [python, path("peers/torch_bench.py")], needs: python };
const script = (file: string) => ({ command: [process.execPath, path(file)], needs: path("peers/node_modules") });
const unrun = path("../node_modules/unrun/dist/cli.mjs");

export const descent: Contestant = {
  name: "descent",
  command: [process.execPath, unrun, path("worker.ts")],
  needs: unrun,
};

export const contestants: readonly Contestant[] = [
  { name: "torch", mode: "eager", ...torch },
  { name: "torch-compile", mode: "compile", ...torch },
  { name: "tfjs", ...script("peers/tfjs/bench.js") },
  { name: "jaxjs", ...script("peers/jaxjs/bench.js") },
];

/** Why a contestant cannot take part; undefined where it can. */
export const missing = ({ needs }: Contestant): string | undefined =>
  existsSync(needs) ? undefined : "not installed: run bench/peers/setup.sh";

/** A row made ready. */
export interface Ready extends Partial<WorkerAnswer> {
  readonly compileMs: number;
  readonly parameters: number;
  readonly losses: readonly number[];
  readonly peakMB: number;
  readonly version: string;
  readonly note?: string;
  readonly threadsUsed?: number;
}
/** Steps made. */
export interface Gone {
  readonly ms: readonly number[];
  readonly peakMB: number;
}
/** What the machine can do at most. */
export interface Peak {
  readonly fmaGflops?: number;
  readonly matmulGflops: number;
}

/** What ends a question: an answer, or the reason why there is none. */
interface Pending {
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

const running = new Set<Peer>();
process.on("exit", () => {
  for (const peer of running) peer.kill();
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

/** A running peer. One question at a time. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #limitMs: number;
  readonly #closed: Promise<void>;
  #pending: Pending | undefined;
  #complaint = "";

  /** `limitMs` bounds every answer. */
  constructor({ command: [program = "", ...args] }: Contestant, threads: number, limitMs: number) {
    this.#limitMs = limitMs;
    this.#child = spawn(program, [...args, "--threads", String(threads)], {
      stdio: "pipe",
      detached: true, // a group of its own, so that what it starts can be ended with it
    });
    const { stdout, stderr } = this.#child;
    if (stdout) createInterface({ input: stdout }).on("line", (line) => this.#answer(line));
    stderr?.on("data", (data: Buffer) => {
      this.#complaint = (this.#complaint + data).slice(-2000);
    });
    this.#child.on("error", (error) => this.#fail(error.message));
    this.#child.stdin?.on("error", () => undefined); // the end of the process says more
    this.#closed = new Promise((resolve) => {
      this.#child.on("close", (code, signal) => {
        running.delete(this);
        this.#fail(`ended with ${signal ?? code}: ${this.#complaint.trim().split("\n").at(-1) ?? ""}`);
        resolve();
      });
    });
    running.add(this);
  }

  ready(request: WorkerRequest & { threads: number; mode?: string | undefined; warmup?: number }): Promise<Ready> {
    return this.#ask<Ready>(request);
  }
  go(steps: number): Promise<Gone> {
    return this.#ask<Gone>({ go: steps });
  }
  peak(): Promise<Peak> {
    return this.#ask<Peak>({ row: "peak" });
  }

  /** Lets the process end, and ends it where it does not. */
  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await Promise.race([this.#closed, wait(2000, undefined, { ref: false })]);
    this.kill();
    await this.#closed;
  }
  kill(): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    process.kill(-pid, "SIGKILL");
  }

  async #ask<T>(request: object): Promise<T> {
    if (!running.has(this)) throw new Error("ended before");
    const late = setTimeout(() => {
      this.#fail(`no answer in ${Math.round(this.#limitMs / 1000)} s`);
      this.kill();
    }, this.#limitMs);
    try {
      const line = await new Promise<string>((resolve, reject) => {
        this.#pending = { resolve, reject };
        this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
      });
      const answer = JSON.parse(line) as T & { error?: string };
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer;
    } finally {
      clearTimeout(late);
      this.#pending = undefined;
    }
  }

  #answer(line: string): void {
    if (line.startsWith("{")) this.#pending?.resolve(line); // libraries may greet on stdout
  }
  #fail(reason: string): void {
    this.#pending?.reject(new Error(reason));
  }
}
