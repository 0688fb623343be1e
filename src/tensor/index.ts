/** What a model author holds. */

export { optionsOf, requireFunction, requireList, requireRecord } from "./arguments.ts";
export { flattenRows } from "./compositions.ts";
export {
  arange,
  buffer,
  full,
  input,
  inputsOf,
  isTensor,
  noise,
  ones,
  parameter,
  scalar,
  stack,
  tensor,
  zeros,
} from "./create.ts";
export {
  addDims,
  type Dim,
  dimAt,
  divideDims,
  formatShape,
  multiplyDims,
  type Shape,
  sameShape,
  sizeOf,
  staticShape,
} from "./dim.ts";
export {
  arrayOf,
  bytesOf,
  bytesPerElement,
  type DType,
  emptyArray,
  type HostArray,
  holds,
  hostArray,
  isFloat,
  type StorageType,
  storedBytes,
} from "./dtype.ts";
export { flatten, type Nested } from "./nested.ts";
export { type Operand, record, requireTensor, Tensor } from "./tensor.ts";
