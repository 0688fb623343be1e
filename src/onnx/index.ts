/** Graph -> ONNX model. */

export {
  type DecodedGraph,
  type DecodedNode,
  type DecodedTensor,
  decodeModel,
} from "./decode.ts";
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
