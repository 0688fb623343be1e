/** Graph -> ONNX model. */

export { type Constant, type External, OPSET } from "./encode.ts";
export {
  type Constants,
  freeLeaves,
  lower,
  lowerSimplified,
  type Named,
  type OnnxModel,
  requireNamed,
  simplifyNamed,
} from "./lower.ts";
