/** The command line in this process, with streams that can be read, and as a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { build } from "tsdown";
import type { IO, Stop } from "../../src/cli/io.ts";
import { main } from "../../src/cli/program.ts";
import config from "../../tsdown.config.ts";

export interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Fake {
  /** What the terminal is. */
  /** What comes in on standard input. */
  readonly input?: string;
  readonly live?: boolean;
  readonly color?: boolean;
  readonly columns?: number;
  /** Called with everything written to standard output, to send signals at a certain moment. */
  readonly onOut?: (text: string, send: (signal: Stop) => void) => void;
  /** The same of standard error. */
  readonly onErr?: (text: string, send: (signal: Stop) => void) => void;
}

/** Runs a command line in this process. */
export async function descent(args: readonly string[], fake: Fake = {}): Promise<Result> {
  let [out, err] = ["", ""];
  let exited: number | undefined;
  const listeners = new Set<(signal: Stop) => void>();
  const send = (signal: Stop) => {
    for (const listener of listeners) listener(signal);
  };
  const io: IO = {
    stdin: Readable.from([fake.input ?? ""]),
    out(text) {
      out += text;
      fake.onOut?.(text, send);
    },
    err(text) {
      err += text;
      fake.onErr?.(text, send);
    },
    draw: (text) => {
      err += text;
    },
    live: fake.live ?? false,
    color: fake.color ?? false,
    columns: () => fake.columns ?? 80,
    closed: new AbortController().signal,
    flush: async () => undefined,
    onSignal(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    exit: (code) => {
      exited ??= code;
    },
    command: "descent",
  };
  const code = await main(args, io);
  return { code: exited ?? code, out, err };
}

/** The options of a model that is trained in no time. */
export const TINY = "--set n_embd=16 --set n_layer=1 --set n_head=2 --context 16 --batch 4 --threads 1".split(" ");

/** A folder that becomes the working directory. */
export function workIn(name: string): { path: string; leave: () => void } {
  const before = process.cwd();
  const path = mkdtempSync(join(tmpdir(), `descent-${name}-`));
  process.chdir(path);
  return {
    path,
    leave() {
      process.chdir(before);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Every file below `path` with its content. */
export function contents(path: string): Map<string, string> {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(files.sort().map((file) => [file.slice(path.length + 1), readFileSync(file, "latin1")]));
}

const root = join(import.meta.dirname, "..", "..");

/** Builds the command into a folder of its own, so that tests run what is in `src` now. */
export async function buildCommand(): Promise<{ main: string; remove: () => void }> {
  const home = join(root, "node_modules", ".cache", `descent-cli-${process.pid}`);
  const outDir = join(home, "dist");
  mkdirSync(outDir, { recursive: true });
  const { onSuccess: _, ...options } = config as Record<string, unknown>;
  await build({ ...options, config: false, cwd: root, outDir, clean: false, logLevel: "silent" });
  writeFileSync(join(home, "package.json"), readFileSync(join(root, "package.json")));
  const scope = {
    type: "module",
    imports: { "#runtime": "./runtime/node.js", "#files": "./files/node-files.js", "#codec": "./data/node-codec.js" },
  };
  writeFileSync(join(outDir, "package.json"), JSON.stringify(scope));
  return { main: join(outDir, "cli", "main.js"), remove: () => rmSync(home, { recursive: true, force: true }) };
}

/** A started process and its end. */
export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Result & { signal: NodeJS.Signals | null }>;
}

export function start(script: string, args: readonly string[], cwd: string, node: readonly string[] = []): Running {
  const child = spawn(process.execPath, [...node, script, ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err += data;
  });
  const ended = new Promise<Result & { signal: NodeJS.Signals | null }>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, out, err }));
  });
  return { process: child, ended };
}
