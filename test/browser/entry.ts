/** What the page offers to `run.mjs`: the conformance suite on one device, training with its state there, and files of pictures. */
import { lower } from "../../src/onnx/index.ts";
import { adam } from "../../src/optim/index.ts";
import { array, compileModel, engineFiles, Resident } from "../../src/runtime/index.ts";
import "../../src/runtime/webgpu.ts";
import { input, parameter } from "../../src/tensor/index.ts";
import { createStep } from "../../src/train/index.ts";
import { runCase, suite } from "../conformance/suite.ts";
import { pictures } from "./pictures.ts";

engineFiles("/engine/");

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: string;
}

/** Longest that one case may take, in milliseconds: software WebGPU compiles shaders slowly. */
const LIMIT = 60_000;

const message = (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));

/** x' = 2 x + 1 from [1, 2], twice: [7, 11]. On a graphics processor it does not leave the device in between. */
async function resident(device: "wasm" | "webgpu"): Promise<void> {
  const x = input("x", [2]);
  const program = await compileModel(lower({ x }, { "x.next": x.mul(2).add(1) }), { device, resident: true });
  const state = new Resident(program, { x: { shape: [2], dtype: "f32" } }, { x: array([1, 2]) });
  for (let i = 0; i < 2; i++) {
    const results = await program.runOrt(state.inputs, state.outputs());
    const place = results["x.next"]?.location;
    if (place !== (device === "webgpu" ? "gpu-buffer" : "cpu")) throw new Error(`the result is in ${place}`);
    state.advance(results);
    state.keep();
  }
  await state.download();
  const found = String(state.values().x?.data);
  if (found !== "7,11") throw new Error(`expected 7,11, got ${found}`);
  await state.release();
  await program.release();
}

/** The first step of Adam is lr against the sign of the gradient: w from 1 to 1 - lr for the loss w². */
async function training(device: "wasm" | "webgpu"): Promise<void> {
  const w = parameter([1], () => undefined);
  const options = { parameters: { w }, batch: {}, loss: () => w.mul(w).sum(), optimizer: adam() };
  const step = await createStep(options, { weights: { w: array([1]) } }, { device });
  const { loss } = await step.run([{}], { step: 1, lr: 0.25, seed: 0 });
  await step.download();
  const value = Number(step.weights.w?.data[0]);
  if (Math.abs(loss - 1) > 1e-6 || Math.abs(value - 0.75) > 1e-6) throw new Error(`loss ${loss}, weight ${value}`);
  await step.release();
}

async function runSuite(device: "wasm" | "webgpu"): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const more = [
    { name: "what is carried stays on the device", run: resident },
    { name: "a step of Adam", run: training },
    { name: "files of pictures", run: pictures },
  ];
  const cases = suite.map((item) => ({ name: item.name, run: (on: "wasm" | "webgpu") => runCase(item, on) }));
  for (const item of [...cases, ...more]) {
    console.debug(`case ${item.name}`); // so that a page that hangs can be told where
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`took longer than ${LIMIT / 1000} s`)), LIMIT);
    });
    try {
      await Promise.race([item.run(device), late]);
      outcomes.push({ name: item.name, ok: true });
    } catch (error) {
      outcomes.push({ name: item.name, ok: false, error: message(error) });
    } finally {
      clearTimeout(timer);
    }
  }
  return outcomes;
}

Object.assign(globalThis, { runSuite });
