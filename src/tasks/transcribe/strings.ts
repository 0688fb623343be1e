/** What is learned from: recordings one by one, or several of one speaker in a row; and which of them are only measured. */
import { type Dataset, digest, divided, type Features, listed, textDigest } from "../../data/index.ts";
import { ConfigError, DataError, nearest, quoted } from "../../errors.ts";
import { stream } from "../../runtime/index.ts";
import type { Hearing } from "./features.ts";
import type { Recording } from "./recordings.ts";

/** A sound as numbers, and what is said. */
export interface Utterance {
  /** For messages. */
  readonly name: string;
  readonly features: Features;
  readonly transcript: string;
}

/** How many recordings make one example: from, to. */
export type Join = readonly [least: number, most: number];

/** "3" or "1-6". Throws ConfigError. */
export function parseJoin(text: string): Join {
  const [, first, last = first] = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(text) ?? [];
  const [least, most] = [Number(first), Number(last)];
  if (least >= 1 && most >= least) return [least, most];
  throw new ConfigError(
    `option: join: expected a number or a range such as 1-6, got ${quoted(text)}; give how many recordings stand in a row`,
  );
}

/** Says whether a resumed training hears what it heard before. */
const digestOf = (all: readonly Recording[]): string =>
  textDigest(
    all
      .map(
        ({ transcript, speaker, samples }) => `${transcript}\t${speaker}\t${digest(new Uint16Array(samples.buffer))}`,
      )
      .join("\n"),
  );

/** A recording at the rate of the model. */
interface Heard {
  readonly name: string;
  readonly transcript: string;
  readonly samples: Float32Array;
}

/** Sounds one after the other, without a pause. */
function inARow(parts: readonly Heard[]): Heard {
  const samples = new Float32Array(parts.reduce((sum, part) => sum + part.samples.length, 0));
  let at = 0;
  for (const part of parts) {
    samples.set(part.samples, at);
    at += part.samples.length;
  }
  const told = (key: "name" | "transcript", between: string) => parts.map((part) => part[key]).join(between);
  return { name: told("name", " + "), transcript: told("transcript", " "), samples };
}

/** Places of the recordings of each speaker. */
function bySpeakers(all: readonly Recording[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [i, { speaker }] of all.entries()) {
    const known = places.get(speaker) ?? [];
    known.push(i);
    places.set(speaker, known);
  }
  return places;
}

/** Which recordings stand in a row in example i: number i of them first, then others of the same speaker. */
function drawRow(
  all: readonly Recording[],
  mates: ReadonlyMap<string, readonly number[]>,
  [least, most]: Join,
  seed: number,
  i: number,
): number[] {
  const draws = stream(seed, i, "join");
  const [more = 0] = draws.integers(1, most - least + 1);
  const first = i % all.length;
  const others = mates.get(all[first]?.speaker ?? "") ?? [first];
  return [first, ...Array.from(draws.integers(least + more - 1, others.length, 1), (j) => others[j] ?? first)];
}

/** How recordings become examples. */
export interface StringOptions {
  readonly join: Join;
  /** Examples that begin with each recording, where several stand in a row. */
  readonly strings: number;
  readonly seed: number;
}

/** Recordings one by one as examples, heard once. */
function single(hearing: Hearing, all: readonly Recording[], found: string): Dataset<Utterance> {
  const heard = all.map((one) => ({
    name: one.name,
    transcript: one.transcript,
    features: hearing.features(hearing.samples(one)),
  }));
  return listed(heard, found, ({ features }) => features.frames);
}

/** Examples of `all`: a function of the options and of the example's number. */
export function utterances(
  hearing: Hearing,
  all: readonly Recording[],
  { join, strings, seed }: StringOptions,
): Dataset<Utterance> {
  const found = digestOf(all);
  if (join[1] === 1) return single(hearing, all, found);
  const mates = bySpeakers(all);
  const heard: Heard[] = all.map((one) => ({
    name: one.name,
    transcript: one.transcript,
    samples: hearing.samples(one),
  }));
  const rows = Array.from({ length: all.length * strings }, (_, i) => drawRow(all, mates, join, seed, i));
  const partsOf = (i: number) => (rows[i] ?? []).flatMap((place) => heard[place] ?? []);
  return {
    size: rows.length,
    digest: `${found}-${join.join("-")}-${strings}-${seed}`,
    length: (i) => partsOf(i).reduce((sum, { samples }) => sum + samples.length, 0),
    at(i) {
      const { samples, ...told } = inARow(partsOf(i));
      return { ...told, features: hearing.features(samples) };
    },
  };
}

/** Recordings that are learned from, and those that are only measured. */
export type Parts = readonly [train: readonly Recording[], held: readonly Recording[]];

/** How recordings are set aside. */
export interface HoldOptions {
  readonly speakerHoldout?: string | undefined;
  readonly holdout: number;
}

/** The recordings of spoken digits that are only measured by the rules of that set: 0 to 4. */
const isTest = ({ index }: Recording): boolean => index !== undefined && index < 5;

function bySpeaker(all: readonly Recording[], speaker: string): Parts {
  const speakers = [...new Set(all.map((recording) => recording.speaker))];
  if (speakers.includes(speaker) && speakers.length > 1)
    return [all.filter((one) => one.speaker !== speaker), all.filter((one) => one.speaker === speaker)];
  if (speakers.every((name) => name === ""))
    throw new ConfigError(
      "option: speakerHoldout: expected data that names its speakers, got none; give a column speaker",
    );
  throw new ConfigError(
    `option: speakerHoldout: expected one of several speakers, ${speakers.slice(0, 20).map(quoted).join(", ")}, got ${quoted(speaker)}${nearest(speaker, speakers)}; name one of them`,
  );
}

/** Parts that the data or the options fix; undefined where chance is to choose. */
export function fixedParts(all: readonly Recording[], { speakerHoldout }: HoldOptions): Parts | undefined {
  if (speakerHoldout !== undefined) return bySpeaker(all, speakerHoldout);
  const [train, held] = [all.filter((one) => !isTest(one)), all.filter(isTest)];
  return train.length > 0 && held.length > 0 ? [train, held] : undefined;
}

/** All recordings in two parts. Throws DataError where there are too few. */
export function partsOf(all: readonly Recording[], options: HoldOptions, seed: number, name: string): Parts {
  const fixed = fixedParts(all, options);
  if (fixed) return fixed;
  if (all.length < 2)
    throw new DataError(`data ${name}: expected at least 2 recordings, got ${all.length}; give more, or --val`);
  const order = stream(seed, 0, "holdout").permutation(all.length);
  const [train, held] = divided(listed(all, ""), options.holdout, order);
  const listOf = (part: Dataset<Recording>) => Array.from({ length: part.size }, (_, i) => part.at(i));
  return [listOf(train), listOf(held)];
}
