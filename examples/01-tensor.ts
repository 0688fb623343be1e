/** A tensor holds no numbers: it records operations, and knows every shape before anything runs. */
import { array, input, run, tensor } from "descent-ml";

// x is fed when the graph runs, w is fixed. "N" is a size that is not known yet.
const x = input("x", ["N", 3]);
const w = tensor([
  [1, 0],
  [0, 1],
  [1, -1],
]);
const y = x.matmul(w).relu();
console.log(`recorded: ${y}`);

// Only now are numbers computed: the graph is lowered to an ONNX model, compiled, and run.
const { result } = await run(
  { result: y },
  {
    x: array([
      [1, 2, 3],
      [-4, -5, -6],
    ]),
  },
);
console.log(`computed: [${result?.shape}] ${result?.data.join(" ")}`);

// A wrong shape is an error in the line that causes it, not when it runs.
try {
  x.matmul(x);
} catch (error) {
  console.log(`${error}`);
}
