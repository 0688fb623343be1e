/** How well predictions fit: functions of numbers on the host, batch by batch. */
export { type BleuOptions, bleu } from "./bleu.ts";
export {
  accuracy,
  type ClassOptions,
  type ClassScores,
  classScores,
  confusionMatrix,
  f1,
  precision,
  recall,
  type ScoreOptions,
  topKAccuracy,
} from "./classes.ts";
export { characterErrorRate, wordErrorRate } from "./edits.ts";
export {
  type EntityCounts,
  type EntityScores,
  entityF1,
  entityScores,
  type TagLists,
} from "./entities.ts";
export type { Metric, Numbers, Running, Tally } from "./metric.ts";
export { type NabOptions, nab, nabThreshold, pointF1, type Windows } from "./nab.ts";
export { meanAbsoluteError, perplexity, r2, rootMeanSquaredError } from "./numbers.ts";
