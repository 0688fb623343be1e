/** Resampling against SciPy, spectra and mel filters against transformers' audio_utils: test/fixtures/audio.json. */
import { describe, expect, test } from "vitest";
import { logMel, type MelSettings, melFilters, powerSpectrum, resample } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors.ts";
import { stream } from "../../src/runtime/index.ts";
import audio from "../fixtures/audio.json" with { type: "json" };
import { host, requireClose } from "../support/numbers.ts";
import { double, forward } from "../tolerances.ts";

describe("resampling", () => {
  test.each(audio.resample)("$from to $to is SciPy's", ({ from, to, samples, out }) => {
    const found = resample(Float32Array.from(samples), from, to);
    requireClose("sound", { data: found, shape: [found.length], dtype: "f32" }, host(out, [out.length]), forward);
  });
  test("the same rate is the same sound", () => {
    const sound = Float32Array.of(1, 2, 3);
    expect(resample(sound, 8000, 8000)).toBe(sound);
  });
  test("a tone keeps its height and its strength", () => {
    const tone = (n: number, rate: number) =>
      Float32Array.from({ length: n }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / rate));
    const [found, expected] = [resample(tone(4800, 48_000), 48_000, 16_000), tone(1600, 16_000)];
    const middle = (x: Float32Array) => [...x.subarray(100, 1500)];
    expect(Math.max(...middle(found).map((x, i) => Math.abs(x - (middle(expected)[i] ?? 0))))).toBeLessThan(2e-3);
  });
  test("what the new rate cannot hold is gone", () => {
    const high = Float32Array.from({ length: 4800 }, (_, i) => Math.sin((2 * Math.PI * 9500 * i) / 48_000));
    expect(Math.max(...resample(high, 48_000, 16_000).subarray(100, 1500).map(Math.abs))).toBeLessThan(0.01);
  });
  test("of nothing is nothing; junk is refused", () => {
    expect(resample(new Float32Array(), 8000, 16_000)).toHaveLength(0);
    expect(() => resample(new Float32Array(1), 0, 8000)).toThrow(ConfigError);
    expect(() => resample(new Float32Array(1), 8000, 0.5)).toThrow(/whole numbers from 1 on, got 0.5/);
  });
});

describe("mel", () => {
  const cases = audio.mel.map((line) => ({ ...line, scale: line.scale as MelSettings["scale"] }));
  test.each(cases)("filters at $rate, $mels $scale", ({ filters, bins, mels, ...settings }) => {
    const found = melFilters({ ...settings, mels }, bins);
    const flat = {
      data: Float64Array.from(found.flatMap((row) => [...row])),
      shape: [mels, bins],
      dtype: "f64" as const,
    };
    requireClose("filters", flat, host(filters, [mels, bins], "f64"), double);
  });
  test.each(cases)(
    "log spectra at $rate, $mels $scale",
    ({ samples, out, frames, filters: _, bins: __, ...settings }) => {
      const { data, width, frames: count } = logMel(settings)(Float32Array.from(samples));
      requireClose(
        "log mel",
        { data, shape: [count, width], dtype: "f32" },
        host(out, [frames, settings.mels]),
        forward,
      );
    },
  );
  test.each([1, 2, 8, 64])("power spectra of %i numbers are those of the sum", (size) => {
    const x = stream(1, 0, "x").fillNormal(new Float64Array(size));
    const slow = Array.from({ length: size / 2 + 1 }, (_, k) => {
      const angle = (i: number) => (-2 * Math.PI * i * k) / size;
      const [re, im] = [Math.cos, Math.sin].map((f) => x.reduce((sum, value, i) => sum + value * f(angle(i)), 0));
      return (re ?? 0) ** 2 + (im ?? 0) ** 2;
    });
    const found = powerSpectrum(size)(x);
    requireClose(
      "power",
      { data: found, shape: [found.length], dtype: "f64" },
      host(slow, [slow.length], "f64"),
      double,
    );
  });
  test("a sound shorter than a window is one frame; silence is the floor", () => {
    const settings = { rate: 8000, mels: 4, window: 25, hop: 10, scale: "htk" as const };
    const { data, frames } = logMel(settings)(new Float32Array(1));
    expect(frames).toBe(1);
    expect([...data]).toEqual(Array(4).fill(Math.fround(Math.log(1e-10))));
    expect(logMel(settings)(new Float32Array(280)).frames).toBe(2);
    expect(logMel(settings)(new Float32Array(279)).frames).toBe(1);
  });
  test("windows of less than two samples are refused", () => {
    expect(() => logMel({ rate: 1000, mels: 4, window: 1, hop: 1, scale: "htk" })).toThrow(ConfigError);
  });
});
