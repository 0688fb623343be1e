/** Data as flags name it: `--data`, or a flag for each of the files that a task learns from together. */
import { Option } from "commander";
import type { DataGiven } from "../data/index.ts";
import { ConfigError } from "../errors.ts";
import type { Task } from "../tasks/index.ts";
import { kebab } from "./flags.ts";

type Flags = Readonly<Record<string, unknown>>;

/** target -> valTarget */
const key = (part: string, val: boolean): string => (val ? `val${part[0]?.toUpperCase()}${part.slice(1)}` : part);
const flag = (part: string, val: boolean): string => `--${kebab(key(part, val))}`;

/** Adds a flag for each part of the data of `tasks`, and of validation data where `val` says so. */
export function addPartFlags(
  command: { addOption(option: Option): unknown },
  tasks: readonly Task[],
  taken: Set<string>,
  val: boolean,
): void {
  for (const { name, parts = {} } of tasks)
    for (const [part, about] of Object.entries(parts))
      for (const validation of val ? [false, true] : [false]) {
        if (taken.has(key(part, validation))) continue;
        taken.add(key(part, validation));
        const text = validation ? `the same for --val: ${about}` : about;
        command.addOption(new Option(`${flag(part, validation)} <file>`, text).helpGroup(`Data of task ${name}:`));
      }
}

function requireParts(task: Task, given: readonly (string | undefined)[], val: boolean): string[] {
  const names = Object.keys(task.parts ?? {});
  const missing = names.find((_, i) => given[i] === undefined);
  if (missing === undefined) return given as string[];
  const all = names.map((name) => flag(name, val)).join(" and ");
  throw new ConfigError(`${flag(missing, val)}: task ${task.name} needs ${all} together, got none; name a file`);
}

/** What `flags` name as data for `task`, or as validation data; undefined where they name nothing. Throws ConfigError. */
export function dataGiven(task: Task, flags: Flags, val = false): DataGiven | undefined {
  const whole = val ? "val" : "data";
  if (!task.parts) return flags[whole] as string | undefined;
  const names = Object.keys(task.parts);
  if (flags[whole] !== undefined)
    throw new ConfigError(
      `--${whole}: task ${task.name} learns from several files; give ${names.map((name) => flag(name, val)).join(" and ")} instead`,
    );
  const given = names.map((name) => flags[key(name, val)] as string | undefined);
  return given.every((name) => name === undefined) ? undefined : requireParts(task, given, val);
}

/** How the data of `task` is named on a command line. */
export const dataFlags = ({ parts }: Task): string =>
  Object.keys(parts ?? { data: "" })
    .map((name) => `${flag(name, false)} FILE`)
    .join(" ");

/** Data as it is called in messages. */
export const dataName = (data: DataGiven): string => (Array.isArray(data) ? data.join(" + ") : String(data));
