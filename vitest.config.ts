import { defineConfig } from "vitest/config";

/** `vitest run` takes everything that needs neither a browser nor real checkpoints; `--mode long` takes the rest. */
export default defineConfig(({ mode }) => ({
  resolve: {
    alias: {
      "#runtime": new URL("./src/runtime/node.ts", import.meta.url).pathname,
      "descent-ml": new URL("./src/index.ts", import.meta.url).pathname, // examples run on the source
    },
  },
  test: {
    include: mode === "long" ? ["test/long/**/*.test.ts"] : ["test/**/*.test.ts"],
    exclude: ["test/browser/**", ...(mode === "long" ? [] : ["test/long/**"])],
    testTimeout: mode === "long" ? 3_600_000 : 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
}));
