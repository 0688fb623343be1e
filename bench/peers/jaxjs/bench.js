/**
 * jax-js on its wasm backend in Node: hand-written functions, one jit around loss, gradients and update.
 *
 * Usage: node jaxjs/bench.js --threads 2           requests on stdin, one JSON object per line
 *
 * There is no scan, so the recurrent rows are unrolled. Its threads need a browser's `Worker`, which Node lacks:
 * workers.js lends it one when more than one thread is asked for.
 */
import * as rows from "../rows.js";
import { installWorkers } from "./workers.js";

if (rows.threads > 1) installWorkers(rows.threads);
const {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  lax,
  nn,
  numpy: np,
  tree,
  valueAndGrad,
} = await import("@jax-js/jax");

const { X, Y } = rows;
const array = ({ data, shape }) => np.array(data).reshape(shape);
const input = (shape, seed = X) => array({ data: rows.uniform(shape, seed), shape });

/** Matrices are kept [in, out], the layout that `np.dot` takes as it is. */
const parameters = (shapes) =>
  Object.fromEntries(
    Object.entries(rows.fill(shapes)).map(([name, p]) => {
      const isLinear = p.shape.length === 2 && !/^w[tp]e/.test(name);
      return [name, isLinear ? transposed(p) : array(p)];
    }),
  );

function transposed({ data, shape: [outputs, inputs] }) {
  const out = new Float32Array(data.length);
  for (let o = 0; o < outputs; o++) for (let i = 0; i < inputs; i++) out[i * outputs + o] = data[o * inputs + i];
  return array({ data: out, shape: [inputs, outputs] });
}

/** One-hot rows: the targets of a loss, or an embedding's ids. */
function oneHot(count, classes, seed) {
  const out = new Float32Array(count * classes);
  for (const [i, id] of rows.integers([count], seed, classes).entries()) out[i * classes + id] = 1;
  return array({ data: out, shape: [count, classes] });
}

const linear = (p, part, x) => np.dot(x, p[`${part}.weight`].ref).add(p[`${part}.bias`].ref);

const crossEntropy = (logits, target) => {
  const count = logits.shape[0];
  return nn
    .logSoftmax(logits)
    .mul(target)
    .sum()
    .mul(-1 / count);
};

/** SGD. `forward(p, x, y)` gives the loss and uses parameters by `.ref`; with `forInput` x gets a gradient too. */
function sgd(shapes, forward, inputs, { forInput = false, jitted = true, ...rest } = {}) {
  const loss = (p, ...given) => {
    const value = forward(p, ...given);
    tree.dispose(p);
    return value;
  };
  const plain = (p, ...given) => {
    const [value, grads] = valueAndGrad(loss, { argnums: forInput ? [0, 1] : [0] })(tree.ref(p), ...given);
    const learned = tree.map((old, g) => old.sub(g.mul(0.01)), p, grads[0]);
    return [value, learned, ...grads.slice(1)];
  };
  const update = jitted ? jit(plain) : plain;
  let p = parameters(shapes);
  const step = async () => {
    const [value, learned, ...gradients] = update(p, ...inputs.map((x) => x.ref));
    p = learned;
    await blockUntilReady([p, gradients]);
    tree.dispose(gradients);
    return value.jsAsync();
  };
  return { step, parameters: rows.parameterCount(shapes), mode: jitted ? "jit" : "eager", ...rest };
}

function mlp() {
  const { B } = rows.MLP;
  const forward = (p, x, y) => {
    const h = nn.relu(linear(p, "2", nn.relu(linear(p, "0", x))));
    return crossEntropy(linear(p, "4", h), y);
  };
  return sgd(rows.mlpShapes(), forward, [input([B, 784]), oneHot(B, 10, Y)]);
}

/** Its jit makes a convolution slower than none at all, so the row goes without unless `mode` is "jit". */
function conv({ mode }) {
  const jitted = mode === "jit";
  const { B } = rows.CONV;
  const layer = (p, part, x) => {
    const y = lax.convGeneralDilated(x, p[`${part}.weight`].ref, [1, 1], "SAME");
    return nn.relu(y.add(p[`${part}.bias`].ref.reshape([-1, 1, 1])));
  };
  const forward = (p, x, y) => {
    const pooled = lax.reduceWindow(layer(p, "2", layer(p, "0", x)), np.max, [2, 2], [2, 2]);
    return crossEntropy(linear(p, "6", pooled.reshape([B, -1])), y);
  };
  const inputs = [input([B, 1, 28, 28]), oneHot(B, 10, Y)];
  return sgd(rows.convShapes(), forward, inputs, { jitted, note: "jit makes this row slower than none" });
}

/** One step of each kind: (what x gives, what h gives, the states) -> the states, h first. */
const cells = {
  rnn: (xw, hw) => [np.tanh(xw.add(hw))],
  lstm: (xw, hw, [, c]) => {
    const [i, f, g, o] = np.split(xw.add(hw), 4, -1);
    const next = nn
      .sigmoid(f)
      .mul(c)
      .add(nn.sigmoid(i).mul(np.tanh(g)));
    return [nn.sigmoid(o).mul(np.tanh(next.ref)), next];
  },
  gru: (xw, hw, [h]) => {
    const [xr, xz, xn] = np.split(xw, 3, -1);
    const [hr, hz, hn] = np.split(hw, 3, -1);
    const z = nn.sigmoid(xz.add(hz));
    const n = np.tanh(xn.add(nn.sigmoid(xr.add(hr)).mul(hn)));
    return [n.ref.add(z.mul(h.sub(n)))];
  },
};

/** The product of x with its weights is made for all steps at once; the rest is unrolled over T. */
function recurrent(kind, gates) {
  const { B, T, I, H } = rows.RECURRENT;
  const forward = (p, x) => {
    const product = np.dot(x, p.weight_ih.ref).add(p.bias_ih.ref); // [B, T, gates · H]
    let states = Array.from({ length: kind === "lstm" ? 2 : 1 }, () => np.zeros([B, H]));
    const hs = [];
    for (const xw of np.unstack(product, 1)) {
      const [h, ...others] = states;
      const hw = np.dot(h.ref, p.weight_hh.ref).add(p.bias_hh.ref);
      if (kind !== "gru") h.dispose(); // the GRU alone mixes the state itself into the next
      states = cells[kind](xw, hw, [h, ...others]);
      hs.push(states[0].ref);
    }
    tree.dispose(states);
    return np.mean(np.square(np.stack(hs, 1)));
  };
  const note = `unrolled over ${T} steps`;
  return sgd(rows.recurrentShapes(gates), forward, [input([B, T, I])], { forInput: true, note });
}

function gptLoss({ layers, heads, C, T, B }) {
  const norm = (p, part, x) => {
    const centered = x.ref.sub(np.mean(x, -1, { keepdims: true }));
    const variance = np.mean(np.square(centered.ref), -1, { keepdims: true });
    return centered
      .div(np.sqrt(variance.add(1e-5)))
      .mul(p[`${part}.weight`].ref)
      .add(p[`${part}.bias`].ref);
  };
  // nn.dotProductAttention parses an einsum with iterator helpers, which Node 20 does not have
  const attention = (x) => {
    const split = (t) => np.transpose(t.reshape([B, T, heads, C / heads]), [0, 2, 1, 3]); // [B, heads, T, C / heads]
    const [q, k, v] = np.split(x, 3, -1).map(split);
    const scores = np.matmul(q, np.swapaxes(k, -1, -2)).mul((C / heads) ** -0.5);
    const weights = nn.softmax(np.where(np.tri(T, T, 0, { dtype: np.bool }), scores, -Infinity));
    return np.transpose(np.matmul(weights, v), [0, 2, 1, 3]).reshape([B, T, C]);
  };
  return (p, ids, y) => {
    let x = np.dot(ids, p["wte.weight"].ref).reshape([B, T, C]).add(p["wpe.weight"].ref);
    for (let i = 0; i < layers; i++) {
      const part = `h.${i}`;
      const a = attention(linear(p, `${part}.c_attn`, norm(p, `${part}.ln_1`, x.ref)));
      x = x.add(linear(p, `${part}.attn_proj`, a));
      const hidden = nn.gelu(linear(p, `${part}.c_fc`, norm(p, `${part}.ln_2`, x.ref)));
      x = x.add(linear(p, `${part}.mlp_proj`, hidden));
    }
    const logits = np.dot(norm(p, "ln_f", x).reshape([B * T, C]), np.transpose(p["wte.weight"].ref));
    const value = crossEntropy(logits, y);
    tree.dispose(p);
    return value;
  };
}

/** AdamW with clipping, in the same jit. `rate` and `correction` change with the step and are given as arrays. */
function adamw(loss) {
  const { rate: base, beta1, beta2, epsilon, decay, clip } = rows.ADAMW;
  return jit((p, first, second, rate, correction, ...given) => {
    const [value, grads] = valueAndGrad(loss)(tree.ref(p), ...given);
    const squares = tree.leaves(tree.ref(grads)).map((g) => np.square(g).sum());
    const norm = np.sqrt(squares.reduce((a, b) => a.add(b)));
    const scale = np.minimum(1, np.reciprocal(norm.add(1e-6)).mul(clip));
    const clipped = tree.map((g) => g.mul(scale.ref), grads);
    scale.dispose();
    const m = tree.map((old, g) => old.mul(beta1).add(g.mul(1 - beta1)), first, tree.ref(clipped));
    const v = tree.map((old, g) => old.mul(beta2).add(np.square(g).mul(1 - beta2)), second, clipped);
    const change = (old, a, b) => {
      const denominator = np.sqrt(b.mul(correction.ref)).add(epsilon);
      const kept = old.ndim > 1 ? old.mul(1 - base * decay) : old;
      return kept.sub(a.mul(rate.ref).div(denominator));
    };
    const learned = tree.map(change, p, tree.ref(m), tree.ref(v));
    tree.dispose([rate, correction]);
    return [value, learned, m, v];
  });
}

function gpt(name) {
  const config = rows.GPT[name];
  const { T, B, V } = config;
  const { rate, beta1, beta2 } = rows.ADAMW;
  const shapes = rows.gptShapes(config);
  const update = adamw(gptLoss(config));
  const ids = oneHot(B * T, V, X);
  const y = oneHot(B * T, V, Y);
  let p = parameters(shapes);
  let first = tree.map((x) => np.zeros(x.shape), p);
  let second = tree.map((x) => np.zeros(x.shape), p);
  let count = 0;
  const step = async () => {
    count++;
    const scalars = [np.array(rate / (1 - beta1 ** count)), np.array(1 / (1 - beta2 ** count))];
    const [value, ...state] = update(p, first, second, ...scalars, ids.ref, y.ref);
    [p, first, second] = state;
    await blockUntilReady(state);
    return value.jsAsync();
  };
  return { step, parameters: rows.parameterCount(shapes), mode: "jit", note: "embeddings as one-hot products" };
}

await init("wasm");
defaultDevice("wasm");
await rows.serve(
  {
    mlp,
    conv,
    rnn: () => recurrent("rnn", 1),
    lstm: () => recurrent("lstm", 4),
    gru: () => recurrent("gru", 3),
    "gpt-4x128": () => gpt("gpt-4x128"),
    "gpt-6x384": () => gpt("gpt-6x384"),
  },
  { version: "0.1.25", threadsUsed: rows.threads },
);
