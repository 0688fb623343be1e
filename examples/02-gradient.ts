/** Differentiation turns a graph into a graph, so the result can be run, differentiated again, or put into a model. */
import { array, gradient, input, run, type Tensor } from "descent-ml";

// f(x) = x³ - 2x, f'(x) = 3x² - 2, f''(x) = 6x.
const x = input("x", []);
const f = x.pow(3).sub(x.mul(2));
const [slope] = gradient(f, [x]);
const [curvature] = gradient(slope, [x]);

const at = { x: array(1.5) };
const first = await run({ f, slope, curvature }, at);
console.log(`f(1.5) = ${first.f?.data[0]}, f' = ${first.slope?.data[0]}, f'' = ${first.curvature?.data[0]}`);

// A loss of two tensors has two gradients, each shaped like its tensor.
const [w, b] = [input("w", [2, 3]), input("b", [3])];
const loss = w.add(b).sigmoid().sum();
const [dw, db] = gradient(loss, [w, b]) as [Tensor, Tensor];
console.log(`the gradient by w is [${dw.shape}], by b [${db.shape}]`);

// Newton's method on f', by hand: the minimum of f is at √(2/3).
let guess = 1.5;
for (let i = 0; i < 5; i++) {
  const found = await run({ slope, curvature }, { x: array(guess) });
  guess -= Number(found.slope?.data[0]) / Number(found.curvature?.data[0]);
}
console.log(`minimum at ${guess.toFixed(5)}`);
