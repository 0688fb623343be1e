/** Pictures of trainings and measurements, as SVG text. */
export { alignment } from "./alignment.ts";
export { type Bar, bars } from "./bars.ts";
export { confusion, MOST_LABELS } from "./confusion.ts";
export { type Curve, curves, type Labels } from "./curves.ts";
export { type Detected, detections } from "./detections.ts";
export { forecasts, type Panel } from "./forecasts.ts";
export { heatmap, type Shares } from "./heatmap.ts";
export { type Pixels, photo, photos } from "./photo.ts";
export { plane, type Spot } from "./plane.ts";
export { type Heard, speech } from "./speech.ts";
export { digits } from "./svg.ts";
export { weightedText } from "./weighted-text.ts";
