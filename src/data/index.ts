export { type Batch, randomWindows, type WindowOptions, windowsAt } from "./batches.ts";
export { builtInText } from "./corpus.ts";
export { type PrepareOptions, prepareText, requireLength, splitText, type TextData } from "./text.ts";
