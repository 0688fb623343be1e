/** The built-in text: little stories from a probabilistic grammar, the same on every machine for the same seed. */
import { z } from "zod";
import { stream } from "../runtime/random.ts";
import { checked, whole } from "../schema.ts";
import { PEOPLE, RULES } from "./grammar.ts";
import { PLOTS, type Plot } from "./plots.ts";

type Choose = <T>(choices: readonly T[]) => T;
type Bound = ReadonlyMap<string, string>;

const NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
const PRONOUNS = { she: { him: "her", his: "her" }, he: { him: "him", his: "his" } } as const;
const SLOT = /<([A-Za-z]+)(\d*)>/g;

/** Choices for story number `story`, from its own random stream. */
function chooser(seed: number, story: number): Choose {
  const draws = stream(seed, story, "corpus");
  const block = new Float32Array(256);
  let used = 0;
  return (choices) => {
    if (used % block.length === 0) draws.fillUniform(block, used);
    const choice = choices[Math.floor((block[used++ % block.length] ?? 0) * choices.length)];
    if (choice === undefined) throw new Error("internal: a rule of the grammar has no choices");
    return choice;
  };
}

const capital = (text: string) => text.replace(/[a-z]/i, (letter) => letter.toUpperCase());
const rule = (name: string): readonly string[] => RULES[name] ?? [];

/** `text` with its slots filled: bound words first, then a free choice of the rule. */
function expand(text: string, bound: Bound, choose: Choose): string {
  return text.replace(SLOT, (_, name: string, digit: string) => {
    const key = name.charAt(0).toLowerCase() + name.slice(1);
    const value = bound.get(key + digit) ?? expand(choose(rule(key)), bound, choose);
    return key === name ? value : capital(value);
  });
}

/** The words that stay the same through a story: two people, a thing, two animals, and numbers that add up. */
function bindings(choose: Choose): Bound {
  const [she, friendShe] = [choose(["she", "he"] as const), choose(["she", "he"] as const)];
  const hero = choose(PEOPLE[she]);
  const friend = choose(PEOPLE[friendShe].filter((name) => name !== hero));
  const beast = choose(rule("creature"));
  return new Map([
    ...Object.entries({ hero, he: she, ...PRONOUNS[she], friend, fhe: friendShe }),
    ...Object.entries({ fhim: PRONOUNS[friendShe].him, fhis: PRONOUNS[friendShe].his }),
    ...Object.entries({ beast, beast2: choose(rule("creature").filter((other) => other !== beast)) }),
    ...["place", "town", "season", "trade"].map((key) => [key, choose(rule(key))] as const),
    ...Object.entries({ treasure: choose(rule("object")), seed: choose(rule("plant")), place2: choose(rule("place")) }),
    ...Object.entries({ pet: choose(["Button", "Pepper", "Moss", "Biscuit", "Shadow", "Pebble"]) }),
    ...Object.entries({ elder: choose(["mother", "father", "grandmother", "grandfather", "uncle", "aunt"]) }),
    ...Object.entries({
      walked2: choose(["ran", "raced", "hurried"]),
      fine2: choose(["beautiful", "famous", "wonderful"]),
    }),
    ...Object.entries({ applecake: choose(["apple cake", "onion pie", "almond tart"]) }),
    ...counts(choose),
  ]);
}

/** number = given + left, none of them zero. */
function counts(choose: Choose): [string, string][] {
  const number = choose([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const given = 1 + choose([...Array(number - 1).keys()]);
  const word = (count: number) => NUMBERS[count - 1] ?? "";
  return [
    ["number", word(number)],
    ["given", word(given)],
    ["left", word(number - given)],
    ["plural", plural(choose(rule("things")))],
  ];
}

const plural = (noun: string) => (noun.endsWith("to") ? `${noun}es` : `${noun}s`);

/** A sentence with a capital letter, and `an` where a vowel follows. */
function sentence(pattern: string, bound: Bound, choose: Choose): string {
  const text = expand(pattern, bound, choose).replace(/\b(a) (?=[aeiou])/gi, "$1n ");
  return capital(text);
}

function story(plot: Plot, choose: Choose): string {
  const bound = bindings(choose);
  const title = sentence(choose(plot.titles), bound, choose);
  const paragraphs = plot.paragraphs.map((beats) =>
    beats.map((ways) => sentence(choose(ways), bound, choose)).join(" "),
  );
  return `${[title, ...paragraphs].join("\n")}\n\n`;
}

/** As many as fit into a string of V8. */
const length = z.object({ characters: whole(0, 500_000_000) });

/** `characters` characters of generated English stories: a title line, three paragraphs, an empty line, and so on. */
export function builtInText(seed = 0, characters = 400_000): string {
  checked(length, { characters }, "builtInText");
  const stories: string[] = [];
  for (let length = 0; length < characters; ) {
    const choose = chooser(seed, stories.length);
    const text = story(choose(PLOTS), choose);
    length += text.length;
    stories.push(text);
  }
  return stories.join("").slice(0, characters);
}
