import { writeFileSync } from "node:fs";
import { defineConfig } from "tsdown";

/**
 * One build for every platform, file for file, so that a bundler or Node loads only what is imported.
 *
 * `#runtime`, `#files` and `#codec` stay in the output as they are. In the repository the package's own `imports` lead it to `src/runtime`; in
 * `dist`, a package scope of its own leads them to the files beside them, for Node, for bundlers and for declarations.
 */
const scope = {
  type: "module",
  sideEffects: ["./runtime/webgpu.js"], // it makes a device available
  imports: {
    "#codec": {
      browser: { types: "./data/browser-codec.d.ts", default: "./data/browser-codec.js" },
      default: { types: "./data/node-codec.d.ts", default: "./data/node-codec.js" },
    },
    "#files": {
      browser: { types: "./files/browser-files.d.ts", default: "./files/browser-files.js" },
      default: { types: "./files/node-files.d.ts", default: "./files/node-files.js" },
    },
    "#runtime": {
      browser: { types: "./runtime/browser.d.ts", default: "./runtime/browser.js" },
      default: { types: "./runtime/node.d.ts", default: "./runtime/node.js" },
    },
  },
};

export default defineConfig({
  entry: ["src/**/*.ts"],
  format: "esm",
  target: "node20.19",
  platform: "neutral",
  dts: false,
  unbundle: true,
  fixedExtension: false,
  deps: { neverBundle: ["#runtime", "#files", "#codec", /^node:/], skipNodeModulesBundle: true },
  onSuccess: () => writeFileSync("dist/package.json", `${JSON.stringify(scope, null, 2)}\n`),
});
