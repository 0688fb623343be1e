/**
 * Tokens that stand for bytes, such as `<0xE2>`, as text. A run of them that is UTF-8 becomes its characters; of one that is not,
 * each byte becomes U+FFFD.
 * Reference: `byte_fallback.rs` of tokenizers.
 */
const BYTE = /^<0x([0-9A-Fa-f]{2})>$/;

const byteOf = (token: string): number | undefined => {
  const [, digits] = BYTE.exec(token) ?? [];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
};

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(bytes: readonly number[]): string[] {
  if (bytes.length === 0) return [];
  try {
    return [utf8.decode(Uint8Array.from(bytes))];
  } catch {
    return bytes.map(() => "\ufffd");
  }
}

/** `tokens` with text in place of every run of bytes. */
export function withoutBytes(tokens: readonly string[]): string[] {
  const texts: string[] = [];
  let bytes: number[] = [];
  for (const token of tokens) {
    const byte = byteOf(token);
    if (byte !== undefined) {
      bytes.push(byte);
      continue;
    }
    texts.push(...textOf(bytes), token);
    bytes = [];
  }
  return [...texts, ...textOf(bytes)];
}
