/**
 * A recurrent language model around any cell: embedding, a stack of recurrent layers with dropout between, a decoder.
 *
 * B batch · T steps · I input width · H hidden width · V vocabulary
 */
import { z } from "zod";
import { type Step, scan } from "../graph/index.ts";
import { Dropout, Embedding, Linear } from "../nn/index.ts";
import { type Tensor, zeros } from "../tensor/index.ts";
import type { Carried, LanguageModel } from "./language-model.ts";

/** Keys of the configuration, named as the arguments of torch.nn's layers. */
export const recurrentConfig = z.strictObject({
  vocab_size: z.int().min(1).max(1e7),
  embedding_dim: z.int().min(1).max(65536).default(128),
  hidden_size: z.int().min(1).max(65536).default(256),
  num_layers: z.int().min(1).max(64).default(1),
  dropout: z.number().min(0).lt(1).default(0),
});
/** Arguments of torch.nn's layers that these models leave at their defaults. */
export const recurrentFixed = { nonlinearity: "tanh", bidirectional: false, bias: true, proj_size: 0 };
export type RecurrentConfig = z.infer<typeof recurrentConfig>;

/** The state of one layer: tensors [B, H] by name. */
type State = { readonly [name: string]: Tensor };

/** A stack of layers seen from outside: embedding, cells, decoder, and how a cell's state is spelled. */
export interface Stack<S extends State> {
  readonly parts: object;
  readonly embedding: (ids: Tensor) => Tensor;
  readonly cells: readonly Step<S, Tensor, Tensor>[];
  readonly decoder: (x: Tensor) => Tensor;
  /** Names of the tensors of a state. */
  readonly names: readonly (keyof S & string)[];
}

/** Parts that all three models share. */
export const shell = ({ vocab_size: V, embedding_dim: I, hidden_size: H }: RecurrentConfig) => ({
  embedding: Embedding(V, I),
  decoder: Linear(H, V),
});

/** xs [B, T, I] through every layer -> [B, T, H], and the last state of each. */
function runStack<S extends State>({ cells }: Stack<S>, xs: Tensor, first: readonly S[], drop: (x: Tensor) => Tensor) {
  const states = cells.map((cell, l) => {
    const state = first[l];
    if (!state) throw new Error("internal: one state per layer");
    const [last, hs] = scan(cell, state, l === 0 ? xs : drop(xs));
    xs = hs; // [B, T, H]
    return last;
  });
  return { xs, states };
}

/** The language model that a stack makes. */
export function recurrentLanguageModel<S extends State>(config: RecurrentConfig, stack: Stack<S>): LanguageModel {
  const { hidden_size: H, num_layers, vocab_size, dropout } = config;
  const drop = Dropout(dropout);
  const key = (name: string, l: number) => `${name}.${l}`;
  const everyState = <T>(make: (name: string, l: number) => T): Record<string, T> =>
    Object.fromEntries(stack.cells.flatMap((_, l) => stack.names.map((name) => [key(name, l), make(name, l)])));
  const run = (ids: Tensor, states: readonly S[]) => runStack(stack, stack.embedding(ids), states, drop);
  const stateOf = (l: number, tensor: (name: string) => Tensor | undefined) =>
    Object.fromEntries(stack.names.map((name) => [name, tensor(key(name, l))])) as S;
  return {
    parts: stack.parts,
    vocabulary: vocab_size,
    context: undefined,
    forward(ids) {
      const rest = zeros([ids.dim(0), H]);
      const states = Array.from({ length: num_layers }, (_, l) => stateOf(l, () => rest));
      return stack.decoder(run(ids, states).xs);
    },
    carried: (B) => everyState(() => ({ shape: [B, H], dtype: "f32" })),
    step(ids, carried: Carried) {
      const { xs, states } = run(
        ids,
        stack.cells.map((_, l) => stateOf(l, (name) => carried[name])),
      );
      return { logits: stack.decoder(xs), carried: everyState((name, l) => states[l]?.[name] ?? xs) };
    },
  };
}
