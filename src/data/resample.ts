/**
 * Sound at another rate: a polyphase filter, a sinc cut off at the lower of the two Nyquist frequencies under a Kaiser window
 * (Kaiser 1974, β 5, ten zero crossings on either side), as scipy.signal.resample_poly.
 */
import { ConfigError, shown } from "../errors.ts";
import { requireSamples } from "./mel.ts";

const CROSSINGS = 10;
const BETA = 5;

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Modified Bessel function I0, by its power series. */
function bessel(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** The filter at 1/`widest` of the Nyquist frequency, of 2·half + 1 numbers whose sum is `gain`. */
function lowPass(widest: number, gain: number): Float64Array {
  const half = CROSSINGS * widest;
  const taps = Float64Array.from({ length: 2 * half + 1 }, (_, n) => {
    const x = (n - half) / half;
    return sinc((n - half) / widest) * bessel(BETA * Math.sqrt(1 - x * x));
  });
  const sum = taps.reduce((a, b) => a + b, 0);
  return taps.map((tap) => (tap / sum) * gain);
}

/** The same of the last rates, as all files of a folder have one. */
let last: { readonly up: number; readonly down: number; readonly taps: Float64Array } | undefined;

function filterOf(up: number, down: number): Float64Array {
  if (last?.up !== up || last.down !== down) last = { up, down, taps: lowPass(Math.max(up, down), up) };
  return last.taps;
}

function requireRate(rate: number): void {
  if (!Number.isSafeInteger(rate) || rate < 1)
    throw new ConfigError(`resample: expected rates as whole numbers from 1 on, got ${shown(rate)}`);
}

/** `samples` at `from` a second -> at `to` a second, ⌈n·to/from⌉ of them. Throws ConfigError. */
export function resample(samples: Float32Array, from: number, to: number): Float32Array {
  requireSamples("resample", samples);
  requireRate(from);
  requireRate(to);
  if (from === to) return samples;
  const [up, down] = [to / gcd(from, to), from / gcd(from, to)];
  const taps = filterOf(up, down);
  const half = (taps.length - 1) / 2;
  const out = new Float32Array(Math.ceil((samples.length * up) / down));
  for (let m = 0; m < out.length; m++) {
    const middle = m * down + half; // y[m] = Σ x[i]·h[m·down + half - i·up]
    const first = Math.max(0, Math.ceil((middle - 2 * half) / up));
    const end = Math.min(samples.length - 1, Math.floor(middle / up));
    let sum = 0;
    for (let i = first; i <= end; i++) sum += (samples[i] as number) * (taps[middle - i * up] as number);
    out[m] = sum;
  }
  return out;
}
