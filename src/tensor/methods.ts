/** The methods of `Tensor` that are rows of the table of operations and nothing else. `graph/ops/elementwise.ts` holds the rows. */
import type { Operand, Tensor } from "./tensor.ts";

/** f(x), element by element. */
export interface UnaryMethods {
  neg(): Tensor;
  abs(): Tensor;
  /** -1, 0 or 1. */
  sign(): Tensor;
  exp(): Tensor;
  log(): Tensor;
  sqrt(): Tensor;
  sin(): Tensor;
  cos(): Tensor;
  tanh(): Tensor;
  /** 1/(1 + e^-x), within 1e-7; for its logarithm there is `logSigmoid`. */
  sigmoid(): Tensor;
  /** max(x, 0). */
  relu(): Tensor;
  erf(): Tensor;
  /** log(1 + e^x). */
  softplus(): Tensor;
  floor(): Tensor;
  ceil(): Tensor;
  /** To the nearest whole number, halves to the even one. */
  round(): Tensor;
  isNaN(): Tensor;
  not(): Tensor;
  /** The same values, through which no gradient flows. */
  stopGradient(): Tensor;
}

/** f(x, other), element by element. Sizes broadcast from the right. */
export interface BinaryMethods {
  add(other: Operand): Tensor;
  sub(other: Operand): Tensor;
  mul(other: Operand): Tensor;
  div(other: Operand): Tensor;
  pow(exponent: Operand): Tensor;
  maximum(other: Operand): Tensor;
  minimum(other: Operand): Tensor;
  equal(other: Operand): Tensor;
  less(other: Operand): Tensor;
  greater(other: Operand): Tensor;
  lessEqual(other: Operand): Tensor;
  greaterEqual(other: Operand): Tensor;
  and(other: Operand): Tensor;
  or(other: Operand): Tensor;
}
