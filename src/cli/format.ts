/** Numbers, times and bars for people. */
import { printable } from "../errors.ts";
import type { Best } from "../train/index.ts";

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar of `width` characters, drawn in eighths. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = Math.floor(eighths / 8);
  return `${"█".repeat(full)}${EIGHTHS[eighths % 8]}`.padEnd(width, " ");
}

/** 834 · 12.3k · 1.5M */
export function short(value: number): string {
  const [unit, size] =
    value >= 999.5e6 ? ["G", 1e9] : value >= 999.5e3 ? ["M", 1e6] : value >= 1e4 ? ["k", 1e3] : ["", 1];
  return size === 1 ? String(Math.round(value)) : `${(value / size).toPrecision(3).replace(/\.$/, "")}${unit}`;
}

/** 0:07 · 12:34 · 1:02:03 */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Groups of three digits, whatever the locale. */
export const grouped = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ",");

/** 1 picture · 2,000 pictures */
export const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

/** 512 B · 12.3 kB · 4.5 MB */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const [unit, scale] = bytes < 1e6 ? ["kB", 1e3] : bytes < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  return `${(bytes / scale).toFixed(1)} ${unit}`;
}

/** Characters of a cell; what is longer, such as a foreign name, loses its middle. */
const MOST = 1000;

/** Text from anywhere in a table: on one line, and nothing that a terminal would obey. */
export const cell = (text: string): string => printable(text, MOST);

/** Rows of name and value with the values in one column, each of them in `style`. */
export function table(
  rows: readonly (readonly [name: string, value: string])[],
  indent = "",
  style = (value: string, _row: number): string => value,
): string {
  const names = rows.map(([name]) => cell(name));
  const width = Math.max(...names.map((name) => name.length)) + 2;
  return rows.map(([, value], i) => `${indent}${names[i]?.padEnd(width)}${style(cell(value), i)}\n`).join("");
}

/** The best score, where it was met, and on how many examples where it was a part of them. */
export const bestText = ({ score, step, examples }: Best): string =>
  `${score.toFixed(4)} at step ${step}${examples === undefined ? "" : ` on ${grouped(examples)} of the examples`}`;
