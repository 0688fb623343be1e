/**
 * Attention of recurrent decoders: how much a query, the state of a decoder, looks at each position of a memory, the states
 * of an encoder, and the mean of the memory that it sees.
 *
 *   a = softmax(score(q, mₛ)) over the positions that count    context = Σₛ aₛ mₛ
 *
 *   additive   vᵀ tanh(W q + U mₛ)     Bahdanau et al. 2015, arXiv 1409.0473
 *   dot        qᵀ mₛ                   Luong et al. 2015, arXiv 1508.04025
 *   general    qᵀ W mₛ                 Luong et al. 2015
 *
 * B batch · T queries · S positions of the memory · Q width of a query · M width of the memory · A width of the additive score
 */
import { ShapeError } from "../errors.ts";
import { formatShape, type Tensor } from "../tensor/index.ts";
import { requireOptions, requireSizes, requireTensors } from "./arguments.ts";
import { Linear } from "./linear.ts";
import { module, type Parts } from "./module.ts";
import { activeSteps } from "./recurrence/reading.ts";
import { softmaxWhere } from "./softmax-where.ts";

/** Options of a call. */
export interface MemoryOptions {
  /** How many positions of each row count: whole numbers [B]. What stands behind them, NaN even, changes nothing. */
  readonly lengths?: Tensor;
  /** `keys(memory)`, where they are known: a loop that makes them once gives them to every step. */
  readonly keys?: Tensor;
}

/** q [B, T, Q], keys [B, S, K] -> scores [B, T, S]. */
type Score<P> = (parts: P, q: Tensor, keys: Tensor) => Tensor;

const product = (q: Tensor, keys: Tensor): Tensor => q.matmul(keys, { transB: true });

function requireMemory(name: string, q: Tensor, memory: Tensor): void {
  requireTensors(name, q, memory);
  if ((q.rank === 2 || q.rank === 3) && memory.rank === 3 && q.dim(0) === memory.dim(0)) return;
  throw new ShapeError(
    `${name}: expected queries [B, Q] or [B, T, Q] and a memory [B, S, M], got ${formatShape(q.shape)} and ${formatShape(memory.shape)}; give both for the same rows`,
  );
}

/** The positions that count, and 0 for all others, through which no gradient flows. */
const onlyMeant = (memory: Tensor, seen: Tensor | undefined): Tensor => seen?.where(memory, 0) ?? memory;

/** A layer of `parts` from its score; `project` makes keys [B, S, K] of a memory [B, S, M]. */
const alignment = <P extends Parts>(
  name: string,
  parts: P,
  project: (parts: P, memory: Tensor) => Tensor,
  score: Score<P>,
) => {
  const keysOf = (memory: Tensor, lengths?: Tensor): Tensor =>
    project(parts, onlyMeant(memory, lengths && activeSteps(memory, lengths)));
  const layer = module(
    name,
    parts,
    (own, query: Tensor, memory: Tensor, options: MemoryOptions = {}): [Tensor, Tensor] => {
      requireMemory(name, query, memory);
      requireOptions(name, options, { lengths: "tensor", keys: "tensor" });
      const seen = options.lengths && activeSteps(memory, options.lengths); // [B, S, 1]
      const values = onlyMeant(memory, seen);
      const q = query.rank === 2 ? query.unsqueeze(1) : query;
      const scores = score(own, q, options.keys ?? project(own, values)); // [B, T, S]
      const within = seen?.mT;
      const weights = within ? softmaxWhere(scores, within) : scores.softmax();
      const context = weights.matmul(values);
      return query.rank === 2 ? [context.squeeze(1), weights.squeeze(1)] : [context, weights];
    },
  );
  Object.defineProperty(layer, "keys", { value: keysOf }); // no part: it is not walked
  return layer as typeof layer & { keys: typeof keysOf };
};

/**
 * vᵀ tanh(W q + U m): queries [B, Q] or [B, T, Q] and a memory [B, S, M] -> [context [B, M], weights [B, S]], with T where
 * the queries have it. Parts `query` (W), `key` (U) and `energy` (v). Bahdanau et al. 2015.
 */
export const AdditiveAttention = (Q: number, M: number, A: number = Q) => {
  requireSizes("AdditiveAttention", { Q, M, A });
  const plain = { bias: false } as const;
  return alignment(
    "AdditiveAttention",
    { query: Linear(Q, A, plain), key: Linear(M, A, plain), energy: Linear(A, 1, plain) },
    ({ key }, memory) => key(memory),
    ({ query, energy }, q, keys) => energy(query(q).unsqueeze(2).add(keys.unsqueeze(1)).tanh()).squeeze(3), // [B, T, S, A]
  );
};

/** qᵀ m, where both have one width; otherwise as `AdditiveAttention`. It has no parts. Luong et al. 2015. */
export const DotAttention = () =>
  alignment(
    "DotAttention",
    {},
    (_, memory) => memory,
    (_, q, keys) => product(q, keys),
  );

/** qᵀ W m; otherwise as `AdditiveAttention`. Its part is `key` (W). Luong et al. 2015. */
export const GeneralAttention = (Q: number, M: number) => {
  requireSizes("GeneralAttention", { Q, M });
  return alignment(
    "GeneralAttention",
    { key: Linear(M, Q, { bias: false }) },
    ({ key }, memory) => key(memory),
    (_, q, keys) => product(q, keys),
  );
};
