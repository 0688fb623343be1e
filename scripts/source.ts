/** Just enough of a reader of TypeScript for the rules of the house: what is code, what is imported, where functions end. */

export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `import type` and `export type`: gone from what runs. */
  readonly typeOnly: boolean;
}

interface Token {
  readonly text: string;
  readonly at: number;
}

/** Line of the character at `index`, counted from 1. */
export const lineAt = (text: string, index: number): number => text.slice(0, index).split("\n").length;

/** After one of these a slash begins a regular expression. */
const BEFORE_REGEX = /(^|[=(,:;!&|?{}[+\-*%~^<>]|\b(return|typeof|case|in|of|do|else|void|throw|await|yield))\s*$/;

/** The same text with comments, and what stands between quotes and slashes, turned to spaces; `${...}` stays code. */
export function mask(text: string): string {
  const out = text.split("");
  const blank = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (out[i] !== "\n") out[i] = " ";
  };
  const templates: number[] = []; // depth of braces at which each open `${` closes
  let depth = 0;
  let i = 0;
  const past = (pattern: RegExp) => {
    pattern.lastIndex = i;
    return pattern.test(text) ? pattern.lastIndex : text.length;
  };
  const template = () => {
    const end = past(/(?:\\[\s\S]|\$(?!\{)|[^\\`$])*(?:`|\$\{)/y);
    const opens = text.startsWith("${", end - 2);
    blank(i, end - (opens ? 2 : 1));
    if (opens) templates.push(depth++);
    i = end;
  };
  while (i < text.length) {
    const start = i;
    const char = text[i];
    if (text.startsWith("//", i) || text.startsWith("/*", i)) {
      i = past(text[i + 1] === "/" ? /[^\n]*/y : /\/\*[\s\S]*?\*\//y);
      blank(start, i);
    } else if (char === '"' || char === "'") {
      i = past(char === '"' ? /"(?:\\[\s\S]|[^"\\\n])*"?/y : /'(?:\\[\s\S]|[^'\\\n])*'?/y);
      blank(start + 1, i - 1);
    } else if (char === "/" && BEFORE_REGEX.test(out.slice(Math.max(0, i - 40), i).join(""))) {
      i = past(/\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/?/y);
      blank(start + 1, i - 1);
    } else {
      i++;
      if (char === "{") depth++;
      if (char === "}") depth--;
      if (char === "`" || (char === "}" && templates.at(-1) === depth && templates.pop() !== undefined)) template();
    }
  }
  return out.join("");
}

const IMPORT = /\b(?:import|export)\s+(type\s+(?!from\b))?[\w$*\s{},]*?\bfrom\s*["']|\bimport\s*\(?\s*["']/g;

/** Everything a file imports or exports from elsewhere, lazily too. */
export function imports({ text }: Source): Import[] {
  const found: Import[] = [];
  for (const match of mask(text).matchAll(IMPORT)) {
    const start = match.index + match[0].length;
    const specifier = /^[^"']*/.exec(text.slice(start))?.[0] ?? "";
    found.push({ specifier, line: lineAt(text, start), typeOnly: match[1] !== undefined });
  }
  return found;
}

const PAIRS: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const CONTROL = new Set(["if", "for", "while", "switch", "catch", "with", "await"]);
/** After one of these, inside the type of a result, a brace opens an object type and not the body. */
const BEFORE_TYPE = new Set([":", "|", "&", "<", ",", "=>", "(", "[", "is", "extends", "keyof", "readonly", "?"]);

function tokenize(masked: string): Token[] {
  return [...masked.matchAll(/=>|[\w$]+|"\s*"|'\s*'|[^\s]/g)].map((m) => ({ text: m[0], at: m.index }));
}

/** For each bracket the index of its partner. */
function partners(tokens: readonly Token[]): Map<number, number> {
  const found = new Map<number, number>();
  const open: number[] = [];
  for (const [i, { text }] of tokens.entries()) {
    if (text in PAIRS) open.push(i);
    else if (text === ")" || text === "]" || text === "}") {
      const start = open.pop();
      if (start === undefined) continue;
      found.set(start, i).set(i, start);
    }
  }
  return found;
}

/**
 * Lengths in lines of the functions of a file: declarations, methods, arrows with a body, and arrows that are given a
 * name by `const`. An estimate from braces: it needs formatted code, and a callback of one expression does not count.
 */
export function functionLengths({ text }: Source): number[] {
  const masked = mask(text);
  const tokens = tokenize(masked);
  const partner = partners(tokens);
  const is = (i: number) => tokens[i]?.text ?? "";
  const line = (i: number) => lineAt(masked, tokens[Math.min(i, tokens.length - 1)]?.at ?? 0);
  const lengths: number[] = [];
  const add = (start: number, end: number | undefined) => {
    if (end !== undefined) lengths.push(line(end) - line(start) + 1);
  };
  for (let i = 0; i < tokens.length; i++) {
    if (is(i) === "=>") {
      const start = headOf(i, is, partner);
      if (is(i + 1) === "{") add(start, partner.get(i + 1));
      else if (isBound(start, is)) add(start, endOfExpression(i + 1, is, partner));
    } else if (is(i) === ")") {
      const open = partner.get(i) ?? i;
      if (CONTROL.has(is(open - 1)) || !/^[\w$>\]]+$|^["']/.test(is(open - 1))) continue;
      if (is(i + 1) === "{") add(open - 1, partner.get(i + 1));
      else if (is(i + 1) === ":" && tokens[i + 1]?.at === (tokens[i]?.at ?? 0) + 1)
        add(open - 1, bodyAfterType(i + 2, is, partner));
    }
  }
  return lengths;
}

type At = (i: number) => string;

/** First token of the arrow function whose arrow stands at `arrow`: its parentheses, before a result type if it has one. */
function headOf(arrow: number, is: At, partner: ReadonlyMap<number, number>): number {
  let i = arrow - 1;
  if (is(i) === ")") return partner.get(i) ?? i;
  for (; i > 0 && !/^[;{(=]$/.test(is(i)); i--) {
    if (is(i) === ")" && is(i + 1) === ":") return partner.get(i) ?? i;
    if (/^[)\]}]$/.test(is(i))) i = partner.get(i) ?? i;
  }
  return arrow - 1;
}

/** Whether the arrow function that begins at `start` is given a name: `const f = async <T>(...) => ...`. */
function isBound(start: number, is: At): boolean {
  let i = start - 1;
  if (is(i) === ">") while (i > 0 && is(i) !== "<") i--;
  while (is(i) === "<" || is(i) === "async") i--;
  return is(i) === "=" && is(i - 2) !== "type" && is(i - 1) !== ">";
}

/** Last token of the expression that begins at `i`: before the comma, semicolon or bracket that ends it. */
function endOfExpression(i: number, is: At, partner: ReadonlyMap<number, number>): number {
  let end = i;
  while (is(end) !== "" && !/^[;,)\]}]$/.test(is(end))) end = (is(end) in PAIRS ? (partner.get(end) ?? end) : end) + 1;
  return end - 1;
}

/** End of the body that follows a result type at `i`, or nothing for a signature without a body. */
function bodyAfterType(i: number, is: At, partner: ReadonlyMap<number, number>): number | undefined {
  for (let k = i; is(k) !== "" && !/^[;)},=]$/.test(is(k)); k++) {
    if (is(k) === "{" && !(k === i || BEFORE_TYPE.has(is(k - 1)))) return partner.get(k);
    if (is(k) in PAIRS) k = partner.get(k) ?? k;
  }
  return undefined;
}
