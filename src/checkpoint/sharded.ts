/**
 * The index of a checkpoint in several files, `model.safetensors.index.json`: `{ "weight_map": { tensor: file } }`.
 * Reference: https://huggingface.co/docs/hub/en/safetensors
 */
import { CheckpointError, quoted } from "../errors.ts";
import { decodeUtf8, JsonScanner } from "./json-scanner.ts";
import { safeParts } from "./paths.ts";
import { LIMITS } from "./safetensors.ts";

const WHAT = "safetensors index";
/** As huggingface.js. */
const MAX_SHARDS = 10_000;
const MAX_DEPTH = 16;

/** File name of a shard -> names of its tensors. Throws CheckpointError on damage or a name that is no plain file name. */
export function parseIndex(bytes: Uint8Array, limits = LIMITS): Map<string, string[]> {
  if (bytes.length > limits.headerBytes) fail(`expected at most ${limits.headerBytes} bytes, got ${bytes.length}`);
  const scanner = new JsonScanner(decodeUtf8(bytes, WHAT).trimEnd(), WHAT);
  const shards = new Map<string, string[]>();
  scanner.object((key) => {
    if (key === "weight_map") scanner.object((tensor) => place(shards, tensor, scanner.string()));
    else scanner.skip(MAX_DEPTH);
  });
  scanner.end();
  if (shards.size === 0) fail("expected a weight_map with at least one tensor, got none");
  return shards;
}

function place(shards: Map<string, string[]>, tensor: string, file: string): void {
  if (safeParts(file).length !== 1 || !file.endsWith(".safetensors"))
    fail(`tensor ${quoted(tensor)}: expected a .safetensors file beside the index, got ${quoted(file)}`);
  const tensors = shards.get(file);
  if (tensors) tensors.push(tensor);
  else if (shards.set(file, [tensor]).size > MAX_SHARDS) fail(`expected at most ${MAX_SHARDS} files, got more`);
}

/** A shard holds exactly the tensors that the index says. Throws CheckpointError otherwise. */
export function checkShard(file: string, listed: readonly string[], held: ReadonlyMap<string, unknown>): void {
  const absent = listed.find((tensor) => !held.has(tensor));
  if (absent !== undefined) fail(`expected tensor ${quoted(absent)} in ${quoted(file)}, got none`);
  const names = new Set(listed);
  const extra = [...held.keys()].find((tensor) => !names.has(tensor));
  if (extra !== undefined) fail(`expected tensor ${quoted(extra)} of ${quoted(file)} in the index, got none`);
}

function fail(detail: string): never {
  throw new CheckpointError(`${WHAT}: ${detail}`);
}
