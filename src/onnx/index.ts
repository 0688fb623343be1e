/** Graph -> ONNX model. */

export { OPSET } from "./encode.ts";
export { type Constants, freeLeaves, lower, type Named, type OnnxModel } from "./lower.ts";
