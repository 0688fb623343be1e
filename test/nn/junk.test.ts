/**
 * Plain JavaScript: every maker, layer, loss and metric, with each argument in turn replaced by what it does not take. It
 * may take it all the same; if not, it says so in one line and in an error of its own.
 */
import { describe, expect, test } from "vitest";
import { entitiesOf } from "../../src/metrics/entities.ts";
import * as metrics from "../../src/metrics/index.ts";
import * as nn from "../../src/nn/index.ts";
import { buffer, type Dim, input, parameter, type Tensor, zeros } from "../../src/tensor/index.ts";
import { type Call, fault, parts, junk as usual } from "../support/junk.ts";

const [x, image, line] = [input("x", [2, 3]), input("image", [2, 3, 4, 4]), input("line", [2, 3, 4])];
const [xs, h] = [input("xs", [2, 4, 3]), input("h", [2, 3])];
const [ids, lengths] = [input("ids", [2], "i32"), input("lengths", [2], "i32")];
const tags = input("tags", [2, 4], "i32");
const seen = input("seen", [2, 4], "bool");
const q = input("q", [2, 2, 4, 6]);
const fill = nn.constantInit(0);
const held = buffer([2], fill);
/** A running sum of a projection. */
const cell = {
  name: "Own",
  parts: (width: number) => ({ weight: parameter([2, width], fill) }),
  first: (B: Dim) => zeros([B, 2]),
  step: ({ weight }: { weight: Tensor }, sum: Tensor, now: Tensor) => [sum, sum.add(now.linear(weight))] as const,
};

const makers: readonly Call[] = [
  ["Linear", nn.Linear, 3, 2, { bias: false, weightInit: fill }],
  ["Embedding", nn.Embedding, 5, 2, 1, { padding: 0 }],
  ["Dropout", nn.Dropout, 0.5],
  ["Conv1d", nn.Conv1d, 4, 2, 3, { stride: 2, padding: 1, dilation: 1, groups: 2, bias: true }],
  ["Conv2d", nn.Conv2d, 4, 2, [3, 3], { padding: "same" }],
  ["ConvTranspose1d", nn.ConvTranspose1d, 4, 2, 3, { stride: 2, outputPadding: 1 }],
  ["ConvTranspose2d", nn.ConvTranspose2d, 4, 2, 3, {}],
  ["MaxPool1d", nn.MaxPool1d, 2, { stride: 1, padding: 0 }],
  ["MaxPool2d", nn.MaxPool2d, 2, {}],
  ["AvgPool1d", nn.AvgPool1d, 2, { countPadding: false }],
  ["AvgPool2d", nn.AvgPool2d, [2, 2], {}],
  ["AdaptiveAvgPool1d", nn.AdaptiveAvgPool1d, 2],
  ["AdaptiveAvgPool2d", nn.AdaptiveAvgPool2d, [2, 3]],
  ["AdaptiveMaxPool1d", nn.AdaptiveMaxPool1d, 2],
  ["AdaptiveMaxPool2d", nn.AdaptiveMaxPool2d, 2],
  ["BatchNorm1d", nn.BatchNorm1d, 3, 1e-5, { momentum: 0.1, affine: true }],
  ["BatchNorm2d", nn.BatchNorm2d, 3, 1e-5, {}],
  ["GroupNorm", nn.GroupNorm, 1, 3, 1e-5, { affine: true }],
  ["LayerNorm", nn.LayerNorm, [2, 3], 1e-5, { bias: false }],
  ["RMSNorm", nn.RMSNorm, 3, 1e-5, { affine: true }],
  ["RNN", nn.RNN, 3, 2, { layers: 2, bidirectional: true, dropout: 0.1, nonlinearity: "relu", merge: "sum" }],
  ["LSTM", nn.LSTM, 3, 2, { forgetBias: 1, peepholes: true, projection: 1, cellZoneout: 0.1 }],
  ["LSTM with noise", nn.LSTM, 3, 2, { inputDropout: 0.1, recurrentDropout: 0.1, dropoutMask: "step", zoneout: 0.1 }],
  ["recurrent", nn.recurrent, cell, 3, 2, { layers: 2, bidirectional: true, merge: "mul" }],
  ["Stateful", nn.Stateful, nn.GRU(3, 2), 2],
  ["GRU", nn.GRU, 3, 2, { reset: "before", bias: false }],
  ["RNNCell", nn.RNNCell, 3, 2, { nonlinearity: "relu" }],
  ["LSTMCell", nn.LSTMCell, 3, 2, { forgetBias: 1 }],
  ["GRUCell", nn.GRUCell, 3, 2, { reset: "before" }],
  ["CRF", nn.CRF, 3, { reduction: "sum" }],
  ["MultiheadAttention", nn.MultiheadAttention, 6, 2, { kvHeads: 1, dropout: 0.1 }],
  ["Flatten", nn.Flatten, 1, -1],
  ["Sequential", nn.Sequential, nn.Linear(3, 2)],
  ["LeakyReLU", nn.LeakyReLU, 0.1],
  ["ELU", nn.ELU, 1],
  ["PReLU", nn.PReLU, 3, 0.25],
  ["GELU", nn.GELU, "tanh"],
  ["Softmax", nn.Softmax, -1],
  ["GLU", nn.GLU, -1],
  ["module", nn.module, "Own", { weight: parameter([2], fill) }, (_: object, y: Tensor) => y],
  ["times", nn.times, 2, () => 1],
  ["uniformInit", nn.uniformInit, 1],
  ["orthogonalInit", nn.orthogonalInit, 2],
];

const { Hardsigmoid, Hardswish, Hardtanh, LogSigmoid, LogSoftmax, Mish, ReLU6, SELU } = nn;
const { SiLU, Sigmoid, Softplus, Softsign, Tanh } = nn;
const activationLayers = {
  ...{ Hardsigmoid, Hardswish, Hardtanh, LogSigmoid, LogSoftmax, Mish, ReLU6, SELU },
  ...{ SiLU, Sigmoid, Softplus, Softsign, Tanh },
};

const layers: readonly Call[] = [
  ["Linear", nn.Linear(3, 2), x],
  ["Embedding", nn.Embedding(5, 2), ids],
  ["Dropout", nn.Dropout(0.5), x],
  ["Conv1d", nn.Conv1d(3, 2, 3), line],
  ["Conv2d", nn.Conv2d(3, 2, 3, { padding: "same" }), image],
  ["ConvTranspose2d", nn.ConvTranspose2d(3, 2, 3), image],
  ["MaxPool2d", nn.MaxPool2d(2), image],
  ["AvgPool1d", nn.AvgPool1d(2), line],
  ["AdaptiveAvgPool2d", nn.AdaptiveAvgPool2d(3), image],
  ["AdaptiveMaxPool1d", nn.AdaptiveMaxPool1d(3), line],
  ["BatchNorm2d", nn.BatchNorm2d(3), image],
  ["GroupNorm", nn.GroupNorm(1, 3), image],
  ["LayerNorm", nn.LayerNorm(3), x],
  ["RMSNorm", nn.RMSNorm(3), x],
  ["RNN", nn.RNN(3, 2), xs, { lengths }],
  ["LSTM", nn.LSTM(3, 2), xs, {}],
  [
    "LSTM from a state",
    (state: never) => nn.LSTM(3, 2)(xs, { state }),
    { h: input("h", [1, 2, 2]), c: input("c", [1, 2, 2]) },
  ],
  ["GRU from a state", (state: never) => nn.GRU(3, 2)(xs, { state }), input("h", [1, 2, 2])],
  ["recurrent over sequences", nn.recurrent(cell, 3, 2), xs, { lengths }],
  ["Stateful of sequences", nn.Stateful(nn.GRU(3, 2), 2), xs, { lengths, reset: input("r", [2], "bool") }],
  ["GRU of lengths", (given: never) => nn.GRU(3, 2)(xs, { lengths: given }), lengths],
  ["RNNCell", nn.RNNCell(3, 3), h, x],
  ["LSTMCell", nn.LSTMCell(3, 3), { h, c: h }, x],
  ["GRUCell", nn.GRUCell(3, 3), h, x],
  ["MultiheadAttention", nn.MultiheadAttention(3, 1), xs, { key: xs, value: xs, keyMask: seen }],
  ["CRF", nn.CRF(3), xs, tags, lengths],
  ["Flatten", nn.Flatten(), image],
  ["Sequential", nn.Sequential(nn.Linear(3, 2), nn.ReLU()), x],
  ["ReLU", nn.ReLU(), x],
  ["PReLU", nn.PReLU(3), x],
  ["GLU", nn.GLU(0), x],
  ...Object.entries(activationLayers).map(([name, make]): Call => [name, make(), x]),
  ["activations.mish", nn.activations.mish, x],
];

const functions: readonly Call[] = [
  ["attention", nn.attention, q, q, q, { causal: true, window: 2, keyMask: seen, scale: 1 }],
  ["causalAttention", nn.causalAttention, q, q, q],
  ["rotary", nn.rotary, q, { base: 100, pairs: "neighbours" }],
  ["crossEntropy", nn.crossEntropy, x, ids, { smoothing: 0.1, ignoreIndex: 0, reduction: "sum" }],
  ["negativeLogLikelihood", nn.negativeLogLikelihood, x, ids, {}],
  ["binaryCrossEntropy", nn.binaryCrossEntropy, x, x, { positiveWeight: 2 }],
  ["klDivergence", nn.klDivergence, x, x, { logTarget: true }],
  ["meanSquaredError", nn.meanSquaredError, x, x, { reduction: "none" }],
  ["meanAbsoluteError", nn.meanAbsoluteError, x, x, {}],
  ["huber", nn.huber, x, x, { delta: 1 }],
  ["smoothL1", nn.smoothL1, x, x, { beta: 1 }],
  ["cosineSimilarity", nn.cosineSimilarity, x, x, -1],
  ["normalize", nn.normalize, x, -1],
  ["cosineEmbedding", nn.cosineEmbedding, x, x, input("s", [2]), { margin: 0.1 }],
  ["tripletMargin", nn.tripletMargin, x, x, x, { margin: 0.1 }],
  ["contrastive", nn.contrastive, x, x, { temperature: 1, symmetric: false }],
  ["crfLoss", nn.crfLoss, xs, tags, lengths, nn.CRF(3), { reduction: "none" }],
  ["viterbi", nn.viterbi, [1, 2, 3, 4], { transitions: [0, 0, 0, 0], start: [0, 0], end: [0, 0] }],
  ["update", nn.update, held, input("next", [2])],
  ["namedParameters", nn.namedParameters, nn.Linear(3, 2)],
  ["namedBuffers", nn.namedBuffers, nn.BatchNorm1d(3)],
  ["resetStates", nn.resetStates, nn.Stateful(nn.GRU(3, 2), 2), {}],
  ["traceTraining", nn.traceTraining, () => 1],
];

const measures: readonly Call[] = [
  ["accuracy", metrics.accuracy, { ignoreIndex: 0 }],
  ["accuracy.of", metrics.accuracy().of, [1, 0], [1, 1]],
  ["topKAccuracy", metrics.topKAccuracy, 2, {}],
  ["topKAccuracy.of", metrics.topKAccuracy(2).of, [1, 0, 2, 3], [1, 0]],
  ["f1", metrics.f1, { average: "micro", classes: 3 }],
  ["f1.of", metrics.f1().of, [1, 0], [1, 1]],
  ["precision", metrics.precision, { average: "macro" }],
  ["recall", metrics.recall, { average: "macro" }],
  ["precision.of", metrics.precision().of, [1, 0], [1, 1]],
  ["recall.of", metrics.recall().of, [1, 0], [1, 1]],
  ["meanAbsoluteError.of", metrics.meanAbsoluteError().of, [1, 0], [1, 1]],
  ["rootMeanSquaredError.of", metrics.rootMeanSquaredError().of, [1, 0], [1, 1]],
  ["Running.add", metrics.accuracy().running().add, [1, 0], [1, 1]],
  ["classScores", metrics.classScores, { classes: 3 }],
  ["confusionMatrix", metrics.confusionMatrix, 2, {}],
  ["confusionMatrix.of", metrics.confusionMatrix(2).of, [1, 0], [1, 1]],
  ["entitiesOf", entitiesOf, ["B-PER", "O"]],
  ["entityF1", metrics.entityF1, { type: "PER" }],
  ["entityF1.of", metrics.entityF1().of, [["O"]], [["O"]]],
  ["entityScores.of", metrics.entityScores().of, [["O"]], [["O"]]],
  ["perplexity.of", metrics.perplexity().of, [1, 0], [1, 1]],
  ["r2.of", metrics.r2().of, [1, 0], [1, 1]],
];

const calls = [...makers, ...layers, ...functions, ...measures];

const junk: Readonly<Record<string, unknown>> = {
  ...usual,
  "a list of tensors": [input("other", [5, 7], "i64")],
};

/** What was thrown, if anything. */
function thrown(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("with what it takes, nothing is wrong", () => {
  test.each(calls.map(parts))("%s", (_, call, given) => {
    expect(() => call(...(given as never[]))).not.toThrow();
  });
});

describe.each(calls.map(parts))("%s", (_, call, given) => {
  test.each(given.map((_, i) => i))("argument %i", (place) => {
    const faults = Object.entries(junk).flatMap(([what, value]) => {
      const mixed = given.map((own, i) => (i === place ? value : own));
      const found = fault(
        thrown(() => call(...(mixed as never[]))),
        400,
      );
      return found === undefined ? [] : [`${what}: ${found}`];
    });
    expect(faults).toEqual([]);
  });
});
