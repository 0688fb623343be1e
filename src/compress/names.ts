/** Names of pictures, and of the files that they become. */
import { safeParts } from "../checkpoint/index.ts";

/** What a restored picture is called: pictures are written as PNG, whatever they were. */
export const fileName = (name: string): string => (/\.png$/i.test(name) ? name : `${name}.png`);

/** Whether `path` leads to a file of a folder on every platform. */
export function isSafe(path: string): boolean {
  try {
    return safeParts(path).length > 0;
  } catch {
    return false;
  }
}
