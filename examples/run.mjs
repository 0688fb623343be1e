/**
 * Runs an example with any Node from 20.19 on:  node examples/run.mjs 01-tensor
 *
 * Node 22.18 and later need no help: `node examples/01-tensor.ts` runs it on the built package.
 */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const name = process.argv[2] ?? "";
const files = readdirSync(at("."));
const file = files.find((entry) => entry === `${name.replace(/\.ts$/, "")}.ts`);

process.argv.splice(2, 1); // the example sees what comes after its name
if (file)
  await runnerImport(at(file), {
    configFile: false,
    resolve: { alias: { "descent-ml/nn": at("../src/nn/index.ts"), "descent-ml": at("../src/index.ts") } },
  });
else {
  console.error(
    `usage: node examples/run.mjs <name>, out of ${files.filter((entry) => entry.endsWith(".ts")).join(", ")}`,
  );
  process.exitCode = 2;
}
