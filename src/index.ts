/** The public surface in Node: everything that runs anywhere, and files. */
export * from "./browser.ts";
export { folder } from "./checkpoint/node-run.ts";
export { loadText } from "./data/node-data.ts";
