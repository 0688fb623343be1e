/** Names of files in a page: there are none. */
import { drawnSource } from "../data/index.ts";
import { ConfigError } from "../errors.ts";
import { builtInText } from "../stories/index.ts";
import type { Files } from "./files.ts";

/** There is nowhere to look and nowhere to write. */
const noFiles = (what: string, path: string, instead: string): never => {
  throw new ConfigError(`${what}: a page has no files, got ${JSON.stringify(path)}; ${instead}`);
};

export const files: Files = {
  source(name) {
    if (name === "builtin") return { name, format: "txt", text: async () => builtInText() };
    return drawnSource(name) ?? noFiles("data", name, "give { name, text } or { name, rows }");
  },
  store: (path) => noFiles("store", path, "give a Store of your own"),
  write: async (path) => noFiles("write", path, "use writeSafetensors"),
  read: async (path) => noFiles("read", path, "use readSafetensors"),
};
