/**
 * The rules of the house that Biome does not know: what pages and examples owe each other, and how long functions are.
 * Who may import whom, sizes and what may not occur is said in biome.json and scripts/*.grit.
 * A rule is a function from files to findings; `test/house.test.ts` runs each on the repository and on a bad example.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { parseSync, Visitor } from "vite";

export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

export type Rule = (files: readonly Source[]) => Finding[];

const PROVIDERS = /\b(webgpu|wasm|cuda)\b/g;
/** Line of the character at `index`, counted from 1. */
const lineAt = (text: string, index: number): number => text.slice(0, index).split("\n").length;
const isSource = ({ path }: Source) => path.startsWith("src/") && path.endsWith(".ts");
const lines = (text: string) => text.replace(/\n$/, "").split("\n").length;

/** One finding for each match of `pattern` in the text of a file. */
function eachMatch(files: readonly Source[], pattern: RegExp, message: (match: RegExpMatchArray) => string) {
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(pattern)].map((match) => ({
      file: path,
      line: lineAt(text, match.index),
      message: message(match),
    })),
  );
}

/** Layers and models do not know on what they run. */
export const noProviders: Rule = (files) =>
  eachMatch(
    files.filter(({ path }) => /^src\/(nn|models)\//.test(path)),
    PROVIDERS,
    ([name]) => `"${name}" is a provider: what differs between devices, runtime answers`,
  );

/**
 * Lengths in lines of the functions of a file: declarations, methods, arrows with a body, and arrows that are given a
 * name by `const`. A callback of one expression does not count.
 */
export function functionLengths({ path, text }: Source): number[] {
  const lengths: number[] = [];
  const add = ({ start, end }: { start: number; end: number }) => {
    lengths.push(text.slice(start, end).split("\n").length);
  };
  new Visitor({
    FunctionDeclaration: add,
    FunctionExpression: add,
    ArrowFunctionExpression: (arrow) => {
      if (!arrow.expression) add(arrow);
    },
    VariableDeclarator: ({ init }) => {
      if (init?.type === "ArrowFunctionExpression" && init.expression) add(init);
    },
  }).visit(parseSync(path, text).program);
  return lengths;
}

export interface Sizes {
  readonly files: number;
  readonly lines: number;
  readonly functions: number;
  readonly median: number;
  readonly ninetieth: number;
}

/** Count of files and lines of `src`, and how long its functions are. */
export function sizes(files: readonly Source[]): Sizes {
  const source = files.filter(isSource);
  const lengths = source.flatMap(functionLengths).sort((a, b) => a - b);
  const quantile = (q: number) => lengths[Math.floor((lengths.length - 1) * q)] ?? 0;
  return {
    files: source.length,
    lines: source.reduce((sum, { text }) => sum + lines(text), 0),
    functions: lengths.length,
    median: quantile(0.5),
    ninetieth: quantile(0.9),
  };
}

/** A lockfile that names addresses binds every install to the registry of one machine. */
export const lockfile: Rule = (files) =>
  eachMatch(
    files.filter(({ path }) => path === "package-lock.json"),
    /"resolved": *"https?:/g,
    () => "holds the address of a registry; install with omit-lockfile-registry-resolved=true",
  );

export const noUtils: Rule = (files) =>
  files
    .filter(({ path }) => /(^|\/)utils?\.[cm]?[jt]s$/.test(path))
    .map(({ path }) => ({ file: path, line: 1, message: "name a file after its main export" }));

/** A reader finds every example from the table in the README. */
export const examplesListed: Rule = (files) => {
  const readme = files.find(({ path }) => path === "README.md")?.text ?? "";
  const table = readme.split("\n").filter((line) => line.startsWith("|"));
  return files
    .filter(({ path }) => /^examples\/\d[^/]*\.ts$/.test(path))
    .filter(({ path }) => !table.some((row) => row.includes(basename(path, ".ts"))))
    .map(({ path }) => ({ file: path, line: 1, message: "is not in the README's table of examples" }));
};

/** GitHub's anchor of a heading. */
const anchor = (heading: string) =>
  heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, "")
    .replaceAll(" ", "-");

/** Markdown without its code, line for line. */
const prose = (text: string) =>
  text
    .replace(/^( *)(```+|~~~+)[\s\S]*?^\1\2/gm, (code) => code.replace(/[^\n]/g, " "))
    .replace(/`[^`\n]*`/g, (code) => " ".repeat(code.length));

function anchors(text: string): Set<string> {
  const fences = /^( *)(```+|~~~+)[\s\S]*?^\1\2/gm;
  const found = new Set<string>();
  for (const [, heading] of text.replace(fences, "").matchAll(/^#+ +(.*?) *#*$/gm)) {
    const name = anchor(heading ?? "");
    let unique = name;
    for (let n = 1; found.has(unique); n++) unique = `${name}-${n}`;
    found.add(unique);
  }
  return found;
}

const LINK = /\]\(<?([^)>\s]*)>?(?:\s+"[^"]*")?\)|^\[[^\]]+\]: *(\S+)|(?:href|src)="([^"]*)"/gm;

/** Every relative link of every page leads to a file, and every anchor to a heading. */
export const linksResolve =
  (exists: (path: string) => boolean): Rule =>
  (files) =>
    files
      .filter(({ path }) => path.endsWith(".md"))
      .flatMap(({ path, text }) =>
        [...prose(text).matchAll(LINK)].flatMap((match) => {
          const link = match[1] ?? match[2] ?? match[3] ?? "";
          if (/^([a-z][a-z+.-]*:|\/\/)/i.test(link)) return [];
          const [name = "", hash] = decodeURI(link).split("#");
          const target = name === "" ? path : posix.join(posix.dirname(path), name);
          const page = files.find((file) => file.path === target);
          const lost = !page && !exists(target) ? `"${link}" leads nowhere` : "";
          const unnamed = hash && page?.path.endsWith(".md") && !anchors(page.text).has(hash);
          const message = lost || (unnamed ? `"${link}": ${target} has no such heading` : "");
          return message ? [{ file: path, line: lineAt(text, match.index), message }] : [];
        }),
      );

const SKIP = new Set(["node_modules", "dist", ".git", ".cache", ".venv", "runs", "coverage"]);
const READ = /\.(ts|mts|js|mjs|md)$|^package-lock\.json$/;

/** Source, tests and pages of the repository at `root`; what is installed or built is left out. */
export function readRepository(root: string): Source[] {
  const walk = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) return SKIP.has(entry.name) ? [] : walk(path);
      return READ.test(path) ? [path] : [];
    });
  return walk("").map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** The repository this file stands in. */
export const root = dirname(import.meta.dirname);

export const onDisk = (path: string): boolean => existsSync(join(root, path));
