/** What a model author holds. */

export { flattenRows } from "./compositions.ts";
export {
  arange,
  buffer,
  full,
  input,
  isTensor,
  type Nested,
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
  hostArray,
  isFloat,
} from "./dtype.ts";
export { type Operand, record, Tensor } from "./tensor.ts";
