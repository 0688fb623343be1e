/** Which tokens are hidden, and what stands in their place. B rows · T tokens · V vocabulary */
import { noise, type Tensor, tensor } from "../../tensor/index.ts";
import type { Tokenizer } from "../../tokenizers/index.ts";

/** How published tokenizers spell it. */
const SPELLINGS = ["[MASK]", "<mask>"] as const;

/** The token that stands for a hidden one, as the tokenizer spells it, and its id. */
export interface Mask {
  readonly token: string;
  readonly id: number;
}

/** The mask of a tokenizer, if it has one. */
export function maskOf(tokenizer: Tokenizer): Mask | undefined {
  for (const token of SPELLINGS) {
    const id = tokenizer.idOf(token);
    if (id !== undefined) return { token, id };
  }
  return undefined;
}

/** A text with its masks as this tokenizer spells them. */
export const spelledAs = ({ token }: Mask, text: string): string =>
  SPELLINGS.reduce((spelled, other) => spelled.replaceAll(other, token), text);

/** What of every token is hidden, and what of that becomes the mask, what another token. Devlin et al. 2019, section 3.1. */
const [MASKED, REPLACED] = [0.8, 0.9];
/** The target of a token that is not hidden. */
export const SEEN = -100;

/**
 * ids [B, T] with hidden tokens, and what was there: `SEEN` where nothing is hidden. Of the tokens that are meant, but for those of
 * `around`, which the tokenizer puts around texts, the share `rate` is hidden: of ten, eight become the mask, one any token, one stays.
 */
export function hidden(
  ids: Tensor,
  lengths: Tensor,
  { mask, around, vocabulary, rate }: { mask: number; around: readonly number[]; vocabulary: number; rate: number },
  meant: (ids: Tensor, lengths: Tensor) => Tensor,
): { ids: Tensor; targets: Tensor } {
  const draw = () => noise("uniform", ids.shape);
  const special = around.map((id) => ids.equal(id)).reduce((a, b) => a.or(b), ids.less(0));
  const chosen = draw().less(rate).and(meant(ids, lengths)).and(special.not());
  const how = draw();
  const other = draw().mul(vocabulary).cast("i32");
  const changed = how.less(MASKED).where(tensor(mask, "i32"), how.less(REPLACED).where(other, ids));
  return { ids: chosen.where(changed, ids), targets: chosen.where(ids, tensor(SEEN, "i32")) };
}
