/** Word dropout (Iyyer et al. 2015, ACL P15-1162): a model is trained to do without single words, which are then unknown ones. */
import { isTraining } from "../../nn/index.ts";
import { noise, type Tensor } from "../../tensor/index.ts";

/** The id of unknown words; of tokens that are no words it is the first one's. */
const UNKNOWN = 0;

/** In training each of the ids [B, T] is that of unknown words with probability p, one draw for a word; else ids as they are. */
export function withoutSome(ids: Tensor, p = 0): Tensor {
  if (p === 0 || !isTraining()) return ids;
  return noise("uniform", ids.shape).less(p).where(ids.like(UNKNOWN), ids);
}
