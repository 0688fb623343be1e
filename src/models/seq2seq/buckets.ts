/**
 * Distances in groups (Raffel et al. 2020, arXiv 1910.10683): each of the near ones is one by itself, those further away share
 * ranges that grow with the logarithm.
 * Reference: `_relative_position_bucket` of `modeling_t5.py` of transformers.
 *
 * T queries · S keys
 */
import { arange, type Dim, type Tensor, tensor } from "../../tensor/index.ts";
import { placesBeside } from "./past.ts";

/** How distances are divided. */
export interface Ranges {
  /** How many buckets there are. */
  readonly count: number;
  /** Distances from here on are in the last one. */
  readonly most: number;
  /** Whether keys behind the query have buckets of their own, half of them all; otherwise they are in that of distance 0. */
  readonly both: boolean;
}

/** The bucket of a distance in one direction, in 32 bits as transformers computes it. */
function oneWay(distance: number, count: number, most: number): number {
  const exact = Math.floor(count / 2);
  if (distance < exact) return distance;
  const log = Math.fround(Math.log(Math.fround(distance / exact)));
  const part = Math.fround(log / Math.fround(Math.log(most / exact)));
  return Math.min(exact + Math.floor(Math.fround(part * (count - exact))), count - 1);
}

/** The bucket of a distance, place of the key less that of the query. */
export function bucketOf(distance: number, { count, most, both }: Ranges): number {
  if (!both) return oneWay(Math.max(-distance, 0), count, most);
  const half = Math.floor(count / 2);
  return oneWay(Math.abs(distance), half, most) + (distance > 0 ? half : 0);
}

/** Buckets of S keys for each of T queries, the last of which stands beside the last key: i32 [T, S]. */
export function buckets(T: Dim, S: Dim, ranges: Ranges): Tensor {
  const { most } = ranges;
  const table = Array.from({ length: 2 * most + 1 }, (_, i) => bucketOf(i - most, ranges));
  const distance = arange(S).sub(placesBeside(T, S).unsqueeze(1)).clamp(-most, most);
  return tensor(table, "i32").gather(distance.add(most));
}
