/** UTF-8, and what to say of bytes that are none. */
import { DataError } from "../errors.ts";

/** Strict UTF-8 without a byte order mark; DataError with the place of the first byte that is no text. */
export function decodeText(bytes: Uint8Array, source: string): string {
  if (bytes.length === 0) throw new DataError(`text ${source}: expected text, got an empty file`);
  const nul = bytes.indexOf(0);
  if (nul >= 0)
    throw new DataError(`text ${source}: expected UTF-8 text, got a NUL byte at offset ${nul}; ${binaryHint(bytes)}`);
  const damage = firstInvalid(bytes);
  if (damage < 0) return new TextDecoder().decode(bytes);
  throw new DataError(
    `text ${source}: expected UTF-8 text, got byte 0x${(bytes[damage] ?? 0).toString(16)} at offset ${damage}; ` +
      "save the file as UTF-8 (for example with `iconv -f latin1 -t utf-8`)",
  );
}

function binaryHint(bytes: Uint8Array): string {
  const mark = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  return mark === 0xfffe || mark === 0xfeff ? "it is UTF-16: save it as UTF-8" : "it is binary, not text";
}

/** Where the first character that is no UTF-8 begins, or -1: after the longest whole prefix, found by halving. */
function firstInvalid(bytes: Uint8Array): number {
  if (isUtf8(bytes, false)) return -1;
  let [good, bad] = [0, bytes.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isUtf8(bytes.subarray(0, middle), true)) good = middle;
    else bad = middle;
  }
  while (!isUtf8(bytes.subarray(0, good), false)) good--;
  return good;
}

/** With `open`, the last character may be unfinished. */
function isUtf8(bytes: Uint8Array, open: boolean): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: open });
    return true;
  } catch {
    return false;
  }
}
