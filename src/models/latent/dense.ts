/**
 * Encoder and decoder of dense layers: two of 200 units on either side, with the sizes and the initial weights of Burda et al.
 * 2016 (arXiv 1509.00519, one stochastic layer), whose activation is tanh. ReLU, the default here, learns faster.
 *
 * B images · C channels · H height · W width · F width of the layers · L code · K classes · P planes
 */
import { activations, constantInit, Linear, module, times, uniformInit } from "../../nn/index.ts";
import { product } from "../../nn/sizes.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { ImageSize, LatentConfig } from "./config.ts";
import { besideLabels } from "./labels.ts";

/** Weights uniform in ±√(6/(I + O)) of I inputs and O outputs, and biases of 0. Glorot & Bengio 2010. */
export const glorot = (I: number, O: number) => ({
  weightInit: uniformInit(Math.sqrt(6 / (I + O))),
  biasInit: constantInit(0),
});

/** x [B, I] -> [B, O]. */
export const Dense = (I: number, O: number) => Linear(I, O, glorot(I, O));

/** What stands between layers where a configuration does not say. */
export const ACTIVATION = "relu";

/** Layers of F units after I inputs, x [B, I] -> [B, F]. */
const hidden = (I: number, { num_layers, hidden_size: F }: LatentConfig) =>
  times(num_layers, (i) => Dense(i === 0 ? I : F, F));

/** images [B, C, H, W], labels [B] -> [B, F]. */
export function denseEncoder(config: LatentConfig, image: ImageSize, classes: number) {
  const activate = activations[config.activation ?? ACTIVATION];
  const layers = hidden(product(image) + classes, config);
  return module("DenseEncoder", { layers }, (own, images: Tensor, labels?: Tensor) => {
    let x = besideLabels("encode", images.reshape([images.dim(0), product(image)]), labels, classes);
    for (const layer of own.layers) x = activate(layer(x));
    return x;
  });
}

/** codes [B, L], labels [B] -> [B, P·C, H, W]. */
export function denseDecoder(config: LatentConfig, [C, H, W]: ImageSize, classes: number, planes: number) {
  const activate = activations[config.activation ?? ACTIVATION];
  const parts = {
    layers: hidden(config.latent + classes, config),
    output: Dense(config.hidden_size, planes * C * H * W),
  };
  return module("DenseDecoder", parts, ({ layers, output }, codes: Tensor, labels?: Tensor) => {
    let x = besideLabels("decode", codes, labels, classes);
    for (const layer of layers) x = activate(layer(x));
    return output(x).reshape([codes.dim(0), planes * C, H, W]);
  });
}
