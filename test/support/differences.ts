/** Gradients compared with central differences: (f(x + h) - f(x - h)) / 2h for every element of every input. */
import { gradient } from "../../src/graph/index.ts";
import { type HostTensor, stream } from "../../src/runtime/index.ts";
import { isFloat, type Tensor, tensor } from "../../src/tensor/index.ts";
import { difference, exactDifference } from "../tolerances.ts";
import { composed } from "./composed.ts";
import { count, host, numbersOf, prepare, type Runner, requireClose, trace, uniform } from "./numbers.ts";

export type Apply = (...inputs: [Tensor, Tensor, Tensor, Tensor, Tensor]) => Tensor | readonly Tensor[];

/** Σ y · seed with seeded numbers, multiples of 1/8 so that float32 adds them without rounding. */
export function weigh(outputs: readonly Tensor[], seed = 1): Tensor {
  const parts = outputs
    .filter(({ dtype }) => isFloat(dtype))
    .map((y, i) => {
      const shape = y.shape.map(Number);
      const weights = numbersOf(uniform(seed + i, [count(shape)], -2, 2).data).map(
        (value) => Math.round(value * 8) / 8,
      );
      return y.mul(tensor(weights, y.dtype).reshape(shape)).sum();
    });
  const [first, ...rest] = parts;
  if (!first) throw new Error("no output has a gradient");
  return rest.reduce((sum, part) => sum.add(part), first);
}

const tensorsOf = (apply: Apply, inputs: readonly Tensor[]): readonly Tensor[] =>
  [apply(...(inputs as [Tensor, Tensor, Tensor, Tensor, Tensor]))].flat();

/** The first derivatives as outputs of their own, to be differentiated again. */
export const derivatives =
  (apply: Apply): Apply =>
  (...inputs) => {
    const wrt = inputs.filter((input) => input && isFloat(input.dtype));
    return gradient(weigh(tensorsOf(apply, inputs), 11), wrt);
  };

/** The difference quotient of the first output by every element of input `at`. */
async function quotients(run: Runner, values: readonly HostTensor[], at: number, step: number): Promise<number[]> {
  const centre = values[at];
  if (!centre) throw new Error(`there is no input ${at}`);
  const lossAt = async (i: number, by: number): Promise<number> => {
    const moved = { ...centre, data: centre.data.slice() };
    moved.data[i] = Number(centre.data[i]) + by;
    const [loss] = await run(...values.map((value, j) => (j === at ? moved : value)));
    return Number(loss?.data[0]);
  };
  const result: number[] = [];
  for (let i = 0; i < centre.data.length; i++)
    result.push(((await lossAt(i, step)) - (await lossAt(i, -step))) / (2 * step));
  return result;
}

/** Throws where a gradient is not the difference quotient. In float32 the inputs must be dyadic: see `dyadic`. */
export async function checkGradients(values: readonly HostTensor[], apply: Apply): Promise<void> {
  const wrt = values.flatMap(({ dtype }, i) => (isFloat(dtype) ? [i] : []));
  const loss = (inputs: Tensor[]) => weigh(tensorsOf(apply, inputs));
  const value = await prepare(trace(values, (inputs) => composed([loss(inputs)])));
  const all = trace(values, (inputs) =>
    composed(
      gradient(
        loss(inputs),
        wrt.flatMap((i) => inputs[i] ?? []),
      ),
    ),
  );
  const gradients = await (await prepare(all))(...values);
  const { step, within } = values[wrt[0] ?? 0]?.dtype === "f32" ? exactDifference : difference;
  for (const [k, i] of wrt.entries()) {
    const [found, input] = [gradients[k], values[i]];
    if (!found || !input) throw new Error(`there is no gradient ${k}`);
    const expected = host(await quotients(value, values, i, step), input.shape, input.dtype);
    requireClose(`gradient by input ${i} of shape [${input.shape}]`, found, expected, within);
  }
}

/** Multiples of 1/4 in [-2, 2], no two alike among up to 17 elements of a row: float32 sums and products of them are exact. */
export function dyadic(seed: number, shape: readonly number[]): HostTensor {
  return host(
    numbersOf(uniform(seed, shape, -2, 2).data).map((value) => Math.round(value * 4) / 4),
    shape,
  );
}

/** All different, half a step of `exactDifference` from any tie. */
export function distinct(seed: number, shape: readonly number[]): HostTensor {
  const n = count(shape);
  const draws = numbersOf(uniform(seed, [n]).data);
  const order = draws.map((_, i) => i).sort((a, b) => (draws[a] ?? 0) - (draws[b] ?? 0));
  return host(
    order.map((place) => (place - n / 2) * 0.5),
    shape,
  );
}

/** Whole numbers from 0 to below `limit`. */
export const wholes = (seed: number, limit: number, length: number): number[] =>
  numbersOf(uniform(seed, [length], 0, limit).data).map(Math.floor);

/** A shape of up to three axes of 1 to 3, and one that broadcasts with it; which of the two is stretched where is drawn too. */
export function broadcastPair(seed: number): [number[], number[]] {
  const draws = new Float64Array(16);
  stream(seed, 0, "shapes").fillUniform(draws);
  const draw = (i: number, below: number) => Math.floor((draws[i] ?? 0) * below);
  const shape = Array.from({ length: 1 + draw(0, 3) }, (_, i) => 1 + draw(i + 1, 3));
  const [a, b] = [
    shape.map((size, i) => (draw(i + 4, 3) === 0 ? 1 : size)),
    shape.map((size, i) => (draw(i + 7, 3) === 0 ? 1 : size)),
  ];
  const shorter = b.slice(draw(10, b.length + 1));
  return draw(11, 2) === 0 ? [a, shorter] : [shorter, a];
}
