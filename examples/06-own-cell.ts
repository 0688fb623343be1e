/** Your own recurrent cell under `scan`: the minimal gated unit learns to add two numbers that lie far apart. */
import {
  adam,
  array,
  createStep,
  initialValues,
  Linear,
  meanSquaredError,
  module,
  namedParameters,
  scan,
  stream,
  type Tensor,
  zeros,
} from "descent-ml";

/**
 * f = σ(W_f x + U_f h)    n = tanh(W x + U (f ∘ h))    h' = (1 - f) ∘ h + f ∘ n    (Zhou et al. 2016, arXiv 1603.09420)
 * A cell takes the state and one input and gives the next state and an output; `scan` repeats it, gradient included.
 */
const MinimalGatedUnit = (I: number, H: number) =>
  module(
    "MinimalGatedUnit",
    { W_f: Linear(I, H), U_f: Linear(H, H), W: Linear(I, H), U: Linear(H, H) },
    ({ W_f, U_f, W, U }, h: Tensor, x: Tensor): [Tensor, Tensor] => {
      const f = W_f(x).add(U_f(h)).sigmoid(); // [B, H]
      const n = U(f.mul(h)).add(W(x)).tanh();
      const next = h.add(f.mul(n.sub(h)));
      return [next, next];
    },
  );

const [B, T, H] = [64, 20, 32];
const model = module("Adder", { cell: MinimalGatedUnit(2, H), out: Linear(H, 1) }, ({ cell, out }, x: Tensor) => {
  const [last] = scan(cell, zeros([B, H]), x); // x [B, T, 2]
  return out(last).squeeze(1);
});

/** B sequences of T numbers, two of them marked, one in each half: the target is their sum. */
function batch(step: number) {
  const random = stream(0, step, "adding");
  const numbers = random.fillUniform(new Float32Array(B * T));
  const places = random.integers(2 * B, T / 2);
  const x = Array.from({ length: B }, (_, b) => {
    const marked = [places[2 * b], T / 2 + (places[2 * b + 1] ?? 0)];
    return Array.from({ length: T }, (_, t) => [numbers[b * T + t] ?? 0, Number(marked.includes(t))]);
  });
  const sums = x.map((row) => row.reduce((sum, [number = 0, mark = 0]) => sum + number * mark, 0));
  return { x: array(x), sums: array(sums) };
}

const parameters = namedParameters(model);
const loss = ({ x, sums }: Record<"x" | "sums", Tensor>) => meanSquaredError(model(x), sums);
const options = { parameters, batch: batch(0), loss, optimizer: adam(), clip: 1 };
const step = await createStep(options, { weights: initialValues(parameters, 0) });
for (let i = 1; i <= 1000; i++) {
  const { loss } = await step.run([batch(i)], { step: i, lr: 0.01, seed: 0 });
  if (i % 200 === 0) console.log(`step ${i}  error ${loss.toFixed(5)}, of 0.16667 for always answering 1`);
}
