/** Sizes that may differ from one spatial axis to the next. */
import { ConfigError } from "../errors.ts";

/** One number for every spatial axis, or one for each. */
export type PerAxis = number | readonly number[];

/** `value` for each of `axes`. Throws ConfigError where their counts differ, or where one is no whole number. */
export function perAxis(name: string, value: PerAxis, axes: number): readonly number[] {
  const list = typeof value === "number" ? Array<number>(axes).fill(value) : value;
  if (list.length === axes && list.every((size) => Number.isInteger(size) && size >= 0)) return list;
  throw new ConfigError(
    `${name}: expected a whole number, or ${axes} of them, got [${list}]; give one for each spatial axis`,
  );
}

export const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
