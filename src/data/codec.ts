/** What a platform does with files of pictures. `#codec` is sharp in Node, and the browser itself in a page. */
import type { Picture } from "./picture.ts";
import type { PictureHeader } from "./picture-header.ts";

/** Pixels of 8 bits, upright. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** 3 or 4, of gray pictures as well. */
  readonly channels: number;
  readonly data: Uint8Array;
}

export interface Codec {
  /** Throws anything on what cannot be decoded. */
  decode(bytes: Uint8Array, header: PictureHeader): Promise<Pixels>;
  /** WebP is lossless. Throws DataError where a form cannot be written. */
  encode(picture: Picture, format: "PNG" | "WebP"): Promise<Uint8Array>;
}
