/** Parts of tensors on the host, along one axis. */
import { CheckpointError } from "../errors.ts";
import type { HostTensor } from "../runtime/index.ts";
import { emptyArray, formatShape, sameShape } from "../tensor/index.ts";

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

/** Runs of numbers that lie together: how many before `axis`, and how long one step along it is. */
const strides = ({ shape }: HostTensor, axis: number) => ({
  outer: product(shape.slice(0, axis)),
  inner: product(shape.slice(axis + 1)),
  size: shape[axis] ?? 0,
});

const resized = (shape: readonly number[], axis: number, size: number) =>
  shape.map((dim, i) => (i === axis ? size : dim));

/** `count` steps of `axis` from `start` on. Past the end it is shorter, as its shape shows. */
export function partOf(whole: HostTensor, axis: number, start: number, count: number): HostTensor {
  const { outer, inner, size } = strides(whole, axis);
  const taken = Math.max(0, Math.min(count, size - start));
  const data = emptyArray(whole.dtype, outer * taken * inner) as Float32Array;
  for (let o = 0; o < outer; o++) {
    const from = (o * size + start) * inner;
    data.set((whole.data as Float32Array).subarray(from, from + taken * inner), o * taken * inner);
  }
  return { data, shape: resized(whole.shape, axis, taken), dtype: whole.dtype };
}

/** Pieces side by side along `axis`. Throws CheckpointError where one is missing. */
export function joinParts(
  name: string,
  axis: number,
  pieces: readonly { readonly start: number; readonly value: HostTensor }[],
): HostTensor {
  const ordered = pieces.toSorted((a, b) => a.start - b.start);
  const first = ordered[0]?.value;
  if (!first) throw new Error("internal: a tensor of no parts");
  const size = ordered.reduce((sum, { value }) => sum + (value.shape[axis] ?? 0), 0);
  const shape = resized(first.shape, axis, size);
  const { outer, inner } = strides(first, axis);
  const data = emptyArray(first.dtype, product(shape)) as Float32Array;
  let at = 0;
  for (const { start, value } of ordered) {
    if (start !== at)
      throw new CheckpointError(
        `weights: ${name} ${formatShape(shape)} has no part at ${at} of axis ${axis}, the next begins at ${start}; its parts must meet`,
      );
    const width = value.shape[axis] ?? 0;
    for (let o = 0; o < outer; o++)
      data.set(
        (value.data as Float32Array).subarray(o * width * inner, (o + 1) * width * inner),
        (o * size + at) * inner,
      );
    at += width;
  }
  return { data, shape, dtype: first.dtype };
}

/** Tensors of one shape along a new first axis. Throws CheckpointError where their shapes differ. */
export function stackOf(tensors: readonly HostTensor[]): HostTensor {
  const [first] = tensors;
  if (!first) throw new Error("internal: a stack of nothing");
  const odd = tensors.find(({ shape }) => !sameShape(shape, first.shape));
  if (odd)
    throw new CheckpointError(
      `weights: expected tensors of one shape to stack, got ${formatShape(first.shape)} and ${formatShape(odd.shape)}; take another copy`,
    );
  const data = emptyArray(first.dtype, tensors.length * first.data.length) as Float32Array;
  for (const [i, tensor] of tensors.entries()) data.set(tensor.data as Float32Array, i * first.data.length);
  return { data, shape: [tensors.length, ...first.shape], dtype: first.dtype };
}

/** Number `i` along the first axis. */
export function unstackOf({ data, shape, dtype }: HostTensor, i: number): HostTensor {
  const inner = product(shape.slice(1));
  return { data: data.slice(i * inner, (i + 1) * inner) as HostTensor["data"], shape: shape.slice(1), dtype };
}
