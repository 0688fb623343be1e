#!/usr/bin/env node
/** The command `descent`. All but messages is imported where a failure can be reported in one line. */
import { printable } from "../errors.ts";

function end(error: unknown): never {
  const { stack, message } = error instanceof Error ? error : new Error(String(error));
  if (process.argv.includes("--debug")) process.stderr.write(`${stack}\n`);
  process.stderr.write(`descent: ${printable(message, 500)}; run with --debug for the stack\n`);
  process.exit(1);
}

process.on("uncaughtException", end);
try {
  const { processIO } = await import("./io.ts");
  const { main } = await import("./program.ts");
  process.exit(await main(process.argv.slice(2), processIO()));
} catch (error) {
  end(error);
}
