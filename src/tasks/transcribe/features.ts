/**
 * What a model hears of a sound: log mel spectra, normalised, several windows side by side.
 *
 * T windows · F bands · n windows in one step
 */
import { type Features, logMel, type MelSettings, resample, type Sound } from "../../data/index.ts";

/** Mean and deviation of each band. */
export interface Norm {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

export interface HearingSettings extends MelSettings {
  /** Windows that stand side by side in one step. */
  readonly stack: number;
  /** Of the training data; without it, each sound is normalised by itself. */
  readonly norm: Norm | undefined;
}

/** Deviations below this are those of silence. */
const LEAST_DEVIATION = 1e-3;

/** Mean and deviation of each band over all windows of several sounds. */
export function normOf(all: readonly Features[]): Norm {
  const F = all[0]?.width ?? 0;
  const [sum, squares] = [new Float64Array(F), new Float64Array(F)];
  let count = 0;
  for (const { data, frames } of all) {
    count += frames;
    for (let i = 0; i < data.length; i++) sum[i % F] = (sum[i % F] as number) + (data[i] as number);
  }
  const mean = Array.from(sum, (total) => total / count);
  for (const { data } of all)
    for (let i = 0; i < data.length; i++)
      squares[i % F] = (squares[i % F] as number) + ((data[i] as number) - (mean[i % F] as number)) ** 2;
  return { mean, deviation: Array.from(squares, (total) => Math.sqrt(total / count)) };
}

/** (x - mean) / deviation, band by band. */
function normalised({ data, frames, width }: Features, { mean, deviation }: Norm): Features {
  const out = data.map((x, i) => {
    const f = i % width;
    return (x - (mean[f] ?? 0)) / Math.max(deviation[f] ?? 1, LEAST_DEVIATION);
  });
  return { data: out, frames, width };
}

/** Root mean square of a sound that is heard. */
const LEVEL = 0.1;

/** Samples with that root mean square: how near a microphone was says nothing of what is said. */
function levelled(samples: Float32Array): Float32Array {
  const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
  const gain = power > 0 ? LEVEL / Math.sqrt(power) : 1;
  return samples.map((x) => x * gain);
}

/** n windows side by side, the last filled up with 0: [T, F] -> [⌈T/n⌉, n·F]. */
function stacked({ data, frames, width }: Features, n: number): Features {
  const steps = Math.ceil(frames / n);
  const out = new Float32Array(steps * n * width);
  out.set(data);
  return { data: out, frames: steps, width: n * width };
}

/** What is heard of samples at the rate of the settings. */
export class Hearing {
  readonly settings: HearingSettings;
  readonly #spectra: (samples: Float32Array) => Features;
  constructor(settings: HearingSettings) {
    this.settings = settings;
    const { stack: _, norm: __, ...mel } = settings;
    this.#spectra = logMel(mel);
  }
  /** Numbers of one step. */
  get width(): number {
    return this.settings.mels * this.settings.stack;
  }
  /** Seconds from one step to the next. */
  get seconds(): number {
    return (this.settings.stack * Math.round((this.settings.rate * this.settings.hop) / 1000)) / this.settings.rate;
  }
  /** Samples at the rate of the settings. */
  samples({ samples, rate }: Sound): Float32Array {
    return resample(samples, rate, this.settings.rate);
  }
  /** Log mel spectra of a sound as loud as any other. */
  spectra(samples: Float32Array): Features {
    return this.#spectra(levelled(samples));
  }
  features(samples: Float32Array): Features {
    const spectra = this.spectra(samples);
    return stacked(normalised(spectra, this.settings.norm ?? normOf([spectra])), this.settings.stack);
  }
}
