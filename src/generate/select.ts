/**
 * Selection without sorting: the first ids in an order, up to a count or a mass, in time proportional to their number.
 * Reference: Hoare, "Algorithm 65: find" (1961); with weights, the weighted median of Blum et al. (1973).
 */

/** Falling keys, equal keys by id. */
const precedes = (keys: Float64Array, a: number, b: number): boolean => {
  const [x, y] = [keys[a] as number, keys[b] as number];
  return x > y || (x === y && a < b);
};

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
 * How many of `ids`, in the order of falling `keys` and among equal keys of rising ids, have `target` of the weight
 * together: the fewest, at least one, and all where there is not as much. Those come to stand first, in any order but for the
 * last of them. Keys and weights are by id; without weights each id counts one.
 */
export function reach(ids: Int32Array, keys: Float64Array, target: number, weights?: Float64Array): number {
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

/** The largest logit; -Infinity where all are forbidden. */
export function largest(logits: Float64Array): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) if ((logits[id] as number) > top) top = logits[id] as number;
  return top;
}

/** Ids that are not forbidden, in rising order. */
export function allowed(logits: Float64Array): Int32Array {
  const ids = new Int32Array(logits.length);
  let count = 0;
  for (let id = 0; id < logits.length; id++) if ((logits[id] as number) > Number.NEGATIVE_INFINITY) ids[count++] = id;
  return ids.subarray(0, count);
}

/** exp(logit - top) by id, and their sum. */
export function weigh(logits: Float64Array, ids: Int32Array): { weights: Float64Array; total: number } {
  const [weights, top] = [new Float64Array(logits.length), largest(logits)];
  let total = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    const weight = Math.exp((logits[id] as number) - top);
    weights[id] = weight;
    total += weight;
  }
  return { weights, total };
}
