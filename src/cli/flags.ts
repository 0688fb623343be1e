/** Flags of a command out of schemas: one for each key, with its help and its default. */
import { Option } from "commander";
import type { z } from "zod";
import { ConfigError } from "../errors.ts";
import { type Field, fieldsOf } from "../schema.ts";
import { real } from "./numbers.ts";
import { collect } from "./repeated.ts";

/** Anything that takes options, with or without types. */
interface Flagged {
  addOption(option: Option): unknown;
}

/** evalEvery -> eval-every */
export const kebab = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const PLACEHOLDERS = { number: "<n>", text: "<text>", texts: "<text>", choice: "<name>", boolean: "" } as const;

/** `option`, read as its field is. */
function parsed(option: Option, name: string, { kind }: Field): Option {
  option.negate = false; // --no-repeat-ngram takes a value; it is not the opposite of --repeat-ngram
  if (kind === "texts") return option.argParser(collect);
  return kind === "number" ? option.argParser(real(name)) : option;
}

/** One line of help: what it is, what it may be, what it is when nothing is said, unless that is in the first part. */
export function helpOf({ about, choices, initial }: Field): string {
  const may = choices.length ? `: ${choices.join(", ")}` : "";
  const said = initial === undefined || initial === false || about.includes("(default:");
  return `${about}${may}${said ? "" : ` (default: ${initial})`}`;
}

/** Adds a flag for every key of `schema` that `command` does not have yet, under the heading `group`. */
export function addFlags(
  command: Flagged,
  schema: z.ZodObject,
  group: string,
  taken = new Set<string>(),
  defaults: Readonly<Record<string, unknown>> = {},
): void {
  for (const [key, known] of Object.entries(fieldsOf(schema))) {
    const field = { ...known, initial: defaults[key] ?? known.initial };
    if (taken.has(key)) continue;
    taken.add(key);
    const name = `--${kebab(key)}`;
    const option = new Option(`${name} ${PLACEHOLDERS[field.kind]}`.trim(), helpOf(field)).helpGroup(group);
    command.addOption(parsed(option, name, field));
  }
}

/** Adds flags that are not in the help and only say where each key of `schema` belongs, unless `command` has it. */
export function addPointers(command: Flagged, schema: z.ZodObject, taken: Set<string>, say: (key: string) => string) {
  for (const key of Object.keys(schema.shape)) {
    if (taken.has(key)) continue;
    taken.add(key);
    for (const name of new Set([`--${key}`, `--${kebab(key).replaceAll("_", "-")}`])) {
      const refuse = () => {
        throw new ConfigError(`${name}: ${say(key)}`);
      };
      command.addOption(new Option(`${name} <value>`).hideHelp().argParser(refuse));
    }
  }
}

/** The values of `flags` that belong to `schema`. */
export const flagsOf = (schema: z.ZodObject, flags: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.keys(schema.shape).flatMap((key) => (flags[key] === undefined ? [] : [[key, flags[key]]])));
