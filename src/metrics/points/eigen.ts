/**
 * Eigenvalues and eigenvectors of a symmetric matrix: A = Σ λ_i q_i q_iᵀ. Householder reflections make it tridiagonal, the QL
 * method with implicit shifts makes that diagonal; both are orthogonal, so the error is of the size of rounding times ‖A‖.
 * Source: Golub & Van Loan, Matrix Computations, 8.3.
 *
 * n rows and columns
 */

/** Eigenvalues, the largest first, and the eigenvector of each, of length 1, as row i of [n, n]. */
export interface Eigen {
  readonly values: Float64Array;
  readonly vectors: Float64Array;
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

/** The unit vector v, 0 up to row k, for which (1 - 2vvᵀ) leaves nothing of column k below row k + 1; none where nothing is there. */
function reflection(a: Float64Array, n: number, k: number): Float64Array | undefined {
  const v = Float64Array.from({ length: n }, (_, i) => (i > k ? (a[i * n + k] ?? 0) : 0));
  const first = v[k + 1] ?? 0;
  const length = Math.hypot(...v);
  if (length === Math.abs(first)) return undefined;
  v[k + 1] = first + (first < 0 ? -length : length);
  const scale = Math.hypot(...v);
  return v.map((value) => value / scale);
}

/** a -= 2(v wᵀ + w vᵀ): both sides reflected, w = Av - (vᵀAv) v. */
function reflectBoth(a: Float64Array, n: number, v: Float64Array): void {
  const product = v.map((_, i) => dot(a.subarray(i * n, (i + 1) * n), v));
  const along = dot(v, product);
  const w = product.map((value, i) => value - along * (v[i] ?? 0));
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      a[i * n + j] = (a[i * n + j] ?? 0) - 2 * ((v[i] ?? 0) * (w[j] ?? 0) + (w[i] ?? 0) * (v[j] ?? 0));
}

/** The rows of q, of which the last reflections are the first: q ← (1 - 2vvᵀ) q. */
function reflectRows(q: Float64Array, n: number, v: Float64Array): void {
  const along = new Float64Array(n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) along[j] = (along[j] ?? 0) + (v[i] ?? 0) * (q[i * n + j] ?? 0);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) q[i * n + j] = (q[i * n + j] ?? 0) - 2 * (v[i] ?? 0) * (along[j] ?? 0);
}

/** Rows i and i + 1 of q turned by the angle of cosine c and sine s. */
function turnRows(q: Float64Array, n: number, i: number, c: number, s: number): void {
  for (let k = i * n; k < (i + 1) * n; k++) {
    const [here, next] = [q[k] ?? 0, q[k + n] ?? 0];
    q[k + n] = s * here + c * next;
    q[k] = c * here - s * next;
  }
}

/** One sweep of QL from row m up to row l, shifted by what will be the eigenvalue at l. */
function sweep(
  d: Float64Array,
  e: Float64Array,
  l: number,
  m: number,
  turn: (i: number, c: number, s: number) => void,
) {
  const at = (list: Float64Array, i: number): number => list[i] ?? 0;
  const ratio = (at(d, l + 1) - at(d, l)) / (2 * at(e, l));
  const root = Math.hypot(ratio, 1);
  let g = at(d, m) - at(d, l) + at(e, l) / (ratio + (ratio < 0 ? -root : root));
  let [s, c, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const [f, b] = [s * at(e, i), c * at(e, i)];
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1] = at(d, i + 1) - p;
      e[m] = 0;
      return;
    }
    [s, c] = [f / r, g / r];
    g = at(d, i + 1) - p;
    const t = (at(d, i) - g) * s + 2 * c * b;
    p = s * t;
    d[i + 1] = g + p;
    g = c * t - b;
    turn(i, c, s);
  }
  d[l] = at(d, l) - p;
  e[l] = g;
  e[m] = 0;
}

/** The first row from l on below which the tridiagonal matrix falls apart. */
function partAt(d: Float64Array, e: Float64Array, l: number): number {
  let m = l;
  while (m < d.length - 1) {
    const size = Math.abs(d[m] ?? 0) + Math.abs(d[m + 1] ?? 0);
    if (Math.abs(e[m] ?? 0) <= Number.EPSILON * size || size + Math.abs(e[m] ?? 0) === size) break;
    m++;
  }
  return m;
}

/** Eigenvalues and eigenvectors of the symmetric matrix [n, n], in time n³. */
export function eigen(matrix: Float64Array, n: number): Eigen {
  const a = Float64Array.from(matrix);
  const reflections = [];
  for (let k = 0; k < n - 2; k++) {
    const v = reflection(a, n, k);
    if (v) reflectBoth(a, n, v);
    if (v) reflections.push(v);
  }
  const d = Float64Array.from({ length: n }, (_, i) => a[i * n + i] ?? 0);
  const e = Float64Array.from({ length: n }, (_, i) => (i < n - 1 ? (a[(i + 1) * n + i] ?? 0) : 0));
  // Rows are turned by QL as columns of Q would be: q begins as Qᵀ.
  const q = Float64Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0));
  for (const v of reflections) reflectRows(q, n, v);
  for (let l = 0; l < n; l++)
    for (let m = partAt(d, e, l); m > l; m = partAt(d, e, l)) sweep(d, e, l, m, (i, c, s) => turnRows(q, n, i, c, s));
  const order = [...d.keys()].sort((i, j) => (d[j] ?? 0) - (d[i] ?? 0));
  const vectors = new Float64Array(n * n);
  for (const [row, i] of order.entries()) vectors.set(q.subarray(i * n, (i + 1) * n), row * n);
  return { values: Float64Array.from(order, (i) => d[i] ?? 0), vectors };
}
