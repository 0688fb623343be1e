/** What `npm pack` would publish: every file that package.json points to, and nothing but built code and its pages. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const MEGABYTES = 5;
const ALLOWED = /^(dist\/.*\.(js|d\.ts|json|wasm|html|css|svg)|package\.json|README\.md|LICENSE)$/;

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const output = execFileSync("npm", ["pack", "--dry-run", "--json"], {
  encoding: "utf8",
  stdio: ["ignore", "pipe", "inherit"],
});
const listing = JSON.parse(output.slice(output.search(/^[[{]/m)));
const { files, size, unpackedSize } = Array.isArray(listing) ? listing[0] : Object.values(listing)[0];
const packed = new Set(files.map(({ path }) => path));

/** Paths at the leaves of `exports`, without those that have a star. */
const leaves = (node) => (typeof node === "string" ? [node] : Object.values(node).flatMap(leaves));
const needed = [...leaves(manifest.exports), ...Object.values(manifest.bin)].filter((path) => !path.includes("*"));
const problems = [
  ...["README.md", "dist/package.json", ...needed.map((path) => path.replace(/^\.\//, ""))]
    .filter((path) => !packed.has(path))
    .map((path) => `${path} is missing`),
  ...[...packed].filter((path) => !ALLOWED.test(path)).map((path) => `${path} does not belong in the package`),
  ...(unpackedSize > MEGABYTES * 2 ** 20 ? [`${unpackedSize} bytes unpacked, at most ${MEGABYTES} MiB allowed`] : []),
];
for (const problem of problems) console.error(`package: ${problem}`);
console.log(`package: ${packed.size} files, ${(size / 1024).toFixed(0)} KiB packed, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
