/** Data for a task: one source, or as many as it names parts. */
import type { DataGiven, Source } from "../data/index.ts";
import { ConfigError } from "../errors.ts";
import { type FindOptions, openSource } from "../files/index.ts";
import type { Task } from "./task.ts";

/** `given` as a source for `task`. Throws ConfigError where it is not made of the parts that the task names. */
export function sourceFor({ name, parts }: Task, given: DataGiven, options: FindOptions): Source {
  const source = openSource(given, options);
  const names = Object.keys(parts ?? {});
  const got = source.parts?.length ?? 0;
  if (got === names.length) return source;
  const expected = names.length ? `a list of ${names.join(" and ")}` : "one file";
  throw new ConfigError(
    `data: task ${name} learns from ${expected}, got ${got || "one"}; give ${names.length ? `[${names.join(", ")}]` : "one"}`,
  );
}
