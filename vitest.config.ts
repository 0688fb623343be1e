import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";

const src = new URL("./src/", import.meta.url).pathname;

/** Chromium brings an adapter for WebGPU that is software, with the loader that finds it: the same on every machine. */
const chromium = "/usr/lib/chromium";
const softwareAdapter: Record<string, string> =
  process.env.VK_ICD_FILENAMES === undefined && existsSync(`${chromium}/vk_swiftshader_icd.json`)
    ? { VK_ICD_FILENAMES: `${chromium}/vk_swiftshader_icd.json`, LD_LIBRARY_PATH: chromium }
    : {};

/** `vitest run` takes everything that needs neither a browser nor real checkpoints; `--mode long` takes the rest. */
export default defineConfig(({ mode }) => ({
  resolve: {
    alias: [
      { find: "#codec", replacement: `${src}data/node-codec.ts` },
      { find: "#files", replacement: `${src}files/node-files.ts` },
      { find: "#runtime", replacement: `${src}runtime/node.ts` },
      { find: /^descent-ml$/, replacement: `${src}index.ts` }, // examples run on the source
      { find: /^descent-ml\/(metrics|nn|optim)$/, replacement: `${src}$1/index.ts` },
    ],
  },
  test: {
    include: mode === "long" ? ["test/long/**/*.test.ts"] : ["test/**/*.test.ts"],
    exclude: ["test/browser/**", ...(mode === "long" ? [] : ["test/long/**"])],
    testTimeout: mode === "long" ? 3_600_000 : 60_000,
    hookTimeout: 60_000, // some build the command first
    pool: "forks",
    env: softwareAdapter,
    maxWorkers: 2,
  },
}));
