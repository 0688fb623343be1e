/** What every command is, and the options that many of them take. */
import { type Command, Option } from "commander";
import type { Interruption } from "./interruption.ts";
import type { IO } from "./io.ts";
import { whole } from "./numbers.ts";

export const DEBUG = ["--debug", "on an error, print the stack as well"] as const;
export const JSON_EVENTS = ["--json", "events as JSON lines on standard output"] as const;
export const THREADS = ["--threads <n>", "threads inside one operation (default: all processors)"] as const;
export const DEVICE = [
  "--device <name>",
  "cpu, wasm, webgpu, ...: what doctor lists, or auto, which measures (default: cpu)",
] as const;
export const DATA_DIR = ["--data-dir <dir>", "folder that holds named data sets already"] as const;

export const threads = () => new Option(...THREADS).argParser(whole("--threads", 1, 1024));

/** One command: how it is called, and what it does. */
export interface Verb {
  readonly name: string;
  readonly about: string;
  /** Adds arguments, options and the action. `argv` is the whole command line, for options that depend on it. */
  build(
    command: Command,
    context: { readonly argv: readonly string[]; readonly io: IO; readonly stop: Interruption },
  ): void | Promise<void>;
}
