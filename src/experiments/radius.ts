/** The spectral radius of a square matrix: the largest absolute value of its eigenvalues. */

/** Steps of the iteration; the estimate is off by about log(width) / steps. */
const STEPS = 400;

/** `matrix` [H, H] times `vector` [H]. */
function times(matrix: ArrayLike<number>, vector: Float64Array): Float64Array {
  const H = vector.length;
  return vector.map((_, i) => {
    let sum = 0;
    for (let j = 0; j < H; j++) sum += Number(matrix[i * H + j]) * (vector[j] ?? 0);
    return sum;
  });
}

const norm = (vector: Float64Array): number => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));

/**
 * ρ(W) = lim ‖Wᵏ v‖^(1/k) (Gelfand), from the growth of the second half of the steps: complex eigenvalues, which random
 * matrices have, turn the vector, so that no single step says anything.
 */
export function spectralRadius(matrix: ArrayLike<number>, H: number): number {
  let vector: Float64Array = Float64Array.from({ length: H }, (_, i) => Math.cos(1 + i * 1.7));
  let growth = 0;
  for (let step = 0; step < STEPS; step++) {
    const next = times(matrix, vector);
    const length = norm(next);
    if (length === 0) return 0;
    if (step >= STEPS / 2) growth += Math.log(length / norm(vector));
    vector = next.map((value) => value / length);
  }
  return Math.exp(growth / (STEPS / 2));
}

/** Every gate's recurrent matrix of weight_hh [G·H, H], in place, with the spectral radius `radius`. */
export function scaleToRadius(weights: Float32Array, H: number, radius: number): void {
  for (let from = 0; from < weights.length; from += H * H) {
    const gate = weights.subarray(from, from + H * H);
    const factor = radius / spectralRadius(gate, H);
    for (let i = 0; i < gate.length; i++) gate[i] = (gate[i] ?? 0) * factor;
  }
}
