/**
 * Functions of which a coder needs the same bits everywhere. `Math.exp` may differ in its last bits between engines; what
 * is here uses +, -, ×, ÷ and √ alone, which IEEE 754 fixes to the bit.
 */

const LN2_HIGH = 0.6931471803691238; // 33 bits, so that a small whole number of them is exact
const LN2_LOW = 1.9082149292705877e-10;
const ROOT_2_PI = Math.sqrt(2 * Math.PI);

const bits = new DataView(new ArrayBuffer(8));

/** 2^k, for whole k from -1022 to 1023. */
function powerOfTwo(k: number): number {
  bits.setUint32(0, (k + 1023) * 2 ** 20);
  return bits.getFloat64(0);
}

/** e^x within about one unit in the last place; 0 below -708 and Infinity above 709. */
export function exp(x: number): number {
  if (!(x >= -708)) return x < -708 ? 0 : Number.NaN;
  if (x > 709) return Number.POSITIVE_INFINITY;
  const k = Math.floor(x / (LN2_HIGH + LN2_LOW) + 0.5);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let sum = 1;
  for (let n = 14; n > 0; n--) sum = 1 + (r / n) * sum; // 1 + r + r²/2! + ..., |r| ≤ 0.35
  return sum * powerOfTwo(k);
}

/** 1 / (1 + e^-x) */
export function logisticCdf(x: number): number {
  if (x >= 0) return 1 / (1 + exp(-x));
  const e = exp(x);
  return e / (1 + e);
}

/** log(1 + e^x), from log(1 + u) = 2 (v + v³/3 + v⁵/5 + ...) where v = u / (2 + u). */
export function softplus(x: number): number {
  const u = exp(-Math.abs(x));
  const v = u / (2 + u);
  let sum = 0;
  for (let n = 35; n > 0; n -= 2) sum = 1 / n + v * v * sum; // v ≤ 1/3
  return Math.max(x, 0) + 2 * v * sum;
}

/** The normal density. */
const density = (x: number): number => exp(-0.5 * x * x) / ROOT_2_PI;

/**
 * Φ(x), with an absolute error of about 1e-16: 1/2 + φ(x) (x + x³/3 + x⁵/(3·5) + ...).
 * Source: Marsaglia, "Evaluating the normal distribution" (Journal of Statistical Software 11(4), 2004).
 */
export function normalCdf(x: number): number {
  if (x >= 9) return 1;
  if (x <= -9) return 0;
  let [sum, term] = [x, x];
  for (let n = 3; sum + term !== sum || n === 3; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + sum * density(x);
}

/**
 * The quantiles of the normal distribution at i/count for i = 1 ... count - 1, of an even count. Newton's steps from one
 * to the next never go too far, as Φ bends down above 0; below 0 they are those above with the other sign.
 */
export function normalQuantiles(count: number): Float64Array {
  const quantiles = new Float64Array(count - 1);
  const middle = count / 2;
  for (let i = 1, x = 0; i < middle; i++) {
    for (let step = 1; step > 1e-13; x += step) step = ((middle + i) / count - normalCdf(x)) / density(x);
    quantiles[middle - 1 + i] = x;
    quantiles[middle - 1 - i] = -x;
  }
  return quantiles;
}
