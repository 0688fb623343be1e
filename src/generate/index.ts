/** Writing with a trained model. */
export { checkSampling, type SampleOptions, sample } from "./sample.ts";
export { type WriteOptions, Writer } from "./writer.ts";
