/** From logits to ids, one after another. */
export { type GenerateOptions, IdGenerator } from "./generator.ts";
export { checkSampling, type SampleOptions, sample } from "./sample.ts";
