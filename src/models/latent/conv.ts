/**
 * Encoder and decoder of convolutions, for images of any size: a convolution 3 × 3 of stride 2 makes ⌈n/2⌉ of n places, and
 * a transposed one makes n of ⌈n/2⌉ again. With hidden_size 16 and latent 2 they are the layers of Keras's example
 * (https://keras.io/examples/generative/vae), the last of which is a convolution here, of the same size.
 *
 * B images · C channels · H height · W width · F width of the dense layer · L code · K classes · P planes
 */
import { activations, Conv2d, ConvTranspose2d, module, times } from "../../nn/index.ts";
import { product } from "../../nn/sizes.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { ImageSize, LatentConfig } from "./config.ts";
import { ACTIVATION, Dense, glorot } from "./dense.ts";
import { besideLabels } from "./labels.ts";

/** Height and width of the image, and after each of `levels` halvings. */
export const halvings = ([, H, W]: ImageSize, levels: number): (readonly [number, number])[] => {
  const sizes = [[H, W] as const];
  for (let i = 0; i < levels; i++) {
    const [h, w] = sizes[i] ?? [1, 1];
    sizes.push([Math.ceil(h / 2), Math.ceil(w / 2)]);
  }
  return sizes;
};

type Convolutions = Pick<LatentConfig, "num_layers" | "conv_channels" | "activation">;

/** Channels after each convolution of the encoder. */
const widths = ({ num_layers, conv_channels }: Convolutions): number[] =>
  times(num_layers, (i) => conv_channels * 2 ** i);

/** What kernels 3 × 3 start with. */
const kernel = (I: number, O: number) => glorot(9 * I, 9 * O);

/** images [B, C, H, W] -> [B, D, H', W']. */
export function downwards(config: Convolutions, [C]: ImageSize) {
  const activate = activations[config.activation ?? ACTIVATION];
  const D = widths(config);
  const layers = D.map((O, i) => {
    const I = D[i - 1] ?? C;
    return Conv2d(I, O, 3, { stride: 2, padding: 1, ...kernel(I, O) });
  });
  return module("Downwards", { layers }, (own, images: Tensor) =>
    own.layers.reduce((x, layer) => activate(layer(x)), images),
  );
}

/** [B, I, H', W'] -> [B, O, H, W]. */
export function upwards(config: Convolutions, image: ImageSize, I: number, O: number) {
  const activate = activations[config.activation ?? ACTIVATION];
  const [D, sizes] = [widths(config), halvings(image, config.num_layers)];
  const layers = D.map((_, level) => {
    const [[h, w], inner] = [sizes[level] ?? [1, 1], D[level + 1] ?? I];
    const outputPadding = [1 - (h % 2), 1 - (w % 2)]; // 2⌈n/2⌉ - 1 + padding is n
    const outer = D[level] ?? 1;
    return ConvTranspose2d(inner, outer, 3, { stride: 2, padding: 1, outputPadding, ...kernel(inner, outer) });
  }).reverse();
  const parts = { layers, output: Conv2d(D[0] ?? 1, O, 3, { padding: 1, ...kernel(D[0] ?? 1, O) }) };
  return module("Upwards", parts, (own, x: Tensor) =>
    own.output(own.layers.reduce((y, layer) => activate(layer(y)), x)),
  );
}

/** The shape of what is left of an image after all convolutions: [D, H', W']. */
export const innermost = (config: Convolutions, image: ImageSize): ImageSize =>
  [widths(config).at(-1) ?? 1, ...(halvings(image, config.num_layers).at(-1) ?? [1, 1])] as const;

/** images [B, C, H, W], labels [B] -> [B, F]. */
export function convEncoder(config: LatentConfig, image: ImageSize, classes: number) {
  const activate = activations[config.activation ?? ACTIVATION];
  const inner = product(innermost(config, image));
  const parts = { convolutions: downwards(config, image), dense: Dense(inner + classes, config.hidden_size) };
  return module("ConvEncoder", parts, ({ convolutions, dense }, images: Tensor, labels?: Tensor) => {
    const flat = convolutions(images).reshape([images.dim(0), inner]);
    return activate(dense(besideLabels("encode", flat, labels, classes)));
  });
}

/** codes [B, L], labels [B] -> [B, P·C, H, W]. */
export function convDecoder(config: LatentConfig, image: ImageSize, classes: number, planes: number) {
  const activate = activations[config.activation ?? ACTIVATION];
  const [D, h, w] = innermost(config, image);
  const parts = {
    dense: Dense(config.latent + classes, D * h * w),
    convolutions: upwards(config, image, D, planes * image[0]),
  };
  return module("ConvDecoder", parts, ({ dense, convolutions }, codes: Tensor, labels?: Tensor) => {
    const inner = activate(dense(besideLabels("decode", codes, labels, classes)));
    return convolutions(inner.reshape([codes.dim(0), D, h, w]));
  });
}
