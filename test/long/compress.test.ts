/** Handwritten digits, made black and white, where DESCENT_DATA holds them: compressed by a VAE that was trained on others. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compress, decompress } from "../../src/compress/index.ts";
import { otherFormats } from "../../src/compress/node-formats.ts";
import { type Picture, readPictures } from "../../src/data/index.ts";
import { openSource } from "../../src/files/index.ts";
import { train } from "../../src/tasks/train.ts";
import { compression } from "../tolerances.ts";

const binarized = (picture: Picture): Picture => ({
  ...picture,
  data: picture.data.map((level) => (level < 128 ? 0 : 255)),
});

test("500 held-out digits come back bit for bit, at the rate that the ELBO promises, in fewer bytes than elsewhere", async ({
  skip,
}) => {
  const dataDir = process.env.DESCENT_DATA;
  if (!dataDir) return skip("set DESCENT_DATA to a folder with mnist/train20k-images-idx3-ubyte.gz");
  const { pictures } = await readPictures(openSource("mnist", { dataDir }));
  const black = pictures.map(binarized);
  const idx = (part: readonly Picture[]): Uint8Array => {
    const head = Buffer.alloc(16);
    head.set([0, 0, 8, 3]);
    for (const [i, size] of [part.length, 28, 28].entries()) head.writeUInt32BE(size, 4 + 4 * i);
    return Buffer.concat([head, ...part.map(({ data }) => data)]);
  };
  const folder = mkdtempSync(join(tmpdir(), "descent-compress-"));
  try {
    const run = join(folder, "run");
    const data = { name: "train-images-idx3-ubyte", bytes: idx(black.slice(0, 18_000)) };
    await train("vae", { data, store: run, config: { latent: 16 }, steps: 2000, threads: 1 });
    const held = black.slice(18_000, 18_500).map((picture, i) => ({ ...picture, name: String(i) }));
    const { bytes, rate } = await compress(run, held);
    const back = await decompress(bytes, { run });
    expect(back.map(({ data }) => data)).toEqual(held.map(({ data }) => data));
    expect(Math.abs(rate.net / rate.elbo - 1)).toBeLessThan(compression.digits);
    for (const other of await otherFormats(held)) expect(bytes.length, other.name).toBeLessThan(other.bytes);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 300_000);
