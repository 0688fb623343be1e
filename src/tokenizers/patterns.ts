/**
 * Which patterns of a tokenizer.json may run: those that a backtracking engine matches in time proportional to the text.
 * A file from elsewhere brings its own regular expressions, and one such as `(a+)+$` never ends.
 *
 * A pattern is branches between bars, a branch is items, an item is one character (`x`, `\p{L}`, `[^\s]`), a group of
 * items of bounded length, or a look at the neighbourhood, each with a quantifier. A branch is linear when
 *
 *   no item is unbounded                                        `'s`, `\p{N}{1,3}`
 *   after its unbounded item everything may be left out         ` ?\p{L}+`, ` ?[^\s\p{L}]+[\r\n]*`
 *   it is `\s+(?!\S)`, which gives back one character at most
 *   it is p A* B q, q may be left out, and the next branch is p A+ q' and takes all that was looked at in vain
 *                                                               `\s*[\r\n]+|\s+(?!\S)|\s+`
 *
 * The published patterns of GPT-2, cl100k, o200k, Llama 3, Qwen, DeepSeek, Mistral, BLOOM and CLIP are all of this form.
 */
import { quoted, TokenizerError } from "../errors.ts";

const MOST_CHARACTERS = 8192;
/** Repetitions of an item that count as bounded. */
const MOST_REPEATS = 64;
/** Items times ways to match them, summed over the branches: the steps at one place of the text. */
const MOST_STEPS = 512;
const MOST_DEPTH = 8;

const QUANTIFIER = /([*+?])\+?|\{(\d+)(,?)(\d*)\}|\{,(\d+)\}/y;
const ESCAPE = /\\(?:[pP]\{\^?[\w=& -]+\}|x\{[0-9A-Fa-f]+\}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[^\dkgKRXG])/uy;
const ANCHOR = /\\[bBAzZ]|[\^$]/y;
const GROUP = /\((?:\?(?::|i:|>|<[A-Za-z_]\w*>)|(?!\?))/y;
const LOOK = /\(\?<?[=!]/y;

interface Item {
  readonly kind: "character" | "group" | "look";
  /** As it is spelled, without the quantifier. */
  readonly text: string;
  readonly least: number;
  readonly most: number;
  /** Fewest characters, all repetitions together. */
  readonly length: number;
  /** Ways in which it can match at one place, as far as they are bounded. */
  readonly ways: number;
}

type Branch = readonly Item[];

const product = (branch: Branch): number => branch.reduce((ways, item) => ways * item.ways, 1);
const total = (branches: readonly Branch[]): number => branches.reduce((ways, branch) => ways + product(branch), 0);
const lengthOf = (branch: Branch): number => branch.reduce((length, item) => length + item.length, 0);
const isUnbounded = ({ most }: Item): boolean => most === Number.POSITIVE_INFINITY;
const isOptional = ({ kind, least }: Item): boolean => kind !== "look" && least === 0;

/** Fewest and most repetitions that a match of QUANTIFIER asks for. */
function bounds([, sign, from, comma, to, most]: RegExpExecArray): [number, number] {
  if (sign) return [Number(sign === "+"), sign === "?" ? 1 : Number.POSITIVE_INFINITY];
  if (most !== undefined) return [0, Number(most)];
  return [Number(from), comma ? Number(to || Number.POSITIVE_INFINITY) : Number(from)];
}

class Reader {
  readonly #source: string;
  #at = 0;
  constructor(source: string) {
    this.#source = source;
  }

  fail(detail: string): never {
    const shown = quoted(this.#source);
    throw new TokenizerError(
      `tokenizer.json: pattern ${shown}: expected one that takes time in proportion to the text, got ${detail}; use a published tokenizer's`,
    );
  }

  /** All branches up to the end, or to the bracket that closes a group. */
  branches(depth = 0): Branch[] {
    if (depth > MOST_DEPTH) this.fail("groups in groups in groups");
    const branches = [this.#branch(depth)];
    while (this.#take("|")) branches.push(this.#branch(depth));
    if (depth === 0 && this.#at < this.#source.length) this.fail(`"${this.#source[this.#at]}" without its partner`);
    return branches;
  }

  #branch(depth: number): Branch {
    const items: Item[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#source.charAt(this.#at)))
      items.push(this.#item(depth));
    return items;
  }

  #item(depth: number): Item {
    const start = this.#at;
    if (this.#match(ANCHOR)) return this.#look(start);
    if (this.#match(LOOK)) {
      this.#closed(depth);
      return this.#look(start);
    }
    if (this.#match(GROUP)) return this.#group(start, this.#closed(depth));
    if (this.#source[start] === "(") this.fail("a kind of group that is not known here");
    this.#character();
    return this.#quantified({ kind: "character", text: this.#source.slice(start, this.#at), length: 1, ways: 1 });
  }

  #look(start: number): Item {
    if (this.#match(QUANTIFIER)) this.fail("a repeated look at the neighbourhood");
    return { kind: "look", text: this.#source.slice(start, this.#at), least: 1, most: 1, length: 0, ways: 1 };
  }

  /** The branches of a group, none of unbounded length. */
  #closed(depth: number): Branch[] {
    const branches = this.branches(depth + 1);
    if (!this.#take(")")) this.fail("a group without its end");
    if (branches.flat().some(isUnbounded)) this.fail("a group with * or + in it");
    return branches;
  }

  #group(start: number, branches: readonly Branch[]): Item {
    const text = this.#source.slice(start, this.#at);
    const length = Math.min(...branches.map(lengthOf));
    const item = this.#quantified({ kind: "group", text, length, ways: total(branches) });
    if (isUnbounded(item)) this.fail("a group that is repeated without end");
    return item;
  }

  #character(): void {
    if (this.#source[this.#at] === "[") this.#class();
    else if (this.#source[this.#at] === "\\") {
      if (!this.#match(ESCAPE)) this.fail("an escape that is not known here");
    } else if (this.#match(QUANTIFIER)) this.fail("a quantifier of nothing");
    else this.#at += (this.#source.codePointAt(this.#at) ?? 0) > 0xffff ? 2 : 1;
  }

  /** A class with its brackets; classes inside count. A bracket that comes first is a character. */
  #class(): void {
    let open = 0;
    do {
      const character = this.#source[this.#at];
      if (character === undefined) this.fail("a class without its end");
      this.#at += character === "\\" ? 2 : 1;
      if (character === "]") open--;
      if (character !== "[") continue;
      open++;
      this.#take("^");
      this.#take("]");
    } while (open > 0);
  }

  #quantified(item: Omit<Item, "least" | "most">): Item {
    const found = this.#match(QUANTIFIER);
    if (!found) return { ...item, least: 1, most: 1 };
    if ("*+?".includes(this.#source[this.#at] ?? "end")) this.fail("a lazy quantifier or one after another");
    const [least, most] = bounds(found);
    if (least > most || least > MOST_REPEATS || (Number.isFinite(most) && most > MOST_REPEATS))
      this.fail(`more than ${MOST_REPEATS} repetitions`);
    const ways = Number.isFinite(most) ? (most - least + 1) * item.ways ** most : 1;
    return { ...item, least, most, length: item.length * least, ways };
  }

  #take(character: string): boolean {
    const found = this.#source[this.#at] === character;
    if (found) this.#at++;
    return found;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found) this.#at = pattern.lastIndex;
    return found;
  }
}

/** A branch at its first unbounded item: what stands before, the item, what follows. */
function parts(branch: Branch): { before: string; item: Item; after: Branch } | undefined {
  const at = branch.findIndex(isUnbounded);
  const item = branch[at];
  if (!item) return undefined;
  const before = branch.slice(0, at).map(({ text, least, most }) => `${text}{${least},${most}}`);
  return { before: before.join(""), item, after: branch.slice(at + 1) };
}

const isRestOfSpaces = (branch: Branch): boolean =>
  branch.length === 2 && branch[0]?.text === "\\s" && branch[0].least === 1 && branch[1]?.text === "(?!\\S)";

const neverFails = (branch: Branch): boolean => parts(branch)?.after.every(isOptional) ?? true;

/** Whether the branch after `at` takes all that branch `at` looks at before it fails. */
function isCovered(branches: readonly Branch[], at: number): boolean {
  const here = parts(branches[at] ?? []);
  const later = branches.slice(at + 1);
  const next = here?.item.text === "\\s" ? later.find((branch) => !isRestOfSpaces(branch)) : later[0];
  const cover = next && parts(next);
  const [first, ...rest] = here?.after ?? [];
  if (!here || !cover || !next || first?.kind !== "character" || !rest.every(isOptional)) return false;
  return neverFails(next) && cover.before === here.before && cover.item.text === here.item.text && cover.item.least < 2;
}

/** The fewest characters that `source` matches. Throws TokenizerError on a pattern that may take longer than linear time. */
export function requireLinear(source: string): number {
  const reader = new Reader(source);
  if (source.length > MOST_CHARACTERS) reader.fail(`${source.length} characters`);
  const branches = reader.branches();
  const steps = branches.reduce((sum, branch) => sum + product(branch) * (branch.length + 1), 0);
  if (steps > MOST_STEPS) reader.fail("too many ways to match");
  const odd = branches.findIndex(
    (branch, at) => !neverFails(branch) && !isRestOfSpaces(branch) && !isCovered(branches, at),
  );
  if (odd >= 0) reader.fail("one that looks far and then may fail");
  return Math.min(...branches.map(lengthOf));
}
