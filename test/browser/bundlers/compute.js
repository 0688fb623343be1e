/** What page and Worker compute: the sum of the product of two 64 × 64 matrices of ones, 64³ = 262144. */
import { array, engineFiles, input, run } from "descent-ml";

/** Threads beyond the first, counted as the engine starts them. */
let threads = 0;
const Native = globalThis.Worker;
globalThis.Worker = class extends Native {
  constructor(url, options) {
    super(url, options);
    if (options?.name === "em-pthread") threads++;
  }
};

/** The sum, or the error as one line; `late` calls engineFiles afterwards. */
export async function compute({ files, late, ...options }) {
  try {
    if (files) engineFiles(files);
    const x = input("x", [64, 64]);
    const ones = array(Array.from({ length: 64 }, () => new Array(64).fill(1)));
    const { y } = await run({ y: x.matmul(x).sum() }, { x: ones }, options);
    if (late) engineFiles(late);
    return `sum ${y.data[0]}, ${threads > 0 ? "threads" : "one thread"}`;
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}
