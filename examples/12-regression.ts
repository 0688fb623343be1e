/** A curve through noisy points of a sine, stopped when it gets no closer to points it has not seen. */
import { array, fit, Linear, meanAbsoluteError, meanSquaredError, Sequential, stream, Tanh } from "descent-ml";

const at = stream(1, 0, "places")
  .fillUniform(new Float64Array(200))
  .map((u) => 6 * u - 3);
const noise = stream(1, 0, "noise").fillNormal(new Float64Array(200));
const data = {
  x: array(Array.from(at, (x) => [x])),
  y: array(Array.from(at, (x, i) => [Math.sin(x) + 0.1 * (noise[i] ?? 0)])),
};
const net = Sequential(Linear(1, 32), Tanh(), Linear(32, 32), Tanh(), Linear(32, 1));
const fitted = await fit(net, data, {
  loss: ({ x, y }) => meanSquaredError(net(x), y),
  metrics: ({ x, y }) => ({ error: meanAbsoluteError(net(x), y) }),
  validation: 0.2,
  epochs: 150,
  lr: 0.01,
  patience: 30,
});
const { data: curve } = await fitted.predict({ x: array([[-2], [0], [2]]) });
console.log(`${fitted.step} steps, error ${fitted.scores?.error?.toFixed(3)}`);
console.log(`${Array.from(curve as Float32Array, (y) => y.toFixed(2)).join(", ")} where the sine is -0.91, 0.00, 0.91`);
