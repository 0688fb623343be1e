/**
 * A linear classifier, by which it is measured what representations hold (Alain & Bengio 2016): multinomial logistic regression,
 *
 *   minimise  1/N Σ_n -ln softmax(W x_n + b)[label_n] + ‖W‖²/(2 C N)
 *
 * as scikit-learn's LogisticRegression does for three or more classes. The minimum is unique (b up to a constant), and nothing is drawn.
 *
 * N points · D dimensions · K classes
 */
import { ConfigError, DataError } from "../../errors.ts";
import { requireNumbers, requireOptions, requireSizes } from "../../nn/arguments.ts";
import { requireSignal } from "../../schema.ts";
import type { Numbers } from "../metric.ts";
import { minimize } from "./minimize.ts";
import { classesOf, countClasses, type Points, requireAlike, requirePoints, type Table, tableOf } from "./points.ts";

/** How the classifier is fitted. */
export interface LinearFitOptions {
  /** C: how much the points count against small weights; default 1. */
  readonly C?: number;
  /** Most rounds; default 200. */
  readonly rounds?: number;
  /** The fit ends where no slope is above it; default 1e-5. */
  readonly tolerance?: number;
  readonly signal?: AbortSignal;
}

/** A linear classifier of points. */
export interface LinearClassifier {
  /** [K, D], row by row. */
  readonly weights: Float64Array;
  /** [K], with mean 0. */
  readonly bias: Float64Array;
  /** The class of each point [M, D]: [M]. Throws ShapeError. */
  classify(points: Points): Int32Array;
  /** Share of points [M, D] whose class is their label [M]. NaN of none. Throws ShapeError, DataError. */
  accuracy(points: Points, labels: Numbers): number;
}

/** W xₙ + b into `scores`. Weights lie as [D + 1, K], the bias last; what is 0, as most of a picture is, costs nothing. */
function scoresOf({ D, at }: Table, n: number, weights: Float64Array, scores: Float64Array): void {
  const K = scores.length;
  for (let k = 0; k < K; k++) scores[k] = weights[D * K + k] ?? 0;
  for (let d = 0; d < D; d++) {
    const value = at[n * D + d] ?? 0;
    if (value !== 0) for (let k = 0; k < K; k++) scores[k] = (scores[k] ?? 0) + value * (weights[d * K + k] ?? 0);
  }
}

/** Scores become p - 1[label], the gradient of -ln p[label], which is returned. */
function lossOf(scores: Float64Array, label: number): number {
  const most = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const sum = scores.reduce((total, score) => total + Math.exp(score - most), 0);
  const loss = most + Math.log(sum) - (scores[label] ?? 0);
  for (let k = 0; k < scores.length; k++) scores[k] = Math.exp((scores[k] ?? 0) - most) / sum - Number(k === label);
  return loss;
}

/** The function that is minimised, and its gradient. */
function objective(
  table: Table,
  labels: Int32Array,
  K: number,
  C: number,
  weights: Float64Array,
  gradient: Float64Array,
) {
  const { N, D, at } = table;
  const scores = new Float64Array(K);
  let loss = 0;
  for (let i = 0; i < gradient.length; i++) gradient[i] = i < D * K ? (weights[i] ?? 0) / (C * N) : 0;
  for (let i = 0; i < D * K; i++) loss += (weights[i] ?? 0) ** 2 / (2 * C * N);
  for (let n = 0; n < N; n++) {
    scoresOf(table, n, weights, scores);
    loss += lossOf(scores, labels[n] ?? 0) / N;
    for (let d = 0; d <= D; d++) {
      const value = (d < D ? (at[n * D + d] ?? 0) : 1) / N;
      if (value !== 0)
        for (let k = 0; k < K; k++) gradient[d * K + k] = (gradient[d * K + k] ?? 0) + value * (scores[k] ?? 0);
    }
  }
  return loss;
}

function classifier({ D }: Table, K: number, fitted: Float64Array): LinearClassifier {
  const classify = (points: Points): Int32Array => {
    const table = tableOf("linearClassifier", points);
    requireAlike("linearClassifier", { N: 0, D, at: fitted }, table);
    const scores = new Float64Array(K);
    return Int32Array.from({ length: table.N }, (_, n) => {
      scoresOf(table, n, fitted, scores);
      return scores.reduce((best, score, k) => (score > (scores[best] ?? 0) ? k : best), 0);
    });
  };
  const last = fitted.subarray(D * K);
  const mean = last.reduce((sum, value) => sum + value / K, 0);
  return {
    weights: Float64Array.from({ length: K * D }, (_, i) => fitted[(i % D) * K + Math.floor(i / D)] ?? 0),
    bias: last.map((value) => value - mean),
    classify,
    accuracy(points, labels) {
      const found = classify(points);
      const right = classesOf("linearClassifier", labels, found.length);
      return found.filter((one, n) => one === right[n]).length / found.length;
    },
  };
}

/**
 * Fits a linear classifier to points [N, D] and their classes [N]. Throws ConfigError, ShapeError, DataError where all labels are the same,
 * and the signal's reason.
 */
export async function linearClassifier(
  points: Points,
  labels: Numbers,
  options: LinearFitOptions = {},
): Promise<LinearClassifier> {
  const kinds = { C: "number", rounds: "number", tolerance: "number", signal: "any" } as const;
  requireOptions("linearClassifier", options, kinds);
  const { C = 1, rounds = 200, tolerance = 1e-5, signal } = options;
  requireSizes("linearClassifier", { rounds });
  requireNumbers("linearClassifier", { C, tolerance });
  if (C <= 0) throw new ConfigError(`linearClassifier: expected C above 0, got ${C}; leave it out for 1`);
  requireSignal(signal, "linearClassifier");
  const table = tableOf("linearClassifier", points);
  requirePoints("linearClassifier", table);
  const classes = classesOf("linearClassifier", labels, table.N);
  if (new Set(classes).size < 2)
    throw new DataError(
      `linearClassifier: expected at least two classes, got ${classes[0]} alone; give points of another`,
    );
  const K = countClasses(classes);
  const start = new Float64Array((table.D + 1) * K);
  const fitted = await minimize((x, gradient) => objective(table, classes, K, C, x, gradient), start, {
    rounds,
    tolerance,
    signal,
  });
  return classifier(table, K, fitted);
}
