/**
 * Selection without sorting: the first ids in an order, up to a count or a mass, in time proportional to their number.
 * Reference: Hoare, "Algorithm 65: find" (1961); with weights, the weighted median of Blum et al. (1973).
 */

/** Falling keys, equal keys by id. */
function precedes(keys: Float64Array, a: number, b: number): boolean {
  const x = keys[a] as number;
  const y = keys[b] as number;
  return x > y || (x === y && a < b);
}

function swap(ids: Int32Array, i: number, j: number): void {
  const id = ids[i] as number;
  ids[i] = ids[j] as number;
  ids[j] = id;
}

/** Moves the median of the first, middle and last id of [low, high) to the front. */
function choosePivot(ids: Int32Array, keys: Float64Array, low: number, high: number): void {
  const [middle, last] = [(low + high) >>> 1, high - 1];
  const before = (i: number, j: number) => precedes(keys, ids[i] as number, ids[j] as number);
  if (before(last, middle)) swap(ids, middle, last);
  if (before(low, middle)) swap(ids, low, middle);
  if (before(last, low)) swap(ids, low, last);
}

/** Parts [low, high) into what precedes a pivot, the pivot, and what follows; returns the pivot's place. */
function partition(ids: Int32Array, keys: Float64Array, low: number, high: number): number {
  choosePivot(ids, keys, low, high);
  const pivot = ids[low] as number;
  let [i, j] = [low + 1, high - 1];
  for (;;) {
    while (i <= j && precedes(keys, ids[i] as number, pivot)) i++;
    while (i <= j && precedes(keys, pivot, ids[j] as number)) j--;
    if (i >= j) break;
    swap(ids, i++, j--);
  }
  swap(ids, low, j);
  return j;
}

function massOf(ids: Int32Array, weights: Float64Array, low: number, high: number): number {
  let sum = 0;
  for (let i = low; i < high; i++) sum += weights[ids[i] as number] as number;
  return sum;
}

/**
 * How many of `ids` have `target` of the weight together, the first in the order that are enough; at least one, and all
 * where there is not as much. Those come to stand first, in any order but for the last of them.
 */
function reach(ids: Int32Array, keys: Float64Array, target: number, weights?: Float64Array): number {
  let [low, high, left] = [0, ids.length, target];
  while (high - low > 1) {
    const middle = partition(ids, keys, low, high);
    const before = weights ? massOf(ids, weights, low, middle) : middle - low;
    const after = before + (weights ? (weights[ids[middle] as number] as number) : 1);
    if (left <= before && middle > low) high = middle;
    else if (left <= after) return middle + 1;
    else {
      left -= after;
      low = middle + 1;
    }
  }
  return high;
}

/** The largest of `keys`; -Infinity where there is none, NaN where one is NaN. */
export function largest(keys: Float64Array): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < keys.length; id++) {
    const key = keys[id] as number;
    if (key > top) top = key;
    else if (Number.isNaN(key)) return key;
  }
  return top;
}

/** How many candidates are gathered before those are dropped that cannot be among the first k. */
const room = (k: number): number => Math.max(4 * k, 256);

/** The ids of the k largest keys, of equal keys the lower ids; fewer where there are not as many above -Infinity. */
export function first(keys: Float64Array, k: number): Int32Array {
  const ids = new Int32Array(Math.min(room(k), keys.length));
  let [count, least] = [0, Number.NEGATIVE_INFINITY];
  for (let id = 0; id < keys.length; id++) {
    if (!((keys[id] as number) > least)) continue;
    if (count === ids.length) {
      count = reach(ids, keys, k);
      least = keys[ids[count - 1] as number] as number;
      if (!((keys[id] as number) > least)) continue;
    }
    ids[count++] = id;
  }
  const found = ids.subarray(0, count);
  return count > k ? found.subarray(0, reach(found, keys, k)) : found;
}

/** Keys are counted in bands of this width below the largest, the last of which has no end: natural logarithms. */
const WIDTH = 1 / 8;
const BANDS = 256;

const bandOf = (depth: number): number => Math.min(BANDS - 1, Math.floor(depth / WIDTH));

/** The mass of each band. */
function massByBand(keys: Float64Array, weights: Float64Array, top: number): Float64Array {
  const sums = new Float64Array(BANDS);
  for (let id = 0; id < keys.length; id++) {
    const weight = weights[id] as number;
    if (weight === 0) continue;
    const band = bandOf(top - (keys[id] as number));
    sums[band] = (sums[band] as number) + weight;
  }
  return sums;
}

/** Ids of a band that have weight, in rising order. */
function idsOfBand(keys: Float64Array, weights: Float64Array, top: number, band: number): Int32Array {
  const ids = new Int32Array(keys.length);
  let count = 0;
  for (let id = 0; id < keys.length; id++)
    if (weights[id] !== 0 && bandOf(top - (keys[id] as number)) === band) ids[count++] = id;
  return ids.subarray(0, count);
}

/**
 * The id with which those before it, in the order of falling `keys` and among equal keys of rising ids, have `mass` of the
 * `weights`; the last with weight where there is not as much. One must have weight.
 */
export function reaching(keys: Float64Array, weights: Float64Array, mass: number): number {
  const top = largest(keys);
  const sums = massByBand(keys, weights, top);
  const last = sums.findLastIndex((sum) => sum > 0);
  let [band, left] = [0, mass];
  for (; band < last && left > (sums[band] as number); band++) left -= sums[band] as number;
  const ids = idsOfBand(keys, weights, top, band);
  return ids[reach(ids, keys, left, weights) - 1] as number;
}

/** exp(logit - largest) by id, and their sum. */
export function weigh(logits: Float64Array): { weights: Float64Array; total: number } {
  const weights = new Float64Array(logits.length);
  const top = largest(logits);
  let total = 0;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (logit === Number.NEGATIVE_INFINITY) continue;
    const weight = Math.exp(logit - top);
    weights[id] = weight;
    total += weight;
  }
  return { weights, total };
}
