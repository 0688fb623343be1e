/** Sound from WAV files, whoever wrote them, and what is said of those that cannot be read. */
import { describe, expect, test } from "vitest";
import { readWav } from "../../src/data/index.ts";
import { DataError } from "../../src/errors.ts";
import { stream } from "../../src/runtime/index.ts";
import { chunk, type WavForm, wav } from "../support/wav.ts";

const VALUES = [0, 0.5, -0.5, 0.25, -1, 0.125, -0.0625, 0.75];
const read = (bytes: Uint8Array) => readWav(bytes, "a.wav");

describe("samples are read", () => {
  const forms: Record<string, WavForm> = {
    "8 bits": { bits: 8 },
    "16 bits": { bits: 16 },
    "24 bits": { bits: 24 },
    "32 bits": { bits: 32 },
    "floats of 32 bits": { bits: 32, tag: 3 },
    "floats of 64 bits": { bits: 64, tag: 3 },
    "extensible, 24 bits": { bits: 24, extensible: true },
    "extensible floats": { bits: 32, tag: 3, extensible: true },
  };
  test.each(Object.entries(forms))("%s", (_, form) => {
    const { samples, rate } = read(wav(VALUES, { ...form, rate: 44_100 }));
    expect([...samples]).toEqual(VALUES);
    expect(rate).toBe(44_100);
  });
  test.each([8, 16, 24, 32])("the largest of %i bits is just below 1", (bits) => {
    const [most] = read(wav(bits === 8 ? [127 / 128] : [1], { bits })).samples;
    expect(most).toBe(Math.fround(1 - 2 ** (1 - bits)));
  });
  test("several channels become their mean", () => {
    expect([...read(wav([0.5, 0.25, -1, 1, 0, 0.5], { channels: 2 })).samples]).toEqual([
      0.375,
      Math.fround(-1 / 65536),
      0.25,
    ]);
    expect([...read(wav(VALUES, { channels: 4, bits: 24 })).samples]).toEqual([0.0625, -0.046875]);
  });
  test("chunks of others, of odd sizes too, are passed over", () => {
    const form = {
      before: chunk("JUNK", [1, 2, 3]),
      between: chunk("LIST", Array(27).fill(7)),
      after: chunk("bext", [1]),
    };
    expect([...read(wav(VALUES, form)).samples]).toEqual(VALUES);
  });
  test.each([0, 0xffffffff])("a stream announces %i bytes of samples", (dataSize) => {
    expect([...read(wav(VALUES, { dataSize, riffSize: dataSize })).samples]).toEqual(VALUES);
  });
  test("half a sample at the end of a stream is left out", () => {
    const cut = wav(VALUES, { dataSize: 0xffffffff, riffSize: 0xffffffff }).slice(0, -1);
    expect([...read(cut).samples]).toEqual(VALUES.slice(0, -1));
  });
  test("out of the middle of other bytes", () => {
    const bytes = Uint8Array.from([9, 9, 9, ...wav(VALUES), 9]);
    expect([...read(bytes.subarray(3, -1)).samples]).toEqual(VALUES);
  });
});

describe("refused in one line with the name of the file", () => {
  const ascii = (text: string) => new TextEncoder().encode(text);
  const bad: [string, Uint8Array, RegExp][] = [
    ["an empty file", new Uint8Array(), /expected a WAV file, got an empty one/],
    ["a text", ascii("hello, this is a text"), /expected a WAV file, got "hell"; convert it to WAV/],
    ["FLAC", ascii("fLaC0000"), /got FLAC; convert it/],
    ["Ogg", ascii("OggS0000"), /got Ogg/],
    ["another RIFF", ascii("RIFF0000AVI LIST"), /got "RIFF"/],
    ["0 samples", wav([]), /expected sound, got 0 samples/],
    ["a header alone", wav([]).slice(0, 36), /expected samples, got a format without any/],
    ["12 bytes", wav([]).slice(0, 12), /expected samples, got no chunk of them/],
    ["a cut file", wav(VALUES).slice(0, -3), /expected 16 bytes of samples, got 13; the file is cut off/],
    ["1 Hz", wav(VALUES, { rate: 1 }), /expected 1000 to 768000 samples a second, got 1;/],
    ["0 Hz", wav(VALUES, { rate: 0 }), /got 0; correct the header/],
    ["4 GHz", wav(VALUES, { rate: 2 ** 32 - 1 }), /got 4294967295;/],
    ["no channel", wav([], { channels: 0 }), /expected 1 to 64 channels, got 0/],
    ["12 bits", wav([], { bits: 12 }), /expected samples of 8, 16, 24, 32 bits, got 12/],
    ["floats of 16 bits", wav([], { bits: 16, tag: 3 }), /expected samples of 32, 64 bits, got 16/],
    [
      "µ-law",
      wav([], { tag: 7, bits: 8 }),
      /expected samples that are not compressed, got µ-law; save it as 16-bit PCM/,
    ],
    ["A-law", wav([], { tag: 6, bits: 8 }), /got A-law/],
    ["MP3 in a WAV", wav([], { tag: 85 }), /got MP3/],
    ["an unknown form", wav([], { tag: 999 }), /got format 999/],
    ["NaN", wav([0, Number.NaN], { tag: 3, bits: 32 }), /expected finite samples/],
    [
      "samples before the format",
      Uint8Array.from([...wav([]).slice(0, 12), ...chunk("data", [1, 2])]),
      /expected a format before/,
    ],
    [
      "a short format",
      Uint8Array.from([...wav([]).slice(0, 12), ...chunk("fmt ", [1, 0])]),
      /expected a format of 16 bytes/,
    ],
  ];
  test.each(bad)("%s", (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(DataError);
    expect(() => read(bytes)).toThrow(message);
    expect(() => read(bytes)).toThrow(/^wav a\.wav: [^\n]*$/);
  });

  test("a byte of a good file changed at random gives sound or a DataError", () => {
    const good = wav(VALUES, { bits: 24, channels: 2, extensible: true });
    for (let seed = 0; seed < 500; seed++) {
      const [at = 0, value = 0] = stream(seed, 0, "junk").integers(2, good.length);
      const bytes = Uint8Array.from(good).fill((value * 37) % 256, at, at + 1);
      try {
        expect(read(bytes).samples.every(Number.isFinite)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
      }
    }
  });
});
