/**
 * How entities are spelled as one tag for each word, and which tag may follow which.
 *
 *   BIO     B-PER I-PER O      B begins an entity, I goes on (IOB2)
 *   IOB1    I-PER I-PER O      B only where an entity follows another of its type at once (Ramshaw & Marcus 1995)
 *   BIOES   B-PER E-PER S-LOC  E ends an entity of several words, S is one of a single word (BILOU says L and U)
 */
import type { Entity } from "../metrics/entities.ts";

export const SCHEMES = ["BIO", "IOB1", "BIOES"] as const;
export type Scheme = (typeof SCHEMES)[number];

/** Place and type of a tag; of O and of nothing, a place of its own. */
function divide(tag: string | undefined): readonly [place: string, type: string] {
  if (tag === undefined) return ["", ""];
  const place = tag.charAt(0);
  return [place === "L" ? "E" : place === "U" ? "S" : place, tag.slice(2)];
}

/** Whether `tag` may follow `before`; undefined stands for the border of a sentence. */
export function mayFollow(scheme: Scheme, before: string | undefined, tag: string | undefined): boolean {
  const [[was, wasType], [is, type]] = [divide(before), divide(tag)];
  const same = wasType === type;
  const inside = was === "B" || was === "I"; // an entity that may go on
  if (scheme === "IOB1") return is !== "B" ? is !== "E" && is !== "S" : inside && same;
  if (is === "I" || is === "E") return inside && same && (scheme === "BIOES" || is === "I");
  return scheme === "BIOES" ? !inside : is !== "S";
}

/** The first place at which the tags of a sentence are not legal, its end included; undefined where they are. */
export function firstIllegal(scheme: Scheme, tags: readonly string[]): number | undefined {
  const at = [...tags, undefined].findIndex((tag, i) => !mayFollow(scheme, tags[i - 1], tag));
  return at < 0 ? undefined : at;
}

/** The tags of a sentence of `length` words; entities do not overlap. */
export function tagsOf(scheme: "BIO" | "BIOES", entities: readonly Entity[], length: number): string[] {
  const tags = Array<string>(length).fill("O");
  for (const { type, start, end } of entities) {
    for (let i = start; i < end; i++) tags[i] = `${i === start ? "B" : "I"}-${type}`;
    if (scheme === "BIOES") tags[end - 1] = `${end - start === 1 ? "S" : "E"}-${type}`;
  }
  return tags;
}

/** All tags of `types`, O first. */
export const tagsOfTypes = (scheme: "BIO" | "BIOES", types: readonly string[]): string[] => [
  "O",
  ...types.flatMap((type) => [...(scheme === "BIO" ? "BI" : "BIES")].map((place) => `${place}-${type}`)),
];

/** Scores of 0 for what is legal and -Infinity for what is not, as `viterbi` takes them. */
export function legalScores(scheme: Scheme, tags: readonly string[]) {
  const score = (before: string | undefined, tag: string | undefined) =>
    mayFollow(scheme, before, tag) ? 0 : Number.NEGATIVE_INFINITY;
  return {
    transitions: tags.flatMap((before) => tags.map((tag) => score(before, tag))),
    start: tags.map((tag) => score(undefined, tag)),
    end: tags.map((tag) => score(tag, undefined)),
  };
}
