/**
 * The rules of the house: who may import whom, how large a file may be, what may not occur.
 * A rule is a function from files to findings; `test/house.test.ts` runs each on the repository and on a bad example.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename, dirname, join, posix } from "node:path";
import { functionLengths, type Import, imports, lineAt, mask, type Source } from "./source.ts";

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

export type Rule = (files: readonly Source[]) => Finding[];

/** From the order in which a step is processed to that in which a model is used. Names on one line are one group. */
const GROUPS: readonly (readonly string[])[] = [
  ["errors"],
  ["schema"],
  ["tensor", "graph"],
  ["onnx"],
  ["runtime"],
  ["nn"],
  ["metrics"],
  ["pictures"],
  ["optim"],
  ["models"],
  ["checkpoint"],
  ["tokenizers"],
  ["stories"],
  ["data"],
  ["files"],
  ["train"],
  ["generate"],
  ["tasks"],
  ["worker"],
  ["experiments"],
  ["cli"],
  ["index", "browser"],
];

const PROVIDERS = /\b(webgpu|wasm|cuda)\b/g;
const ENVIRONMENT = new Set(["DESCENT_DATA", "XDG_CACHE_HOME", "HOME", "NO_COLOR", "FORCE_COLOR", "CI"]);
const ENGINE_FILES = ["src/runtime/node.ts", "src/runtime/browser.ts", "src/runtime/webgpu.ts"];
/** Names the engine's types for all others, and imports nothing of it that runs. */
const ENGINE_TYPES = "src/runtime/session.ts";
const NODE_FILES = /^src\/(runtime\/node[^/]*\.ts|cli\/.*|(.*\/)?node-[^/]*\.ts)$/;

/** Part of the path after `src/`, up to the next slash or the ending. */
const groupName = (path: string) => /^src\/([^/.]+)/.exec(path)?.[1] ?? "";
const groupOf = (path: string) => GROUPS.findIndex((names) => names.includes(groupName(path)));
const isSource = ({ path }: Source) => path.startsWith("src/") && path.endsWith(".ts");
const lines = (text: string) => text.replace(/\n$/, "").split("\n").length;

/** Files of the repository that an import leads to; none for a package. */
function targets(from: string, specifier: string): string[] {
  if (specifier === "#runtime") return ENGINE_FILES;
  if (specifier === "#files") return ["src/files/node-files.ts", "src/files/browser-files.ts"];
  return specifier.startsWith(".") ? [posix.join(posix.dirname(from), specifier)] : [];
}

/** One finding for each import in `src` of which `complaint` has something to say. */
function eachImport(
  files: readonly Source[],
  complaint: (file: string, found: Import) => string | undefined,
): Finding[] {
  return files.filter(isSource).flatMap((file) =>
    imports(file).flatMap((found) => {
      const message = complaint(file.path, found);
      return message ? [{ file: file.path, line: found.line, message }] : [];
    }),
  );
}

/** One finding for each match of `pattern` in the code of a file; `raw` looks into comments and strings as well. */
function eachMatch(
  files: readonly Source[],
  pattern: RegExp,
  message: (match: RegExpMatchArray) => string,
  raw = false,
) {
  return files.flatMap(({ path, text }) =>
    [...(raw ? text : mask(text)).matchAll(pattern)].map((match) => ({
      file: path,
      line: lineAt(text, match.index),
      message: message(match),
    })),
  );
}

/** Every folder of `src` has its place in the order. */
export const knownGroups: Rule = (files) =>
  files
    .filter((file) => isSource(file) && groupOf(file.path) < 0)
    .map(({ path }) => ({
      file: path,
      line: 1,
      message: `"${groupName(path)}" has no place in the order of groups`,
    }));

/** Imports go only to the same group or an earlier one. */
export const importDirection: Rule = (files) =>
  eachImport(files, (file, { specifier }) => {
    const later = targets(file, specifier).find((target) => groupOf(target) > groupOf(file));
    if (later) return `${groupName(file)} may not import ${groupName(later)} ("${specifier}"), which comes later`;
    const outside = targets(file, specifier).find((target) => !target.startsWith("src/"));
    return outside && `"${specifier}" leads out of src`;
  });

/** No two files form a circle. What `import type` names is gone before anything runs, so it does not count. */
export const noCycles: Rule = (files) => {
  const paths = new Set(files.filter(isSource).map(({ path }) => path));
  const edges = new Map<string, { to: string; line: number }[]>();
  for (const file of files.filter(isSource)) {
    const values = imports(file).filter(({ typeOnly }) => !typeOnly);
    const all = values.flatMap(({ specifier, line }) => targets(file.path, specifier).map((to) => ({ to, line })));
    edges.set(
      file.path,
      all.filter(({ to }) => paths.has(to)),
    );
  }
  return circles(edges).map(({ path, line }) => ({
    file: path[0] ?? "",
    line,
    message: `imports form a circle: ${path.join(" -> ")}`,
  }));
};

/** Circles of a directed graph, one for each edge that closes one in a walk in depth. */
function circles(edges: ReadonlyMap<string, readonly { to: string; line: number }[]>) {
  const found: { path: string[]; line: number }[] = [];
  const done = new Set<string>();
  const visit = (node: string, trail: readonly string[]) => {
    if (done.has(node)) return;
    for (const { to } of edges.get(node) ?? []) {
      const start = [...trail, node].indexOf(to);
      if (start < 0) visit(to, [...trail, node]);
      else {
        const path = [...[...trail, node].slice(start), to];
        const line = edges.get(to)?.find((edge) => edge.to === path[1])?.line ?? 1;
        found.push({ path, line });
      }
    }
    done.add(node);
  };
  for (const node of edges.keys()) visit(node, []);
  return found;
}

/** Layers and models do not know on what they run. */
export const noProviders: Rule = (files) =>
  eachMatch(
    files.filter(({ path }) => /^src\/(nn|models)\//.test(path)),
    PROVIDERS,
    ([name]) => `"${name}" is a provider: what differs between devices, runtime answers`,
    true,
  );

/** ONNX Runtime is imported in three files only, its types in a fourth. */
export const engineInTwoFiles: Rule = (files) =>
  eachImport(files, (file, { specifier, typeOnly }) =>
    /^onnxruntime-/.test(specifier) && !ENGINE_FILES.includes(file) && !(file === ENGINE_TYPES && typeOnly)
      ? `"${specifier}" is for ${ENGINE_FILES.join(" and ")} only`
      : undefined,
  );

/** Node's own modules are imported only where nothing else can run. */
export const nodeModules: Rule = (files) =>
  eachImport(files, (file, { specifier }) =>
    (specifier.startsWith("node:") || isBuiltin(specifier)) && !NODE_FILES.test(file)
      ? `"${specifier}" is for src/runtime/node*.ts, node-*.ts and src/cli only`
      : undefined,
  );

/** Lines that a file may have. */
function limit(path: string): number | undefined {
  if (/^examples\/[^/]*\.ts$/.test(path)) return 59;
  if (!path.startsWith("src/")) return undefined;
  if (basename(path) === "index.ts") return 80;
  return path.startsWith("src/models/") ? 250 : 500;
}

export const fileSizes: Rule = (files) =>
  files.flatMap(({ path, text }) => {
    const most = limit(path);
    const count = lines(text);
    return most === undefined || count <= most
      ? []
      : [{ file: path, line: most + 1, message: `${count} lines, at most ${most} allowed` }];
  });

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
    true,
  );

export const noMathRandom: Rule = (files) =>
  eachMatch(files.filter(isSource), /\bMath\s*\.\s*random\b/g, () => "noise comes from a named stream with a seed");

export const noUtils: Rule = (files) =>
  files
    .filter(({ path }) => /(^|\/)utils?\.[cm]?[jt]s$/.test(path))
    .map(({ path }) => ({ file: path, line: 1, message: "name a file after its main export" }));

/** Options are arguments. The environment says only where the user's files are, and how the terminal is. */
export const environment: Rule = (files) =>
  files
    .filter(({ path }) => /^(src|examples)\/.*\.ts$/.test(path))
    .flatMap(({ path, text }) =>
      [...mask(text).matchAll(/\bprocess\s*\.\s*env\b|\bimport\.meta\.env\b|\benv\b[^;]*from "\s*"/g)].flatMap(
        (match) => {
          const rest = text.slice(match.index + match[0].length);
          const name = /^\??\.(\w+)|^(?:\?\.)?\["(\w+)"\]/.exec(rest);
          const read = name?.[1] ?? name?.[2];
          if (match[0].includes("from") && !/"(node:)?process"/.test(text.slice(match.index).split(";")[0] ?? ""))
            return [];
          if (read !== undefined && ENVIRONMENT.has(read)) return [];
          const what = read === undefined ? "the environment as a whole" : `the variable ${read}`;
          return [{ file: path, line: lineAt(text, match.index), message: `reads ${what}; make it an option` }];
        },
      ),
    );

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
