/** Runs an .onnx file with nothing but onnxruntime-node: `node run-model.mjs model.onnx feeds.json` prints the outputs. */
import { readFileSync } from "node:fs";
import { InferenceSession, Tensor } from "onnxruntime-node";

const [model, feeds] = process.argv.slice(2);
const arrays = { float32: Float32Array, int32: Int32Array };
const session = await InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
const given = Object.entries(JSON.parse(readFileSync(feeds, "utf8")));
const inputs = given.map(([name, { type, data, dims }]) => [name, new Tensor(type, arrays[type].from(data), dims)]);
const outputs = await session.run(Object.fromEntries(inputs));
const plain = Object.entries(outputs).map(([name, { data, dims }]) => [name, { data: Array.from(data), dims }]);
process.stdout.write(JSON.stringify(Object.fromEntries(plain)));
await session.release();
