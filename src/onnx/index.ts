/** Graph -> ONNX model. */

export { OPSET } from "./encode.ts";
export {
  type Constants,
  freeLeaves,
  lower,
  lowerSimplified,
  type Named,
  type OnnxModel,
  simplifyNamed,
} from "./lower.ts";
