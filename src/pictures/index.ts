/** Pictures of trainings and measurements, as SVG text. */
export { confusion, MOST_LABELS } from "./confusion.ts";
export { type Curve, curves } from "./curves.ts";
export { weightedText } from "./weighted-text.ts";
