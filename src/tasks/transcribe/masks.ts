/**
 * Parts of a sound are hidden while a model learns, so that it relies on none of them: SpecAugment (Park et al. 2019, arXiv
 * 1904.08779), without its bending of time.
 *
 * B recordings · T steps · C = n·F numbers of a step, n spectra of F bands
 */
import { arange, noise, type Tensor } from "../../tensor/index.ts";

/** True where none of `count` random stretches lies: of each at most `share` of `size` [B, 1], among places [.., N]. */
function outside(places: Tensor, size: Tensor, share: number, count: number): Tensor {
  const [B = 1] = size.shape;
  const one = (): Tensor => {
    const width = noise("uniform", [B, 1]).mul(share).mul(size);
    const start = noise("uniform", [B, 1]).mul(size.sub(width));
    return places.less(start).or(places.greaterEqual(start.add(width)));
  };
  return Array.from({ length: count - 1 }, one).reduce((all, mask) => all.and(mask), one());
}

/** Stretches of each kind. */
const MASKS = 2;

/** features [B, T, C] of lengths [B] with two stretches of time and two of bands 0, of at most `share` of all each. */
export function masked(features: Tensor, lengths: Tensor, bands: number, share: number): Tensor {
  if (share === 0) return features;
  const steps = outside(
    arange(features.dim(1)).cast("f32").unsqueeze(0),
    lengths.cast("f32").unsqueeze(1),
    share,
    MASKS,
  );
  const C = Number(features.shape[2]);
  const numbers = arange(C).cast("f32");
  const band = numbers.sub(numbers.div(bands).floor().mul(bands)).unsqueeze(0); // which band each number is of
  const heard = outside(band, lengths.cast("f32").onesLike().mul(bands).unsqueeze(1), share, MASKS);
  return steps.unsqueeze(2).and(heard.unsqueeze(1)).where(features, 0);
}
