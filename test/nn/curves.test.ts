/** Whole models out of layers, trained step by step as PyTorch trains them: test/fixtures/curves.json. */
import { expect, test } from "vitest";
import * as nn from "../../src/nn/index.ts";
import { adam, sgd } from "../../src/optim/index.ts";
import { compile, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import { createStep, type StepOptions } from "../../src/train/index.ts";
import fixture from "../fixtures/curves.json" with { type: "json" };
import { host, requireClose } from "../support/numbers.ts";
import { backward, forward, model as tolerance } from "../tolerances.ts";

interface Stored {
  readonly shape: number[];
  readonly dtype: string;
  readonly data: number[];
}
type Named<T> = Readonly<Record<string, T>>;
interface Line {
  readonly name: string;
  readonly rate: number;
  readonly parameters: Named<Stored>;
  /** What the model reads, then the labels. */
  readonly batches: readonly (readonly Stored[])[];
  readonly losses: readonly number[];
  readonly buffersAfter: Named<Stored>;
  readonly evaluated: Stored;
}
const stored = ({ shape, dtype, data }: Stored): HostTensor => host(data, shape, dtype === "int32" ? "i32" : "f32");
const map = <A, B>(named: Named<A>, change: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(named).map(([name, value]) => [name, change(value)]));

const images = () =>
  nn.Sequential(
    nn.Conv2d(1, 4, 3, { padding: 1 }),
    nn.BatchNorm2d(4),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(4, 6, 3, { bias: false }),
    nn.BatchNorm2d(6),
    nn.SiLU(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(6, 3),
  );

const text = () =>
  nn.module(
    "TextClassifier",
    {
      embedding: nn.Embedding(11, 5, 1, { padding: 0 }),
      gru: nn.GRU(5, 4, { layers: 2, bidirectional: true }),
      head: nn.Linear(8, 3),
    },
    ({ embedding, gru, head }, ids: Tensor, lengths: Tensor) => {
      const [, last] = gru(embedding(ids), { lengths });
      const [, , forwards, backwards] = last.unstack(4);
      return head(forwards.concat([backwards], -1));
    },
  );

/** A model, how it is called on all of a batch but the labels, and how it is trained. */
interface Training {
  readonly model: object;
  readonly call: (inputs: readonly Tensor[]) => Tensor;
  readonly smoothing: number;
  readonly optimizer: StepOptions["optimizer"];
}

function training(name: string): Training {
  if (name === "images") {
    const model = images();
    return { model, call: ([x]) => model(x as Tensor), smoothing: 0.1, optimizer: sgd({ momentum: 0.9 }) };
  }
  const model = text();
  const call = ([ids, lengths]: readonly Tensor[]) => model(ids as Tensor, lengths as Tensor);
  return { model, call, smoothing: 0, optimizer: adam() };
}

const numbered = <T>(list: readonly T[]): Record<string, T> =>
  Object.fromEntries(list.map((value, i) => [`b${i}`, value]));

test.each((fixture as unknown as readonly Line[]).map((line) => [line.name, line] as const))("%s", async (_, line) => {
  const { model, call, smoothing, optimizer } = training(line.name);
  const [parameters, buffers] = [nn.namedParameters(model), nn.namedBuffers(model)];
  const batches = line.batches.map((batch) => batch.map(stored));
  const [first = []] = batches;
  const step = await createStep(
    {
      parameters,
      buffers,
      batch: numbered(first),
      loss(batch) {
        const inputs = Object.values(batch);
        return nn.crossEntropy(call(inputs.slice(0, -1)), inputs.at(-1) as Tensor, { smoothing });
      },
      optimizer,
    },
    { weights: map(line.parameters, stored), buffers: initialValues(buffers, 0) },
    { threads: 1 },
  );
  for (const [i, expected] of line.losses.entries()) {
    const batch = numbered(batches[i % batches.length] ?? []);
    const { loss } = await step.run([batch], { step: i + 1, lr: line.rate, seed: 0 });
    const within = i < 10 ? tolerance.curve.at10 : tolerance.curve.at100;
    expect(Math.abs(loss - expected) / expected, `the loss of step ${i + 1}`).toBeLessThan(within);
  }
  for (const [name, { data, shape }] of Object.entries(line.buffersAfter))
    requireClose(name, step.buffers[name], host(data, shape, (buffers[name] as Tensor).dtype), backward);

  const read = first.slice(0, -1);
  const inputs = read.map(({ shape, dtype }, i) => input(`b${i}`, shape, dtype));
  const program = await compile(
    { ...numbered(inputs), ...parameters, ...buffers },
    { y: call(inputs) },
    { threads: 1 },
  );
  const { y } = await program.run({ ...numbered(read), ...step.weights, ...step.buffers });
  requireClose("outside training", y, stored(line.evaluated), forward);
});
