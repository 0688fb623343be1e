#!/usr/bin/env node
/** The command `descent`. */
import { processIO } from "./io.ts";
import { main } from "./program.ts";

process.exit(await main(process.argv.slice(2), processIO()));
