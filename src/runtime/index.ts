/** ONNX Runtime sessions. */
export { compile, compileModel, type Feeds, loadEngine, Program, type RunOptions } from "./program.ts";
export type { Device, HostTensor } from "./session.ts";
