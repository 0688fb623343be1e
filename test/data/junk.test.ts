/** Plain JavaScript: data sets, orders, padding, texts, files of numbers and weights, and the folder of a run. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { readSafetensors, writeSafetensors } from "../../src/checkpoint/index.ts";
import { folder } from "../../src/checkpoint/node-run.ts";
import {
  augmented,
  centered,
  cropped,
  decodePicture,
  encodePng,
  encodeWebp,
  epochs,
  fitted,
  grid,
  imagesOf,
  listed,
  normalized,
  padded,
  picturesOf,
  recolored,
  resized,
} from "../../src/data/index.ts";
import { loadText } from "../../src/data/node-data.ts";
import { loadIdx, loadWeights, readPictures, saveWeights } from "../../src/files/index.ts";
import { Linear } from "../../src/nn/index.ts";
import { array, initialValues, stream } from "../../src/runtime/index.ts";
import { builtInText } from "../../src/stories/index.ts";
import { also, type Call, each, refuseJunk } from "../support/junk.ts";

const at = mkdtempSync(join(tmpdir(), "descent-junk-data-"));
const before = process.cwd();
process.chdir(at);
afterAll(() => {
  process.chdir(before);
  rmSync(at, { recursive: true, force: true });
});
writeFileSync("numbers.idx", Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 5, 6));
writeFileSync("a.txt", "a cat sat.");
const net = Linear(2, 1);
const values = initialValues({ weight: net.weight, bias: net.bias }, 1);
await saveWeights("net.safetensors", values);
const stored = { dtype: "F32", shape: [2], data: new Uint8Array(8) } as const;
const file = writeSafetensors([["w", stored]]);
const bytes = Uint8Array.from(file.flatMap((chunk) => [...chunk]));
const order = epochs({ size: 10, batch: 3, seed: 1 });
const examples = listed([1, 2, 3], "d", (n: number) => n);
const draw = stream(1, 2, "site");
const { signal } = new AbortController();
const picture = { name: "a", width: 2, height: 1, channels: 1, data: Uint8Array.of(5, 250) };
const dots = await encodePng(picture);
writeFileSync("a.png", dots);
const size = also("1", "nothing");
const records = [
  "an object",
  "an object without a prototype",
  "a host tensor without numbers",
  "an object of null",
  "what says it is a list",
];
const none = "an object without a prototype";
const many = ["a list of numbers"];
let made = 0;
/** A run's folder that is not there yet. */
const fresh = () => folder(join(at, `run${made++}`));
const kept = fresh();
await kept.create({ "config.json": { model_type: "rnn" } });
const state = { weights: values, buffers: {}, slots: {}, averages: {}, trainer: { step: 1 } };
await kept.saveState(state);
await kept.saveWeights("last", [["w", stored]]);

const calls: readonly Call[] = [
  [
    "listed",
    listed,
    also([1], "an empty list", "a list of null", "a list of lists", "a list of texts", ...many),
    also("d", "an empty text", "text"),
    also((n: number) => n, "nothing", "a function"),
  ],
  ["Dataset.at", examples.at, also(1, "0")],
  ["Dataset.length", examples.length as () => number, also(1, "0")],
  [
    "listed, a length",
    (length: never) => listed([1], "d", length).length?.(0),
    also((n: number) => n, "nothing", "a function"),
  ],
  ...each("epochs", epochs, {
    ...{ size: also(10, "2 ** 40"), batch: also(3, "2 ** 40"), seed: also(1, "0", "2 ** 40") },
    ...{ last: also("keep", "nothing"), length: also(() => 1, "nothing", "a function") },
  }),
  ["epochs", epochs, { size: 10, batch: 3, seed: 1 }],
  ["a batch's number", order, also(1, "0", "2 ** 40")],
  [
    "epochs, lengths",
    (length: never) => epochs({ size: 10, batch: 3, seed: 1, length })(0),
    also(() => 1, "nothing", "a function"),
  ],
  ["padded", padded, also([new Int32Array([1, 2])], "an empty list"), also(4, "nothing", "2 ** 40")],
  ["padded, a row", (row: never) => padded([row]), new Int32Array([1])],
  ["builtInText", builtInText, also(1, "nothing", "0", "2 ** 40"), also(100, "nothing", "0")],
  ["loadIdx", loadIdx, "numbers.idx"],
  ["loadText", loadText, "a.txt", also({}, "nothing", "an object without a prototype")],
  ...each("loadText", (options) => loadText("a.txt", options), {
    ...{
      dataDir: also(".", "nothing", "an empty text", "text"),
      cacheDir: also(".", "nothing", "an empty text", "text"),
    },
    ...{ signal: also(signal, "nothing"), onProgress: also(() => 1, "nothing", "a function") },
    ...{ timeout: also(1000, "nothing", "1.5"), sets: also({}, "nothing", ...records, "a tensor") },
  }),
  ["loadWeights", loadWeights, "net.safetensors", net],
  ["saveWeights", saveWeights, also("w.safetensors", "text"), values],
  ["saveWeights, a value", (value: never) => saveWeights("v.safetensors", { value }), array([1])],
  ["readSafetensors", readSafetensors, bytes],
  [
    "writeSafetensors",
    writeSafetensors,
    also([["w", stored]], "an empty list"),
    also(new Map([["a", "b"]]), "nothing"),
  ],
  ["writeSafetensors, an entry", (entry: never) => writeSafetensors([entry]), ["w", stored]],
  ["writeSafetensors, a name", (name: never) => writeSafetensors([[name, stored]]), also("w", "an empty text", "text")],
  ["writeSafetensors, a tensor", (tensor: never) => writeSafetensors([["w", tensor]]), stored],
  ...each("writeSafetensors", (tensor) => writeSafetensors([["w", tensor]]), {
    ...stored,
    shape: also([2], "a list of numbers"),
  }),
  [
    "writeSafetensors, metadata",
    (value: never) => writeSafetensors([], new Map([["a", value]])),
    also("b", "an empty text", "text"),
  ],
  ["folder", folder, also("run", "text")],
  ["Store.create", (files: never) => fresh().create(files), also({}, none)],
  ["Store.saveState", (given: never) => kept.saveState(given), state],
  ...each("Store.saveState", (given) => kept.saveState(given), {
    ...{ weights: also(values, none), buffers: also({}, none), slots: also({}, none), averages: also({}, none) },
    trainer: also({ step: 1 }, ...records),
  }),
  ["Store.saveWeights", kept.saveWeights, "last", also([["w", stored]], "an empty list")],
  ["Store.log", kept.log, also({ event: "x" }, ...records)],
  ["Store.savePictures", kept.savePictures as () => Promise<void>, also({ a: "<svg/>" }, none)],
  ["Store.loadFile", kept.loadFile, "config.json"],
  ["readPictures", readPictures, "a.png", also({}, "nothing", none)],
  ...each("readPictures", (options) => readPictures("a.png", options), {
    ...{ size, fit: also("cover", "nothing"), color: also("gray", "nothing") },
    ...{ path: also("a", "nothing", "text", "an empty text"), label: also("a", "nothing", "text", "an empty text") },
    ...{ dataDir: also(".", "nothing", "an empty text", "text"), signal: also(signal, "nothing") },
    onProgress: also(() => 1, "nothing", "a function"),
  }),
  ["decodePicture", decodePicture, dots, also("a.png", "an empty text", "text")],
  ["encodePng", encodePng, picture],
  ["encodeWebp", encodeWebp, picture],
  ...each("encodePng", (given) => encodePng(given), { ...picture, name: also("a", "an empty text", "text") }),
  ["imagesOf", imagesOf, [picture]],
  ["picturesOf", picturesOf, imagesOf([picture])],
  ["normalized", normalized, imagesOf([picture]), [0.5], [2]],
  ["recolored", recolored, picture, "gray"],
  ["resized", resized, picture, 3, 4, also("box", "nothing")],
  ["fitted", fitted, picture, 3, 4, "contain", also(9, "nothing", "0")],
  ["cropped", cropped, picture, also(1, "0", "-7"), also(-1, "0", "-7"), 3, 4, also(9, "nothing", "0")],
  ["centered", centered, picture, 3, 4, also(9, "nothing", "0")],
  ["grid", grid, [picture, picture], 2, also(1, "nothing", "0")],
  ["augmented", augmented, picture, also({}, none), { seed: 1, epoch: 2, example: 3 }],
  ...each("augmented", (options) => augmented(picture, options, { seed: 1, epoch: 2, example: 3 }), {
    ...{ flip: also(true, "nothing", "true"), pad: also(2, "nothing", "0"), rotate: also(3, "nothing", "0", "1.5") },
    erase: also(0.5, "nothing", "0"),
  }),
  ...each("augmented", (at) => augmented(picture, {}, at), {
    ...{ seed: also(1, "0", "2 ** 40"), epoch: also(2, "0", "2 ** 40"), example: also(3, "0", "2 ** 40") },
  }),
  ["RandomStream.fillUniform", draw.fillUniform, also(new Float32Array(2), "a typed array"), also(1, "nothing", "0")],
  ["RandomStream.fillNormal", draw.fillNormal, also(new Float64Array(2), "a typed array"), also(1, "nothing", "0")],
  ["RandomStream.integers", draw.integers, also(3, "0"), 5, also(1, "nothing", "0")],
  ["RandomStream.permutation", draw.permutation, also(3, "0")],
];

refuseJunk(calls);
