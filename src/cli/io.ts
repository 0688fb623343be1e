/** What the command line touches of the process: two streams, signals, the terminal. Tests put their own in its place. */
import { basename, dirname, relative } from "node:path";
import { escaped } from "../errors.ts";
import { RunFailure } from "./failure.ts";

/** Signals that end a command. */
const STOPS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type Stop = (typeof STOPS)[number];

export interface IO {
  /** Data that comes in. */
  readonly stdin: NodeJS.ReadableStream;
  /** Data. On a terminal, what that would obey is spelled out. */
  out(text: string): void;
  /** Progress, hints and errors; what a terminal would obey is spelled out. */
  err(text: string): void;
  /** Text for a terminal as it is, colours and movements of the cursor; nothing from elsewhere may be in it. */
  draw(text: string): void;
  /** Whether progress goes to a person who watches: a terminal that can redraw a line. */
  readonly live: boolean;
  readonly color: boolean;
  /** Characters in a line of the terminal. */
  columns(): number;
  /** Aborted when data can no longer be written: nobody reads it, as after `| head -1`, or the disk is full. */
  readonly closed: AbortSignal;
  /** Waits until all is written. Throws RunFailure where data was lost that somebody wanted. */
  flush(): Promise<void>;
  onSignal(listener: (signal: Stop) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
  /** How this program is called, for commands that people copy. */
  readonly command: string;
}

/** Line feeds and tabs stay; everything else that a terminal would obey is spelled out. */
const plain = (text: string): string => escaped(text, "\n\t");

/** Data and progress to this process's streams. */
export function processIO(): IO {
  const closed = new AbortController();
  process.stdout.on("error", (error) => closed.abort(error));
  process.stderr.on("error", () => undefined);
  const { NO_COLOR, FORCE_COLOR, CI } = terminal();
  const live = process.stderr.isTTY === true && !CI;
  const data = process.stdout.isTTY ? plain : (text: string) => text;
  return {
    stdin: process.stdin,
    out: (text) => void (closed.signal.aborted || process.stdout.write(data(text))),
    err: (text) => void process.stderr.write(plain(text)),
    draw: (text) => void process.stderr.write(text),
    live,
    color: FORCE_COLOR ? FORCE_COLOR !== "0" : live && !NO_COLOR,
    columns: () => process.stderr.columns || 80,
    closed: closed.signal,
    flush: () => flush(closed.signal),
    onSignal,
    exit: (code) => process.exit(code),
    command: commandName(process.argv[1] ?? ""),
  };
}

async function flush(closed: AbortSignal): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write("", resolve));
  const { code, message } = (closed.reason ?? {}) as NodeJS.ErrnoException;
  if (closed.aborted && code !== "EPIPE") throw new RunFailure(`writing standard output: ${message}`);
}

const terminal = () => ({
  NO_COLOR: process.env.NO_COLOR,
  FORCE_COLOR: process.env.FORCE_COLOR,
  CI: process.env.CI,
});

/**
 * After the first signal the system itself ends the process at the next SIGTERM, also while the engine computes and no
 * listener is called. What came with the first is still printed.
 */
function onSignal(listener: (signal: Stop) => void): () => void {
  const heard = (signal: Stop) => {
    setImmediate(() => process.off("SIGTERM", heard));
    listener(signal);
  };
  for (const signal of STOPS) process.on(signal, heard);
  return () => {
    for (const signal of STOPS) process.off(signal, heard);
  };
}

/** `descent` where it is installed, `npx descent-ml` where npm put it aside, the file itself in a checkout. */
export function commandName(script: string): string {
  if (!/^descent/.test(basename(script))) return `node ${quote(relative(process.cwd(), script) || script)}`;
  return basename(dirname(script)) === ".bin" ? "npx descent-ml" : "descent";
}

/** `text` as one word of a shell that can be copied from a terminal. */
export function quote(text: string): string {
  if (/^[\w./:@%+=,-]+$/.test(text)) return text;
  if (escaped(text) === text) return `'${text.replaceAll("'", "'\\''")}'`;
  return `$'${escaped(text.replaceAll("\\", "\\\\").replaceAll("'", "\\'"))}'`;
}

/** One JSON line on standard output. */
export const emit = (io: IO, event: object): void => io.out(`${JSON.stringify(event)}\n`);
