/** Pictures in fewer bytes, without loss. */
export {
  type Compressed,
  type CompressionRate,
  type CompressOptions,
  compress,
  type DecompressOptions,
  decompress,
} from "./compress.ts";
