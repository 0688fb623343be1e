/** Graph -> ONNX model. */
export { freeLeaves, lower, type Named, type OnnxModel } from "./lower.ts";
export { OPSET } from "./encode.ts";
