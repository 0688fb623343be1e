/** What is kept of a model and its training: weights, state and description, in files that others read too. */
export {
  fromBasicLSTM,
  fromKeras,
  fromOnnx,
  GATE_ORDERS,
  type GatePlace,
  type KerasKind,
  type RecurrentKind,
  reordered,
  transposed,
} from "./gate-orders.ts";
export { type ImportedLayer, ImportedLayers, type ImportedMaker } from "./imported.ts";
export { parseJson } from "./json-scanner.ts";
export { readKeras } from "./keras.ts";
export { readOnnx } from "./onnx.ts";
export {
  fromFile,
  fromStored,
  reconcile,
  requireExactly,
  requireFit,
  toFile,
  toStored,
  unexpected,
  weightsFromFile,
} from "./parameters.ts";
export { safeParts } from "./paths.ts";
export {
  dataStart,
  type Header,
  LIMITS,
  type Limits,
  parseHeader,
  readSafetensors,
  type StoredDType,
  type StoredTensor,
  type TensorInfo,
  writeSafetensors,
} from "./safetensors.ts";
export { checkShard, parseIndex } from "./sharded.ts";
export type { Json, SavedState, Store } from "./store.ts";
export { toFloat32, view } from "./values.ts";
