#!/usr/bin/env node
/** The command `descent`. */
import { processIO } from "./io.ts";
import { main } from "./program.ts";

const code = await main(process.argv.slice(2), processIO());
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write("", resolve))),
);
process.exit(code);
