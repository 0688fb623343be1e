/**
 * TensorFlow.js on its wasm backend in Node: the layers API where it has the layer, plain operations for GPT.
 *
 * Usage: node tfjs/bench.js --threads 1            requests on stdin, one JSON object per line
 *
 * In Node the backend has no threads (its flag WASM_HAS_MULTITHREAD_SUPPORT is false there), whatever is asked for.
 */
import * as tf from "@tensorflow/tfjs";
import { getThreadsCount, setThreadsCount } from "@tensorflow/tfjs-backend-wasm";
import * as rows from "../rows.js";

const { X, Y } = rows;
const tensor = ({ data, shape }) => tf.tensor(data, shape);
const input = (shape, seed = X) => tf.tensor(rows.uniform(shape, seed), shape);
const labels = (shape, limit, seed = Y) => tf.tensor(rows.integers(shape, seed, limit), shape, "int32");

/** A step of SGD: the gradients of `loss` for `variables`, of which `learned` are updated. */
function sgdStep(loss, variables, learned = variables) {
  const optimizer = tf.train.sgd(0.01);
  return () => {
    const { value, grads } = tf.variableGrads(loss, variables);
    optimizer.applyGradients(Object.fromEntries(learned.map((v) => [v.name, grads[v.name]])));
    const number = value.dataSync()[0];
    tf.dispose([value, grads]);
    return number;
  };
}

/** Sets a model's weights, tensors in the layers' own layout, and gives their variables. */
function setWeights(model, weights) {
  model.setWeights(weights);
  return model.trainableWeights.map((weight) => weight.val);
}

const crossEntropy = (target, logits) => tf.losses.softmaxCrossEntropy(target, logits);

function mlp() {
  const { B } = rows.MLP;
  const p = rows.fill(rows.mlpShapes());
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 512, activation: "relu", inputShape: [784] }),
      tf.layers.dense({ units: 512, activation: "relu" }),
      tf.layers.dense({ units: 10 }),
    ],
  });
  const weights = ["0", "2", "4"].flatMap((l) => [tensor(p[`${l}.weight`]).transpose(), tensor(p[`${l}.bias`])]);
  const variables = setWeights(model, weights);
  const x = input([B, 784]);
  const y = tf.oneHot(labels([B], 10), 10);
  return {
    step: sgdStep(() => crossEntropy(y, model.apply(x, { training: true })), variables),
    parameters: model.countParams(),
  };
}

/** Channels come last here, so kernels are [height, width, in, out] and the flattened order is another. */
function conv() {
  const { B } = rows.CONV;
  const p = rows.fill(rows.convShapes());
  const common = { kernelSize: 3, padding: "same", activation: "relu" };
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ filters: 32, inputShape: [28, 28, 1], ...common }),
      tf.layers.conv2d({ filters: 64, ...common }),
      tf.layers.maxPooling2d({ poolSize: 2, strides: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 10 }),
    ],
  });
  const kernel = (name) => tensor(p[name]).transpose([2, 3, 1, 0]);
  const head = tensor(p["6.weight"]).reshape([10, 64, 14, 14]).transpose([2, 3, 1, 0]).reshape([-1, 10]);
  const biases = ["0.bias", "2.bias", "6.bias"].map((name) => tensor(p[name]));
  const variables = setWeights(model, [kernel("0.weight"), biases[0], kernel("2.weight"), biases[1], head, biases[2]]);
  const x = input([B, 28, 28, 1]); // one channel: the same order of values as [B, 1, 28, 28]
  const y = tf.oneHot(labels([B], 10), 10);
  return {
    step: sgdStep(() => crossEntropy(y, model.apply(x, { training: true })), variables),
    parameters: model.countParams(),
  };
}

/** Keras has one bias where PyTorch has two, and this GRU resets before the product (no `resetAfter`), in order z, r, h. */
function recurrent(kind, gates, note) {
  const { B, T, I, H } = rows.RECURRENT;
  const p = rows.fill(rows.recurrentShapes(gates));
  const options = { units: H, returnSequences: true, inputShape: [T, I], activation: "tanh" };
  options.recurrentInitializer = "glorotUniform"; // the default, orthogonal, takes seconds; the weights are set below anyway
  if (gates > 1) options.recurrentActivation = "sigmoid";
  const model = tf.sequential({ layers: [tf.layers[kind](options)] });
  const swap = (t) => {
    if (kind !== "gru") return t;
    const [r, z, n] = tf.split(t, 3, 0);
    return tf.concat([z, r, n], 0);
  };
  const kernels = [p.weight_ih, p.weight_hh].map((w) => swap(tensor(w)).transpose());
  const variables = setWeights(model, [...kernels, swap(tensor(p.bias_ih).add(tensor(p.bias_hh)))]);
  const x = tf.variable(input([B, T, I]));
  const loss = () => tf.mean(tf.square(model.apply(x, { training: true })));
  return { step: sgdStep(loss, [...variables, x], variables), parameters: model.countParams(), note };
}

/** Embeddings are products with one-hot rows: the gradient of a gather has no wasm kernel (UnsortedSegmentSum). */
function gpt(name) {
  const config = rows.GPT[name];
  const { layers, heads, C, T, B, V } = config;
  const shapes = rows.gptShapes(config);
  const p = Object.fromEntries(
    Object.entries(rows.fill(shapes)).map(([key, value]) => [key, tf.variable(tensor(value), true, `${name}/${key}`)]),
  );
  const ids = tf.oneHot(labels([B * T], V, X), V).cast("float32");
  const y = tf.oneHot(labels([B * T], V), V);
  const ones = tf.ones([T, T]);
  const mask = tf.sub(1, tf.linalg.bandPart(ones, -1, 0)).mul(-1e9);

  const linear = (x, part) => x.matMul(p[`${part}.weight`], false, true).add(p[`${part}.bias`]);
  const norm = (x, part) => {
    const centered = x.sub(x.mean(-1, true));
    const variance = centered.square().mean(-1, true);
    return centered.mul(variance.add(1e-5).rsqrt()).mul(p[`${part}.weight`]).add(p[`${part}.bias`]);
  };
  const gelu = (x) => {
    const inner = x.add(x.square().mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    return x.mul(0.5).mul(inner.tanh().add(1));
  };
  const attention = (x) => {
    const split = (t) => t.reshape([B, T, heads, C / heads]).transpose([0, 2, 1, 3]); // [B, heads, T, C / heads]
    const [q, k, v] = tf.split(x, 3, 1).map(split);
    const scores = tf.matMul(q, k, false, true).mul((C / heads) ** -0.5);
    return tf
      .softmax(scores.add(mask))
      .matMul(v)
      .transpose([0, 2, 1, 3])
      .reshape([B * T, C]);
  };
  const loss = () => {
    let x = ids
      .matMul(p["wte.weight"])
      .reshape([B, T, C])
      .add(p["wpe.weight"])
      .reshape([B * T, C]);
    for (let i = 0; i < layers; i++) {
      const part = `h.${i}`;
      x = x.add(linear(attention(linear(norm(x, `${part}.ln_1`), `${part}.c_attn`)), `${part}.attn_proj`));
      x = x.add(linear(gelu(linear(norm(x, `${part}.ln_2`), `${part}.c_fc`)), `${part}.mlp_proj`));
    }
    return crossEntropy(y, norm(x, "ln_f").matMul(p["wte.weight"], false, true));
  };
  return {
    step: adamwStep(loss, Object.values(p)),
    parameters: rows.parameterCount(shapes),
    note: "plain operations, embeddings as one-hot products",
  };
}

/** AdamW with clipping, by hand: tf.train.adam has no decoupled decay. */
function adamwStep(loss, variables) {
  const { rate, beta1, beta2, epsilon, decay, clip } = rows.ADAMW;
  const first = variables.map((v) => tf.variable(tf.zerosLike(v)));
  const second = variables.map((v) => tf.variable(tf.zerosLike(v)));
  let count = 0;
  return () =>
    tf.tidy(() => {
      count++;
      const { value, grads } = tf.variableGrads(loss, variables);
      const norm = tf.sqrt(tf.addN(variables.map((v) => grads[v.name].square().sum())));
      const scale = tf.minimum(1, tf.div(clip, norm.add(1e-6)));
      for (const [i, v] of variables.entries()) {
        const g = grads[v.name].mul(scale);
        first[i].assign(first[i].mul(beta1).add(g.mul(1 - beta1)));
        second[i].assign(second[i].mul(beta2).add(g.square().mul(1 - beta2)));
        const denominator = second[i]
          .div(1 - beta2 ** count)
          .sqrt()
          .add(epsilon);
        const kept = v.rank > 1 ? v.mul(1 - rate * decay) : v;
        v.assign(kept.sub(first[i].mul(rate / (1 - beta1 ** count)).div(denominator)));
      }
      return value.dataSync()[0];
    });
}

setThreadsCount(rows.threads);
await tf.setBackend("wasm");
await tf.ready();
const used = (await tf.env().getAsync("WASM_HAS_MULTITHREAD_SUPPORT")) ? getThreadsCount() : 1;
await rows.serve(
  {
    mlp,
    conv,
    rnn: () => recurrent("simpleRNN", 1, "one bias"),
    lstm: () => recurrent("lstm", 4, "one bias"),
    gru: () => recurrent("gru", 3, "one bias, reset before the product: another formula, the same size"),
    "gpt-4x128": () => gpt("gpt-4x128"),
    "gpt-6x384": () => gpt("gpt-6x384"),
  },
  { mode: "eager", version: tf.version.tfjs, threadsUsed: used },
);
