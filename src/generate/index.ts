/** Writing with a trained model. */
export { checkSampling, type SampleOptions, sample } from "./sample.ts";
export { Writer, type WriteOptions } from "./writer.ts";
