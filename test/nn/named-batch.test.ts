/** A layer traced for a batch of any size gives, with its gradients, what the layer traced for that size gives. */
import { expect, test } from "vitest";
import { gradient } from "../../src/graph/index.ts";
import * as nn from "../../src/nn/index.ts";
import { compile, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input, type Shape, type Tensor } from "../../src/tensor/index.ts";
import { requireClose, uniform } from "../support/numbers.ts";
import { reordered } from "../tolerances.ts";

/** What a layer reads behind the batch. */
const rows: [string, () => (x: Tensor) => Tensor, readonly number[]][] = [
  ["Conv1d", () => nn.Conv1d(2, 3, 4, { padding: "same" }), [2, 6]],
  ["Conv2d", () => nn.Conv2d(2, 3, 3, { padding: 1 }), [2, 5, 6]],
  ["Conv2d with stride and groups", () => nn.Conv2d(2, 4, 3, { stride: 2, groups: 2 }), [2, 5, 6]],
  ["ConvTranspose2d", () => nn.ConvTranspose2d(2, 3, 3, { stride: 2 }), [2, 3, 4]],
  ["MaxPool2d", () => nn.MaxPool2d(2), [2, 4, 6]],
  ["AvgPool2d", () => nn.AvgPool2d(3, { stride: 2, padding: 1, countPadding: false }), [2, 4, 6]],
  ["AdaptiveAvgPool2d", () => nn.AdaptiveAvgPool2d(3), [2, 4, 6]],
  ["AdaptiveMaxPool1d", () => nn.AdaptiveMaxPool1d(3), [2, 7]],
  ["BatchNorm1d", () => nn.BatchNorm1d(3), [3]],
  ["BatchNorm2d", () => nn.BatchNorm2d(2), [2, 3, 4]],
  ["GroupNorm", () => nn.GroupNorm(2, 4), [4, 3]],
  ["LayerNorm", () => nn.LayerNorm([2, 3]), [2, 3]],
  ["RMSNorm", () => nn.RMSNorm(3), [2, 3]],
  ["Linear", () => nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.GELU()), [2, 3]],
  ["MultiheadAttention", () => nn.MultiheadAttention(4, 2), [3, 4]],
  ["LSTM", () => outputs(nn.LSTM(3, 2, { bidirectional: true })), [4, 3]],
];

/** The outputs of a recurrent layer alone, with its parts. */
function outputs(layer: ReturnType<typeof nn.LSTM>): (x: Tensor) => Tensor {
  return nn.module("Outputs", { layer }, ({ layer }, x: Tensor) => layer(x)[0]);
}

async function compiled(layer: (x: Tensor) => Tensor, shape: Shape) {
  const x = input("x", shape);
  const { result: y } = nn.traceTraining(() => layer(x));
  const parts = { ...nn.namedParameters(layer), ...nn.namedBuffers(layer) };
  const gradients = gradient(y.exp().sum(), [x, ...Object.values(nn.namedParameters(layer))]);
  const named = Object.fromEntries(gradients.map((g, i) => [`g${i}`, g]));
  const program = await compile({ x, ...parts }, { y, ...named }, { threads: 1 });
  return (values: HostTensor): Promise<Record<string, HostTensor>> =>
    program.run({ x: values, ...initialValues(parts, 1) });
}

test.each(rows)("%s", async (_, make, rest) => {
  const layer = make();
  const any = await compiled(layer, ["B", ...rest]);
  for (const B of [2, 5]) {
    const values = uniform(B, [B, ...rest], -1, 1, "f32");
    const [got, expected] = [await any(values), await (await compiled(layer, [B, ...rest]))(values)];
    expect(Object.keys(got)).toEqual(Object.keys(expected));
    for (const [name, value] of Object.entries(expected))
      requireClose(`${name}, B = ${B}`, got[name], value, reordered);
  }
});
