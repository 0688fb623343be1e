/** Taggers against PyTorch's and pytorch-crf's numbers: `test/fixtures/tags.py`. */
import { beforeAll, describe, expect, test } from "vitest";
import { gradient } from "../../src/graph/index.ts";
import { spelledInputs } from "../../src/models/index.ts";
import { crfLoss, crossEntropy, viterbi } from "../../src/nn/index.ts";
import { compile, type Feeds, type HostTensor } from "../../src/runtime/index.ts";
import { inputsOf, type Tensor } from "../../src/tensor/index.ts";
import { fixSizes } from "../../src/train/index.ts";
import { type Fixture, loadTags, tagsNames } from "../support/fixtures.ts";
import { host, numbersOf, requireClose } from "../support/numbers.ts";
import { model as tolerance } from "../tolerances.ts";

const inputs = ["ids", "lengths", "characters", "shapes"] as const;
type Inputs = Record<(typeof inputs)[number], Tensor>;

describe.each(tagsNames)("%s", (name) => {
  let fixture: Fixture<"tags">;
  let feeds: Feeds;
  beforeAll(async () => {
    fixture = await loadTags(name);
    feeds = Object.fromEntries([...inputs, "tags"].map((key) => [key, fixture.expected(key)]));
  });
  const sizes = () => feeds.tags?.shape as [number, number];
  /** Numbers of a row's words; what stands behind its length means nothing. */
  const own = ({ data }: HostTensor, width = 1): number[][] => {
    const [B, T] = sizes();
    const lengths = numbersOf(feeds.lengths?.data ?? new Int32Array());
    return Array.from({ length: B }, (_, b) =>
      numbersOf(data).slice(b * T * width, (b * T + (lengths[b] ?? 0)) * width),
    );
  };

  test("names and shapes are the file's", () => {
    const ours = Object.entries(fixture.parameters).map(([path, { shape }]) => [fixture.fileName(path), shape]);
    const theirs = [...fixture.file].map(([key, { shape }]) => [key, shape]);
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(theirs));
  });

  test("logits of a batch of any size, and the best tags", async () => {
    const { model, parameters, weights, expected } = fixture;
    const given = inputsOf(spelledInputs) as Inputs;
    const outputs = model.forward(given);
    const program = await compile({ ...given, ...parameters }, outputs, { threads: 1 });
    const found = await program.run({
      ...Object.fromEntries(inputs.map((key) => [key, feeds[key] as HostTensor])),
      ...weights,
    });
    const K = model.tags;
    const [got, wanted] = [own(found.logits as HostTensor, K), own(expected("logits"), K)];
    for (const [b, row] of wanted.entries())
      requireClose(`row ${b}`, host(got[b] ?? [], [row.length]), host(row, [row.length]), tolerance.logits);
    const zeros = (n: number) => new Float32Array(n);
    const scores = {
      transitions: (found.transitions?.data ?? zeros(K * K)) as Float32Array,
      start: (found.start_transitions?.data ?? zeros(K)) as Float32Array,
      end: (found.end_transitions?.data ?? zeros(K)) as Float32Array,
    };
    expect(got.map((row) => Array.from(viterbi(row, scores)))).toEqual(own(expected("best")));
  });

  test("loss and gradients of every parameter", async () => {
    const { model, parameters, weights, expected, fileName } = fixture;
    const [B, T] = sizes();
    const fixed = fixSizes({ ...spelledInputs, tags: spelledInputs.ids }, { B, T });
    const given = inputsOf(fixed) as Inputs & { tags: Tensor };
    const { logits } = model.forward(given);
    const within = given.ids.onesLike().cumsum(1).lessEqual(given.lengths.unsqueeze(1));
    const each = model.chain ? undefined : crossEntropy(logits, given.tags, { reduction: "none" });
    const loss = model.chain
      ? crfLoss(logits, given.tags, given.lengths, model.chain)
      : within
          .where(each ?? logits, 0)
          .sum(1)
          .mean();
    const gradients = gradient(loss, Object.values(parameters));
    const gradientsOf: Record<string, Tensor> = Object.fromEntries(
      Object.keys(parameters).map((path, i) => [`grad.${path}`, gradients[i] as Tensor]),
    );
    const outputs: Record<string, Tensor> = { ...gradientsOf, loss };
    const program = await compile({ ...given, ...parameters }, outputs, { threads: 1 });
    const results = await program.run({ ...feeds, ...weights });
    requireClose("loss", results.loss, expected("loss"), { absolute: 0, relative: tolerance.curve.at10 });
    for (const path of Object.keys(parameters)) {
      const wanted = expected(`grad.${fileName(path)}`);
      const scale = Math.max(...numbersOf(wanted.data).map(Math.abs), 1e-6);
      requireClose(path, results[`grad.${path}`], wanted, { absolute: tolerance.gradient * scale, relative: 0 });
    }
  });
});
