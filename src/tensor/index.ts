/** What a model author holds. */
export { addDims, type Dim, divideDims, formatShape, multiplyDims, sameShape, type Shape, sizeOf, staticShape } from "./dim.ts";
export { bytesOf, bytesPerElement, type DType, emptyArray, arrayOf, type HostArray, hostArray, isFloat } from "./dtype.ts";
export { arange, full, input, isTensor, type Nested, noise, ones, parameter, scalar, stack, tensor, zeros } from "./create.ts";
export { type Operand, record, Tensor } from "./tensor.ts";
