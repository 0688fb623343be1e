/** Relative paths that come from files and from the network, checked for every platform at once. */
import { CheckpointError, quoted, shown } from "../errors.ts";

const RESERVED = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?$/i;

/** Why a part between slashes may not be used, or nothing. */
function objection(part: string): string | undefined {
  if (part === "") return "an empty part or an absolute path";
  if (part === "." || part === "..") return `the part "${part}"`;
  if (/[\\:]/.test(part)) return "a backslash or colon";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[\u0000-\u001f\u007f]/.test(part)) return "a control character";
  if (/%(?:2e|2f|5c|00)/i.test(part)) return "an escaped dot, slash, backslash or NUL";
  if (/[. ]$/.test(part)) return "a part that ends with a dot or space";
  return RESERVED.test(part) ? "a name reserved by Windows" : undefined;
}

/** The parts of `relative`, each a plain name on Linux, macOS and Windows. Throws CheckpointError on anything else. */
export function safeParts(relative: string): string[] {
  if (typeof relative !== "string")
    throw new CheckpointError(`path: expected the name of a file, got ${shown(relative)}; give a string`);
  const parts = relative.split("/");
  for (const part of parts) {
    const reason = objection(part);
    if (reason) throw new CheckpointError(`path ${quoted(relative)}: expected a path inside the folder, got ${reason}`);
  }
  return parts;
}
