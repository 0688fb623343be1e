/** WAV files made by hand. */

/** How a file is to be written, right or wrong. */
export interface WavForm {
  readonly rate?: number;
  readonly channels?: number;
  readonly bits?: number;
  readonly tag?: number;
  readonly extensible?: boolean;
  /** Bytes that the data chunk announces, and the whole file. */
  readonly dataSize?: number;
  readonly riffSize?: number;
  /** Chunks before the format and before the data. */
  readonly before?: Uint8Array;
  readonly between?: Uint8Array;
  readonly after?: Uint8Array;
}

const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));
const u16 = (n: number): number[] => [n & 255, (n >>> 8) & 255];
const u32 = (n: number): number[] => [...u16(n & 0xffff), ...u16(Math.floor(n / 65536))];

/** A chunk with its padding to an even size. */
export const chunk = (name: string, bytes: readonly number[]): Uint8Array =>
  Uint8Array.from([...ascii(name), ...u32(bytes.length), ...bytes, ...(bytes.length % 2 ? [0] : [])]);

function sample(value: number, bits: number, tag: number): number[] {
  if (tag === 3) {
    const view = new DataView(new ArrayBuffer(bits / 8));
    if (bits === 32) view.setFloat32(0, value, true);
    else view.setFloat64(0, value, true);
    return [...new Uint8Array(view.buffer)];
  }
  if (bits === 8) return [Math.round(value * 128) + 128];
  const whole = Math.min(2 ** (bits - 1) - 1, Math.round(value * 2 ** (bits - 1)));
  return u32(whole < 0 ? whole + 2 ** 32 : whole).slice(0, bits / 8);
}

/** A file with `values`, sample by sample, channels in turn. */
export function wav(values: readonly number[], form: WavForm = {}): Uint8Array {
  const { rate = 8000, channels = 1, bits = 16, tag = 1, extensible = false } = form;
  const frame = (channels * bits) / 8;
  const guid = [...u16(tag), 0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113];
  const basic = [
    ...u16(extensible ? 0xfffe : tag),
    ...u16(channels),
    ...u32(rate),
    ...u32(rate * frame),
    ...u16(frame),
    ...u16(bits),
  ];
  const fmt = chunk("fmt ", extensible ? [...basic, ...u16(22), ...u16(bits), ...u32(0), ...guid] : basic);
  const data = values.flatMap((value) => sample(value, bits, tag));
  const body = [
    ...(form.before ?? []),
    ...fmt,
    ...(form.between ?? []),
    ...ascii("data"),
    ...u32(form.dataSize ?? data.length),
    ...data,
    ...(form.after ?? []),
  ];
  return Uint8Array.from([...ascii("RIFF"), ...u32(form.riffSize ?? body.length + 4), ...ascii("WAVE"), ...body]);
}
