import { beforeAll, describe, expect, it } from "vitest";
import { type Compressed, compressWith, decompress, decompressWith } from "../../src/compress/compress.ts";
import { type Container, readContainer, writeContainer } from "../../src/compress/container.ts";
import type { Subject } from "../../src/compress/subject.ts";
import type { Picture } from "../../src/data/index.ts";
import { CheckpointError, ConfigError, DataError, DescentError, DeviceError } from "../../src/errors.ts";
import { picturesOf, type Size, subjectOf } from "./subject.ts";

const size: Size = [1, 4, 4];
let subject: Subject;
let pictures: Picture[];
let made: Compressed;
let container: Container;

beforeAll(async () => {
  subject = await subjectOf(size);
  pictures = picturesOf(size, 5, "two");
  made = await compressWith(subject, pictures, { rows: 2 });
  container = await readContainer(made.bytes, "file");
});

const restore = async (bytes: Uint8Array, by = subject) =>
  decompressWith(by, await readContainer(bytes, "file"), "file");

/** What is refused, in one line. */
async function refusal(act: Promise<unknown>): Promise<DescentError> {
  const error = await act.then(
    () => expect.fail("nothing was refused"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DescentError);
  expect((error as Error).message).not.toContain("\n");
  return error as DescentError;
}

const messageOf = async (act: Promise<unknown>): Promise<string> => (await refusal(act)).message;

describe("what cannot be compressed is refused by name", () => {
  const compressed = (given: unknown, options = {}, by = subject) => compressWith(by, given as Picture[], options);
  const [first] = picturesOf(size, 1, "two") as [Picture];

  it("grey levels, of which a bernoulli model has none", async () => {
    const data = Uint8Array.from(first.data, (level, i) => (i === 3 ? 77 : level));
    const error = await refusal(compressed([first, { ...first, name: "grey.png", data }]));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(
      /^compress grey.png: .*levels 0 and 255, got 1 more, such as 77; .*likelihood=logistic/,
    );
  });

  it("other sizes and channels", async () => {
    expect(await messageOf(compressed(picturesOf([1, 4, 5], 1, "two")))).toMatch(
      /4x4 with 1 channel.*5x4 with 1 channel/,
    );
    expect(await messageOf(compressed(picturesOf([3, 4, 4], 1, "two")))).toMatch(/4x4 with 3 channels/);
  });

  it("no pictures, and what are none", async () => {
    expect(await messageOf(compressed([]))).toMatch(/got none/);
    expect(await messageOf(compressed("a.png"))).toMatch(/expected pictures, got "a.png"/);
    expect(await messageOf(compressed([{ ...first, data: new Uint8Array(3) }]))).toMatch(/expected pictures/);
  });

  it("names that are no files of a folder, and two of one name", async () => {
    expect(await messageOf(compressed([{ ...first, name: "../a.png" }]))).toMatch(/files inside a folder/);
    expect(await messageOf(compressed([first, { ...first, name: "0.PNG" }]))).toMatch(
      /two pictures would be the file "0.PNG"/,
    );
  });

  it("a model whose codes have no distribution", async () => {
    const plain = await subjectOf(size, {}, { type: "ae" });
    const error = await refusal(compressed([first], {}, plain));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(/codes are drawn .* or are rows of a table, got one without; train a vae or a vqvae/);
  });

  it("labels that a conditional model does not know", async () => {
    const conditional = await subjectOf(size, { num_labels: 3 });
    expect(await messageOf(compressed([first], {}, conditional))).toMatch(/expected a label .* \(0 to 2\), got none/);
    const named = { ...conditional, labels: ["cat", "dog", "fox"] };
    expect(await messageOf(compressed([{ ...first, label: "cow" }], {}, named))).toMatch(/\(cat, dog, fox\), got cow/);
  });

  it("options that are unknown or out of range", async () => {
    expect(await refusal(compressed([first], { rows: 0 }))).toBeInstanceOf(ConfigError);
    expect(await messageOf(compressed([first], { row: 1 }))).toMatch(/unknown key "row"/);
  });

  it("weights that are not finite", async () => {
    const values = Object.fromEntries(
      Object.entries(subject.values).map(([name, { data, ...rest }]) => [
        name,
        { ...rest, data: new Float32Array(data.length).fill(Number.NaN) },
      ]),
    );
    expect(await refusal(compressed([first], {}, { ...subject, values }))).toBeInstanceOf(CheckpointError);
  });

  it("what is stopped", async () => {
    await expect(compressed([first], { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  });
});

describe("names of pictures", () => {
  it("take no room where they are numbers one after the other", async () => {
    const { header } = container;
    const written = async (names: readonly string[]) => writeContainer({ ...container, header: { ...header, names } });
    for (const names of [
      ["0", "1", "2", "3", "4"],
      ["18000", "18001", "18002", "18003", "18004"],
      ["0", "1", "2", "4", "3"],
      ["00", "01", "02", "03", "04"],
      ["-1", "0", "1", "2", "3"],
      ["5000000000", "5000000001", "5000000002", "5000000003", "5000000004"],
      ["1e3", "1001", "1002", "1003", "1004"],
    ])
      expect((await readContainer(await written(names), "file")).header.names).toEqual(names);
    const checksums = new Uint8Array(500);
    const many = Array.from({ length: 500 }, (_, i) => String(i));
    const bytes = await writeContainer({ ...container, checksums, header: { ...header, names: many } });
    expect(bytes.length - made.bytes.length).toBeLessThan(495 + 50); // a checksum each
    expect((await readContainer(bytes, "file")).header.names).toEqual(many);
  });
});

describe("what cannot be restored is refused in a line", () => {
  it("what is stopped on the way", async () => {
    const [controller, notes] = [new AbortController(), [] as string[]];
    const onProgress = (note: string) => {
      notes.push(note);
      if (notes.length === 2) controller.abort(new Error("enough"));
    };
    const { signal } = controller;
    await expect(decompressWith(subject, container, "file", { signal, onProgress })).rejects.toThrow("enough");
    expect(notes).toEqual(["restored 1 of 5 pictures", "restored 3 of 5 pictures"]);
  });

  it("another model of the same kind, and one of another size", async () => {
    for (const other of [await subjectOf(size, {}, { seed: 1 }), await subjectOf([1, 4, 5])]) {
      const error = await refusal(restore(made.bytes, other));
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error.message).toMatch(/expected the vae whose weights have the digest [0-9a-f]{12}, got another vae/);
    }
  });

  it("an engine or a processor that computes other numbers", async () => {
    const { header } = container;
    const engine = { ...header.engine, version: "9.9.9", probe: "0".repeat(64) };
    const bytes = await writeContainer({ ...container, header: { ...header, engine } });
    const error = await refusal(restore(bytes));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error.message).toMatch(/ONNX Runtime \d.*than where .* \(ONNX Runtime 9\.9\.9\)/);
  });

  it("a picture with another checksum, by name", async () => {
    const checksums = container.checksums.map((sum, i) => (i === 3 ? sum ^ 1 : sum));
    expect(await messageOf(restore(await writeContainer({ ...container, checksums })))).toMatch(
      /"3.png" is not as it was/,
    );
  });

  it("words that end too early or are others", async () => {
    const { message } = container;
    for (const words of [message.words.slice(1), message.words.slice(0, -1), message.words.map((word) => word ^ 1)])
      expect(
        await refusal(restore(await writeContainer({ ...container, message: { ...message, words } }))),
      ).toBeInstanceOf(DataError);
  });

  it("another count of the bits that were there before, however large", async () => {
    const { header } = container;
    for (const drawn of [0, header.drawn + 1, 2 ** 31])
      expect(await messageOf(restore(await writeContainer({ ...container, header: { ...header, drawn } })))).toMatch(
        /do not end as they began/,
      );
  });

  it("what is no such file", async () => {
    expect(await messageOf(readContainer(new Uint8Array(0), "a.txt"))).toMatch(
      /a.txt: expected a file that descent compress wrote/,
    );
    expect(await messageOf(readContainer(new TextEncoder().encode("hello"), "a.txt"))).toMatch(/got another one/);
    expect(await messageOf(readContainer("hello" as never, "a.txt"))).toMatch(/expected bytes/);
    expect(await messageOf(decompress(made.bytes))).toMatch(/does not say where its model is/);
  });

  it("every file that is cut off, at every length", async () => {
    for (let length = 0; length < made.bytes.length; length++)
      expect(await refusal(readContainer(made.bytes.subarray(0, length), "file"))).toBeInstanceOf(DataError);
    expect(await refusal(readContainer(Uint8Array.of(...made.bytes, 0), "file"))).toBeInstanceOf(DataError);
  });

  it("every file with a flipped bit", async () => {
    for (let at = 0; at < made.bytes.length; at++) {
      const bytes = made.bytes.slice();
      bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
      expect(await refusal(readContainer(bytes, "file"))).toBeInstanceOf(DataError);
    }
  });

  it("every file with a changed byte and a digest that was made to fit, unless only names differ", async () => {
    const end = made.bytes.length - 32;
    for (let at = 8; at < end; at++) {
      const bytes = made.bytes.slice();
      bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
      bytes.set(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice(0, end))), end);
      const found = await restore(bytes).catch((error: unknown) => {
        expect(error).toBeInstanceOf(DescentError);
        return undefined;
      });
      if (found) expect(found.map(({ data }) => data)).toEqual(pictures.map(({ data }) => data));
    }
  });

  it("a header that holds more than it says, or says that it holds too much", async () => {
    const long = made.bytes.slice(0, -32);
    new DataView(long.buffer).setUint32(10, 2 ** 27, true);
    const sealed = async (bytes: Uint8Array) =>
      Uint8Array.of(
        ...bytes,
        ...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)),
      );
    expect(await messageOf(readContainer(await sealed(long), "file"))).toMatch(/header is too long/);
    new DataView(long.buffer).setUint32(10, 20, true);
    expect(await messageOf(readContainer(await sealed(long), "file"))).toMatch(/header cannot be read/);
  });

  it("names that lead out of the folder, keys that are unknown, numbers out of range", async () => {
    const { header } = container;
    const changed = [
      { ...header, names: ["../a.png", ...header.names.slice(1)] },
      { ...header, model: { ...header.model, run: "/etc" } },
      { ...header, more: 1 },
      { ...header, rows: 0 },
      { ...header, image: [1, 65536, 65536] },
      { ...header, engine: { ...header.engine, device: "wasm" } },
      { ...header, names: [] },
    ] as (typeof header)[];
    for (const one of changed)
      expect(
        await refusal(writeContainer({ ...container, header: one }).then((b) => readContainer(b, "file"))),
      ).toBeInstanceOf(DataError);
  });
});
