/** ONNX Runtime sessions, and the random numbers that are fed to them. */

export { Cache, isCache } from "./cache.ts";
export { array, run, values } from "./evaluate.ts";
export type { Choice, DeviceReport } from "./measure.ts";
export { fillNoise, initialValues } from "./noise.ts";
export {
  type CompileOptions,
  checkFeed,
  chooseDevice,
  compile,
  compileModel,
  type Feeds,
  type GraphOptions,
  hash,
  loadEngine,
  measureDevices,
  memoryBytes,
  Program,
  type RunOptions,
  requireRunOptions,
  type Settled,
  settle,
} from "./program.ts";
export { stream, threefry2x32 } from "./random.ts";
export { type Place, Resident, zerosOf } from "./resident.ts";
export { type Device, type Engine, type HostTensor, isHostTensor, nextName, type OrtTensor, toOrt } from "./session.ts";
export { engineFiles } from "./web.ts";
export type { FileWeight, StoredWeight, Weight, Weights } from "./weights.ts";
