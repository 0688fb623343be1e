/** Numbers as people type them: plain decimals only, so that a slip is an error and not another number. */
import { ConfigError } from "../errors.ts";

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The finite number that `text` spells, or undefined. */
export function decimal(text: string): number | undefined {
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

type Read = (text: string) => number;

/** Reads the number of option `name`, from `least` to `most`. Throws ConfigError. */
const reader =
  (kind: string, fits: (value: number) => boolean) =>
  (name: string, least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY): Read =>
  (text) => {
    const value = decimal(text);
    if (value !== undefined && value >= least && value <= most && fits(value)) return value;
    const range = Number.isFinite(most) ? ` from ${least} to ${most}` : "";
    throw new ConfigError(`option ${name}: expected ${kind}${range}, got ${JSON.stringify(text)}`);
  };

export const whole = reader("a whole number", Number.isInteger);
export const real = reader("a number", () => true);
