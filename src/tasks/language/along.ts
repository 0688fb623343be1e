/**
 * Truncated back-propagation through time (Williams & Peng 1990): a text is read along, as streams side by side whose
 * state goes on from window to window. After every k1 tokens comes an update, whose gradient goes back k2 tokens.
 *
 *   k2 = k1   windows of k1 tokens; the state comes in from the window before, without a gradient
 *   k2 < k1   the same, and inside of a window the state is cut off from its past every k2 tokens
 *   k2 > k1   windows of k2 tokens, of which the last k1 are new: only these have a loss, but in the first window of a
 *             stream, where all are new; the state that comes in is the one from k2 tokens ago
 *
 * B streams · T = max(k1, k2) ids in a window · V vocabulary
 */
import { ConfigError } from "../../errors.ts";
import type { CausalModel } from "../../models/index.ts";
import { crossEntropy } from "../../nn/index.ts";
import { isRecord, such, whole } from "../../schema.ts";
import { arange, type Tensor } from "../../tensor/index.ts";
import type { BatchSpecs } from "../../train/index.ts";
import type { Carry, Tensors } from "../task.ts";

/** Tokens from one update to the next, and tokens that its gradient goes back. */
export interface Truncation {
  readonly k1: number;
  readonly k2: number;
}

const MOST = 1e6;
const steps = whole(1, MOST);

/** What was given as a number for both, as text "k1,k2" or as an object; undefined where it is none of these. */
function parseTruncation(given: unknown): Truncation | undefined {
  const words =
    typeof given === "string" ? given.split(",").map((word) => (word.trim() === "" ? Number.NaN : +word)) : [];
  const { k1, k2, ...rest } = isRecord(given) ? given : { k1: words[0] ?? given, k2: words[1] ?? words[0] ?? given };
  const fits = steps.safeParse(k1).success && steps.safeParse(k2).success;
  return fits && words.length < 3 && Object.keys(rest).length === 0 ? { k1: Number(k1), k2: Number(k2) } : undefined;
}

/** The option of a task. */
export const truncation = () =>
  such<number | string | Truncation>(
    `tokens k1,k2, such as 64 or 32,64, whole numbers from 1 to ${MOST}`,
    (given) => parseTruncation(given) !== undefined,
  ).transform((given) => parseTruncation(given) as Truncation);

/** Ids in a window of the training. */
export const spanOf = ({ k1, k2 }: Truncation): number => Math.max(k1, k2);

/** Throws ConfigError for a model whose past is no state of a fixed size. */
export function requireState({ follow }: CausalModel): void {
  if (follow) return;
  throw new ConfigError(
    "option: tbptt: it carries a recurrent state on, and this model has none; leave it out, or train a recurrent model",
  );
}

/** The state of a model, and the token at which it goes on: 1 for the first of a text, so that 0 is nowhere. */
export const carriedAlong = (model: CausalModel): BatchSpecs => ({
  ...model.carried,
  place: { shape: ["B"], dtype: "i32" },
});

/** What a batch holds besides ids and targets: the place of each window's first token. */
export const startsSpec = { shape: ["B"], dtype: "i32" } as const;

/** The state that comes in; 0 in rows whose window does not begin where the one before has ended. */
function stateOf({ carried }: CausalModel, before: Readonly<Record<string, Tensor>>, goesOn: Tensor) {
  const entries = Object.entries(carried).map(([name, { shape }]) => {
    const state = before[name];
    if (!state) throw new Error(`internal: no ${name} is carried`);
    const rows = goesOn.reshape(shape.map((dim) => (dim === "B" ? goesOn.dim(0) : 1)));
    return [name, rows.where(state, 0)] as const;
  });
  return Object.fromEntries(entries);
}

type Batch = Tensors<"ids" | "targets" | "starts">;

/** Logits [B, T, V] of a window that goes on from `before`, and where it went on; the state after `k1` tokens is handed on. */
function read(model: CausalModel, { ids, starts }: Batch, { k1, k2 }: Truncation, { before, next }: Carry) {
  const { follow } = model;
  if (!follow || !before.place) throw new Error("internal: nothing is carried along");
  const goesOn = starts.equal(before.place); // [B]
  const longer = k2 > k1;
  const first = follow(longer ? ids.slice(1, 0, k1) : ids, stateOf(model, before, goesOn), k2 < k1 ? k2 : undefined);
  next({ ...first.carried, place: starts.add(k1) });
  if (!longer) return { logits: first.logits, goesOn };
  const rest = follow(ids.slice(1, k1, k2), first.carried);
  return { logits: first.logits.concat([rest.logits], 1), goesOn };
}

/** The mean loss of the tokens that are new. */
export function lossAlong(model: CausalModel, batch: Batch, how: Truncation, carry: Carry): Tensor {
  const { logits, goesOn } = read(model, batch, how, carry);
  const known = how.k2 - how.k1;
  if (known <= 0) return crossEntropy(logits, batch.targets);
  const seen = goesOn.cast("i32").mul(known).unsqueeze(1); // [B, 1]
  const old = arange(how.k2, "i32").less(seen); //                 [B, T]
  return crossEntropy(logits, old.where(-1, batch.targets), { ignoreIndex: -1 });
}

/** Logits [B, T, V] of windows that follow each other, all of whose T tokens are new. */
export const logitsAlong = (model: CausalModel, batch: Batch, T: number, carry: Carry): Tensor =>
  read(model, batch, { k1: T, k2: T }, carry).logits;
