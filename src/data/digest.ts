/** Digests of what a run depends on: they find accidents, not attacks. */
import { hash } from "../runtime/index.ts";

/** How many units there are, and a hash of them. */
export const digest = (units: ArrayLike<number> & Iterable<number>): string =>
  `${units.length}-${hash(units).toString(16).padStart(8, "0")}`;

/** The digest of a text, by UTF-16 units. */
export const textDigest = (text: string): string =>
  digest(Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)));
