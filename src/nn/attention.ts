/**
 * Attention (Vaswani et al. 2017, arXiv 1706.03762), and which keys a query sees.
 *
 * B batch · H heads · G heads of keys and values · T queries · S keys · D width of a head
 */
import { DTypeError, ShapeError } from "../errors.ts";
import { arange, type Dim, formatShape, type Tensor } from "../tensor/index.ts";
import { requireOptions, requireTensors } from "./arguments.ts";
import { type RotaryOptions, rotary } from "./rotary.ts";
import { softmaxWhere } from "./softmax-where.ts";

/** Which keys count, and how much. A query that sees no key at all gives 0. */
export interface AttentionOptions {
  /** Hides keys that stand after the query; the last query stands beside the last key. */
  readonly causal?: boolean;
  /** Hides keys that are this far away or farther: 1 leaves the query's own place. */
  readonly window?: number;
  /** True where a key counts: bool [B, S]. */
  readonly keyMask?: Tensor;
  /** True where a query sees a key: bool, stretched to [B, H, T, S]. */
  readonly mask?: Tensor;
  /** Added to the scores before softmax, stretched to [B, H, T, S]. */
  readonly bias?: Tensor;
  /** Factor of the scores. Default 1/√D. */
  readonly scale?: number;
  /** Turns queries and keys by their places first. */
  readonly rotary?: RotaryOptions;
  /** Applied to the weights [B, H, T, S]. */
  readonly dropout?: (weights: Tensor) => Tensor;
}

export const ATTENTION_KINDS = {
  causal: "boolean",
  window: "number",
  keyMask: "tensor",
  mask: "tensor",
  bias: "tensor",
  rotary: "any",
} as const;

/** Places of T queries, the last of them beside the last of S keys. */
function queryPlaces(T: Dim, S: Dim): Tensor {
  const row = arange(T);
  if (typeof T === "number" && typeof S === "number") return row.add(S - T);
  return T === S ? row : row.add(arange(S).max().sub(row.max()));
}

/** What `causal` and `window` let a query see: bool [T, S]. */
function nearby(T: Dim, S: Dim, { causal = false, window }: AttentionOptions): Tensor[] {
  const [query, key] = [queryPlaces(T, S).unsqueeze(1), arange(S)];
  return [
    causal ? key.lessEqual(query) : undefined,
    window === undefined ? undefined : key.greater(query.sub(window)),
    window === undefined || causal ? undefined : key.less(query.add(window)),
  ].filter((seen) => seen !== undefined);
}

function requireBool(name: string, mask: Tensor): Tensor {
  if (mask.dtype === "bool") return mask;
  throw new DTypeError(
    `attention: expected bool for ${name}, true where a key counts, got ${mask.dtype}; write ids.greater(0), or give numbers to add as bias`,
  );
}

function weightsOf(scores: Tensor, options: AttentionOptions): Tensor {
  const { causal = false, window, keyMask, mask } = options;
  if (causal && window === undefined && !keyMask && !mask) return scores.causal().softmax();
  const seen = nearby(scores.dim(-2), scores.dim(-1), options);
  if (mask) seen.push(requireBool("mask", mask));
  if (keyMask) seen.push(requireBool("keyMask", keyMask).unsqueeze(1).unsqueeze(1)); // [B, 1, 1, S]
  const [first, ...rest] = seen;
  return first
    ? softmaxWhere(
        scores,
        rest.reduce((a, b) => a.and(b), first),
      )
    : scores.softmax();
}

/** Every head of x [B, G, S, D] for the H/G heads of queries that share it: [B, H, S, D]. */
function shareHeads(x: Tensor, H: Dim): Tensor {
  const [B = 0, G = 0, S = 0, D = 0] = x.shape;
  if (G === H) return x;
  const each = Number(H) / Number(G);
  if (!Number.isInteger(each))
    throw new ShapeError(
      `attention: ${H} heads of queries do not divide among ${G} of keys, ${formatShape(x.shape)}; choose a divisor`,
    );
  return x.reshape([B, G, 1, S, D]).expand([B, G, each, S, D]).reshape([B, H, S, D]);
}

/**
 * softmax(q kᵀ/√D) v for q [B, H, T, D], k and v [B, G, S, D] -> [B, H, T, D]. G divides H: each head of keys and values
 * serves H/G of queries (Ainslie et al. 2023, arXiv 2305.13245). Throws DTypeError for masks that are not bool.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  requireTensors("attention", q, k, v);
  requireOptions("attention", options, { ...ATTENTION_KINDS, scale: "number", dropout: "function" });
  const { scale = Number(q.dim(-1)) ** -0.5, bias, dropout = (x) => x } = options;
  const turned = options.rotary && rotary(q, { positions: queryPlaces(q.dim(-2), k.dim(-2)), ...options.rotary });
  const keys = shareHeads(options.rotary ? rotary(k, options.rotary) : k, q.dim(1));
  const scores = (turned ?? q).mul(scale).matmul(keys, { transB: true }); // [B, H, T, S]
  return dropout(weightsOf(bias ? scores.add(bias) : scores, options)).matmul(shareHeads(v, q.dim(1)));
}

/** `attention` with the causal mask; `dropout` is applied to the weights. */
export const causalAttention = (
  q: Tensor,
  k: Tensor,
  v: Tensor,
  dropout: (weights: Tensor) => Tensor = (x) => x,
): Tensor => attention(q, k, v, { causal: true, dropout });
