/** Files of a few folders, with or without the headers that isolate a page. */
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** Answers for `folders` by the first part of the address, and `index` for "/"; where `isolated(path)`, memory may be shared, hence threads. */
export function serve(folders, { index = "", isolated = () => true } = {}) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    if (isolated(path)) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    if (path === "/") return response.setHeader("Content-Type", "text/html").end(index);
    const prefix = Object.keys(folders).find((name) => path.startsWith(name));
    const file = prefix && normalize(join(folders[prefix], path.slice(prefix.length)));
    if (!file?.startsWith(folders[prefix] + sep) || !statSync(file, { throwIfNoEntry: false })?.isFile())
      return response.writeHead(404).end();
    response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

export const addressOf = (server) => `http://127.0.0.1:${server.address().port}`;
