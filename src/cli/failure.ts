/** Errors as a person and a shell see them: one line and an exit code. */
import { CommanderError } from "commander";
import { DescentError, printable } from "../errors.ts";

/** 0 ok · 1 failure · 2 usage or bad input · 129, 130 and 143 interrupted. */
export const ExitCode = { ok: 0, failure: 1, usage: 2, SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Something went wrong at run time that is not the fault of what was given. */
export class RunFailure extends Error {}

/** Errors that another input would avoid. */
const INPUT = new Set(["config", "data", "tokenizer", "shape", "checkpoint", "device"]);
/** Troubles of the machine, whatever was given. */
const MACHINE = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EIO", "EMFILE", "ENFILE", "ENOMEM"]);

const systemCode = (cause: unknown): string => (cause instanceof Error && "code" in cause ? String(cause.code) : "");

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  const input = error instanceof DescentError && INPUT.has(error.code) && !MACHINE.has(systemCode(error.cause));
  return input ? ExitCode.usage : ExitCode.failure;
}

const oneLine = (text: string): string =>
  printable(
    text
      .split(/\s*\n\s*/)
      .join(" ")
      .trim(),
  );

/** What happened and what to do, in one line that begins with the program's name. */
export function failureLine(error: unknown): string {
  if (error instanceof CommanderError)
    return `descent: ${oneLine(error.message).replace(/^error: /, "")}; see descent --help\n`;
  if (error instanceof DescentError || error instanceof RunFailure) return `descent: ${oneLine(error.message)}\n`;
  const message = error instanceof Error ? error.message || error.name : String(error);
  return `descent: ${printable(oneLine(message), 500)}; run with --debug for the stack\n`;
}
