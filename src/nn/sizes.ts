/** Sizes that may differ from one spatial axis to the next. */
import { ConfigError, shown } from "../errors.ts";

/** One number for every spatial axis, or one for each. */
export type PerAxis = number | readonly number[];

/** `value` for each of `axes`. Throws ConfigError where their counts differ, or where one is no whole number. */
export function perAxis(name: string, value: PerAxis, axes: number, least = 0): readonly number[] {
  const list = typeof value === "number" ? Array<number>(axes).fill(value) : value;
  if (Array.isArray(list) && list.length === axes && list.every((size) => Number.isSafeInteger(size) && size >= least))
    return list;
  throw new ConfigError(
    `${name}: expected ${axes === 1 ? "a whole number" : `a whole number, or ${axes} of them,`} from ${least} on, got ${shown(value)}; give one for each spatial axis`,
  );
}

export const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
