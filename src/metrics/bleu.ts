/**
 * BLEU (Papineni et al. 2002) as sacreBLEU counts it (Post 2018, arXiv 1804.08771): tokens of mteval-v13a, n-grams of up to
 * four, "exp" smoothing.
 *
 *   BLEU = 100 · min(1, e^(1 - r/c)) · (p₁ p₂ p₃ p₄)^¼
 *
 * pₙ share of the hypotheses' n-grams that their references have, each as often as it stands there at most; c tokens of the
 * hypotheses, r of the references. The k-th precision of 0 counts as 1/(2ᵏ · n-grams).
 * Reference: https://github.com/mjpost/sacrebleu/blob/master/sacrebleu/metrics/bleu.py
 */
import { DataError, quoted, ShapeError, shown } from "../errors.ts";
import { type Metric, metric } from "./metric.ts";

/** How BLEU counts. */
export interface BleuOptions {
  /** Whether upper and lower case are the same. Default false. */
  readonly lowercase?: boolean;
}

const ORDERS = 4;

/** Python's str.split takes the four information separators for space as well. */
const SEPARATORS = String.fromCharCode(0x1c, 0x1d, 0x1e, 0x1f);
const SPACE = new RegExp(`[\\p{White_Space}${SEPARATORS}]+`, "u");
const TRAILING = new RegExp(`${SPACE.source}$`, "u");

/** The tokens of mteval-v13a. */
export function tokens13a(text: string): string[] {
  const plain = text
    .replaceAll("<skipped>", "")
    .replaceAll("-\n", "")
    .replaceAll("\n", " ")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">");
  return ` ${plain} `
    .replace(/[{-~[-` -&(-+:-@/]/gu, " $& ")
    .replace(/([^0-9])([.,])/gu, "$1 $2 ")
    .replace(/([.,])([^0-9])/gu, " $1 $2")
    .replace(/([0-9])(-)/gu, "$1 $2 ")
    .split(SPACE)
    .filter((token) => token !== "");
}

/** How often each n-gram of up to four tokens occurs. Tokens hold no space. */
function gramsOf(tokens: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (let n = 1; n <= ORDERS; n++)
    for (let at = 0; at + n <= tokens.length; at++) {
      const gram = `${n} ${tokens.slice(at, at + n).join(" ")}`;
      counts.set(gram, (counts.get(gram) ?? 0) + 1);
    }
  return counts;
}

/** Each n-gram as often as one of the references has it at most. */
function mostOf(references: readonly string[][]): Map<string, number> {
  const most = new Map<string, number>();
  for (const tokens of references)
    for (const [gram, count] of gramsOf(tokens)) most.set(gram, Math.max(count, most.get(gram) ?? 0));
  return most;
}

/** The length that is nearest to `length`; of two as near the shorter one. */
const nearestLength = (length: number, lengths: readonly number[]): number =>
  [...lengths].sort((a, b) => Math.abs(a - length) - Math.abs(b - length) || a - b)[0] ?? 0;

interface Counts {
  hypothesis: number;
  reference: number;
  readonly right: number[];
  readonly total: number[];
}

function addSentence(counts: Counts, hypothesis: readonly string[], references: readonly string[][]): void {
  const known = mostOf(references);
  counts.hypothesis += hypothesis.length;
  counts.reference += nearestLength(
    hypothesis.length,
    references.map(({ length }) => length),
  );
  for (const [gram, count] of gramsOf(hypothesis)) {
    const n = Number(gram[0]) - 1;
    counts.total[n] = (counts.total[n] ?? 0) + count;
    counts.right[n] = (counts.right[n] ?? 0) + Math.min(count, known.get(gram) ?? 0);
  }
}

function scoreOf({ hypothesis: c, reference: r, right, total }: Counts): number {
  if (right.every((count) => count === 0) || total.includes(0)) return 0;
  let halved = 1;
  const logs = right.map((count, n) => {
    if (count === 0) halved *= 2;
    return Math.log((count === 0 ? 1 / halved : count) / (total[n] ?? 1));
  });
  const brevity = Math.min(0, 1 - r / c);
  return 100 * Math.exp(brevity + logs.reduce((a, b) => a + b, 0) / ORDERS);
}

type Sentences = readonly string[];
/** Of each sentence one reference, or several that are as good. */
type References = readonly (string | readonly string[])[];

function requireSentences(hypotheses: unknown, references: unknown): void {
  const odd = [hypotheses, references].find((list) => !Array.isArray(list));
  if (odd !== undefined) throw new DataError(`bleu: expected lists of sentences, got ${shown(odd)}; give arrays`);
  const counts = [hypotheses, references].map((list) => (list as unknown[]).length);
  if (counts[0] !== counts[1])
    throw new ShapeError(
      `bleu: expected references for each of ${counts[0]} sentences, got ${counts[1]}; give both for the same sentences`,
    );
}

function requireText(text: unknown): string {
  if (typeof text === "string") return text;
  throw new DataError(`bleu: expected sentences, got ${typeof text === "object" ? shown(text) : quoted(String(text))}`);
}

/**
 * BLEU of translations and their references, from 0 to 100; 0 of nothing. Throws DataError for what are no sentences,
 * ShapeError where there are not references for each of them.
 */
export function bleu({ lowercase = false }: BleuOptions = {}): Metric<[hypotheses: Sentences, references: References]> {
  const tokensOf = (text: unknown): string[] => {
    const given = lowercase ? requireText(text).toLowerCase() : requireText(text);
    return tokens13a(given.replace(TRAILING, ""));
  };
  return metric("bleu", "higher", {
    start: (): Counts => ({ hypothesis: 0, reference: 0, right: Array(ORDERS).fill(0), total: Array(ORDERS).fill(0) }),
    add(counts, hypotheses: Sentences, references: References) {
      requireSentences(hypotheses, references);
      for (const [i, hypothesis] of hypotheses.entries())
        addSentence(counts, tokensOf(hypothesis), [references[i] ?? []].flat().map(tokensOf));
    },
    value: scoreOf,
  });
}
