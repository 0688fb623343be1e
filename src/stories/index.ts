/** The built-in text. */
export { builtInText } from "./corpus.ts";
