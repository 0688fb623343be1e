/** Graph -> ONNX model. */

export { OPSET } from "./encode.ts";
export { freeLeaves, lower, type Named, type OnnxModel } from "./lower.ts";
