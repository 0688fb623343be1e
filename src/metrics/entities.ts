/**
 * Named entities in sequences of tags, counted as conlleval counts them (Tjong Kim Sang & Buchholz 2000): an entity is
 * right where its first word, its last word and its type are. Equal to seqeval 1.2.2 in its default mode.
 */
import { DataError, ShapeError, shown } from "../errors.ts";
import { requireOptions } from "../nn/arguments.ts";
import { type Metric, metric, type Tally, tally } from "./metric.ts";

/** Words that are one thing: those from number `start` to before number `end`. */
export interface Entity {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** A tag in its two parts; `O` has no type. */
interface Parted {
  readonly place: string;
  readonly type: string;
}

const OUTSIDE: Parted = { place: "O", type: "" };
/** BILOU's names of BIOES's places. */
const ALIASES: Readonly<Record<string, string>> = { L: "E", U: "S" };

function parted(tag: unknown): Parted {
  if (tag === "O") return OUTSIDE;
  const [, place = "", type = ""] = (typeof tag === "string" && /^([BIESLU])-(.+)$/.exec(tag)) || [];
  if (place) return { place: ALIASES[place] ?? place, type };
  throw new DataError(
    `entities: expected a tag such as O, B-PER or I-PER, got ${shown(tag)}; a tag is a place (B, I, E, S) and a type`,
  );
}

/** Whether `tag` is one that `entitiesOf` reads. */
export const isTag = (tag: string): boolean => tag === "O" || /^[BIESLU]-./.test(tag);

/** Whether an entity begins at `tag`, after `before`: at B and S, and wherever none goes on. */
const begins = (before: Parted, tag: Parted): boolean =>
  tag.place !== "O" &&
  (tag.place === "B" ||
    tag.place === "S" ||
    before.place === "O" ||
    before.place === "E" ||
    before.place === "S" ||
    before.type !== tag.type);

/**
 * The entities of a sentence's tags. BIO, IOB1 and BIOES (BILOU) are all read by one rule, and so is what is legal in none of
 * them: an I or E begins an entity where none of its type goes on. Throws DataError for what is no tag.
 */
export function entitiesOf(tags: readonly string[]): Entity[] {
  if (!Array.isArray(tags))
    throw new DataError(`entities: expected a list of tags, got ${shown(tags)}; give those of one sentence`);
  const found: { type: string; start: number; end: number }[] = [];
  let before = OUTSIDE;
  for (const [i, each] of tags.entries()) {
    const tag = parted(each);
    const open = found.at(-1);
    if (begins(before, tag)) found.push({ type: tag.type, start: i, end: i + 1 });
    else if (tag.place !== "O" && open) open.end = i + 1;
    before = tag;
  }
  return found;
}

/** How often entities of one type were predicted, are there, and were found. */
export interface EntityCounts {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Entities that are there. */
  readonly support: number;
  /** Entities that were predicted. */
  readonly predicted: number;
  /** Entities that were predicted and are there. */
  readonly right: number;
}

/** Scores of all entities together, and of those of each type. */
export interface EntityScores extends EntityCounts {
  readonly types: Readonly<Record<string, EntityCounts>>;
}

/** Tags of several sentences: predicted and right ones. */
export type TagLists = readonly (readonly string[])[];

type Sums = Map<string, { right: number; predicted: number; actual: number }>;

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

const scoresOf = ({
  right,
  predicted,
  actual,
}: {
  right: number;
  predicted: number;
  actual: number;
}): EntityCounts => ({
  precision: ratio(right, predicted),
  recall: ratio(right, actual),
  f1: ratio(2 * right, predicted + actual),
  support: actual,
  predicted,
  right,
});

function requireSentences(name: string, predictions: TagLists, targets: TagLists): void {
  if (![predictions, targets].every((lists) => Array.isArray(lists) && lists.every(Array.isArray)))
    throw new DataError(
      `${name}: expected a list of lists of tags, got ${shown(predictions)} and ${shown(targets)}; give one list for each sentence`,
    );
  const odd = targets.findIndex((tags, i) => tags.length !== predictions[i]?.length);
  if (predictions.length !== targets.length || odd >= 0)
    throw new ShapeError(
      `${name}: expected a tag for each word of the same sentences, got ${predictions[odd]?.length ?? predictions.length} and ${targets[odd]?.length ?? targets.length}${odd >= 0 ? ` in sentence ${odd + 1}` : ""}; give both for the same words`,
    );
}

const keyOf = ({ type, start, end }: Entity): string => `${start} ${end} ${type}`;

function countSentence(sums: Sums, predicted: readonly string[], target: readonly string[]): void {
  const at = (type: string) => {
    const known = sums.get(type) ?? { right: 0, predicted: 0, actual: 0 };
    sums.set(type, known);
    return known;
  };
  const right = entitiesOf(target);
  const keys = new Set(right.map(keyOf));
  for (const { type } of right) at(type).actual++;
  for (const entity of entitiesOf(predicted)) {
    at(entity.type).predicted++;
    if (keys.has(keyOf(entity))) at(entity.type).right++;
  }
}

const add = (name: string) => (sums: Sums, predictions: TagLists, targets: TagLists) => {
  requireSentences(name, predictions, targets);
  for (const [i, target] of targets.entries()) countSentence(sums, predictions[i] ?? [], target);
};

function total(sums: Sums): EntityCounts {
  const sum = (key: "right" | "predicted" | "actual") =>
    [...sums.values()].reduce((all, counts) => all + counts[key], 0);
  return scoresOf({ right: sum("right"), predicted: sum("predicted"), actual: sum("actual") });
}

/** Precision, recall and F1 of entities, of all together (micro) and type by type. Of none, a score is 0. */
export const entityScores = (): Tally<[predictions: TagLists, targets: TagLists], EntityScores> =>
  tally("entityScores", {
    start: (): Sums => new Map(),
    add: add("entityScores"),
    value: (sums) => {
      const types = [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
      return { ...total(sums), types: Object.fromEntries(types.map(([type, counts]) => [type, scoresOf(counts)])) };
    },
  });

/** F1 of all entities together (micro), or of those of one type. */
export const entityF1 = (
  options: { readonly type?: string } = {},
): Metric<[predictions: TagLists, targets: TagLists]> => {
  requireOptions("entityF1", options, { type: "any" });
  const { type } = options;
  return metric("entityF1", "higher", {
    start: (): Sums => new Map(),
    add: add("entityF1"),
    value: (sums) =>
      type === undefined ? total(sums).f1 : scoresOf(sums.get(type) ?? { right: 0, predicted: 0, actual: 0 }).f1,
  });
};
