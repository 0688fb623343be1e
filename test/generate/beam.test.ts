/** Beam search against enumeration, greedy search, and logits that are written down; then an encoder-decoder that writes. */
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../../src/errors.ts";
import { type Advance, type BeamSettings, beamSearch, lengthPenalty, perToken } from "../../src/generate/beam.ts";
import { SequenceWriter } from "../../src/generate/index.ts";
import { build, loadArchitecture } from "../../src/models/index.ts";
import { namedParameters } from "../../src/nn/index.ts";
import { compile, initialValues, stream } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/index.ts";
import { host, numbersOf } from "../support/numbers.ts";

type Model = (text: number, history: readonly number[]) => readonly number[];

/** Random logits [V] for each text and history. */
const random =
  (V: number, seed: number): Model =>
  (text, history) => {
    const out = new Float64Array(V);
    stream(seed, text, history.join(" ")).fillNormal(out);
    return Array.from(out, Math.fround);
  };

/** The model as rows that are read side by side, and the number of rows of each call. */
function rowsOf(model: Model, counts: number[] = []): Advance {
  let rows: { text: number; history: readonly number[] }[] | undefined;
  return async (ids, parents) => {
    const before = rows;
    rows = Array.from(ids, (id, i) => {
      const from = before?.[parents[i] ?? 0] ?? { text: parents[i] ?? 0, history: [] };
      return { text: from.text, history: [...from.history, id] };
    });
    counts.push(ids.length);
    return Float32Array.from(rows.flatMap(({ text, history }) => model(text, history)));
  };
}

const logSoftmax = (logits: readonly number[]): number[] => {
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  return logits.map((logit) => logit - total);
};

/** Every text of at most `longest` tokens, by its score. */
function enumerate(model: Model, text: number, V: number, { longest, end, normalize, suppress = [] }: BeamSettings) {
  const most = longest[text] ?? 0;
  const found: { ids: number[]; score: number }[] = [];
  const visit = (ids: number[], logP: number): void => {
    const logPs = logSoftmax(model(text, [9, ...ids]));
    for (let id = 0; id < V; id++) {
      if (suppress.includes(id)) continue;
      const [sum, length] = [logP + (logPs[id] ?? 0), ids.length + 1];
      if (end.includes(id)) found.push({ ids, score: sum / normalize(length) });
      else if (length === most) found.push({ ids: [...ids, id], score: sum / normalize(length) });
      else visit([...ids, id], sum);
    }
  };
  visit([], 0);
  return found.sort((a, b) => b.score - a.score);
}

const starts = (count: number) => new Int32Array(count).fill(9);
const settings = (more: Partial<BeamSettings> & { longest: number[] }): BeamSettings => ({
  beam: 1,
  end: [0],
  normalize: lengthPenalty(0),
  ...more,
});

describe.each([
  ["log P", lengthPenalty(0)],
  ["length penalty 0.6", lengthPenalty(0.6)],
  ["length penalty 1.5", lengthPenalty(1.5)],
  ["the mean of log p", perToken],
] as const)("by %s", (_, normalize) => {
  test.each([1, 2, 3])("a beam that is wide enough finds the best of all texts, in order (%i)", async (seed) => {
    const V = 4;
    const model = random(V, seed);
    const given = settings({ beam: 400, longest: [4, 3, 1, 5], normalize });
    const found = await beamSearch(rowsOf(model), starts(4), given);
    for (const [text, hypotheses] of found.entries()) {
      const all = enumerate(model, text, V, given);
      const best = all.slice(0, 400);
      expect(hypotheses.map(({ ids }) => ids)).toEqual(best.map(({ ids }) => ids));
      for (const [i, { score, logProbability, ids, ended }] of hypotheses.entries()) {
        expect(score).toBeCloseTo(best[i]?.score ?? Number.NaN, 10);
        expect(score * normalize(ids.length + Number(ended))).toBeCloseTo(logProbability, 10);
      }
    }
  });

  test.each([1, 2, 3, 4, 5, 6])("a beam of 1 is greedy search (%i)", async (seed) => {
    const model = random(5, seed);
    const found = await beamSearch(rowsOf(model), starts(3), settings({ longest: [6, 2, 9], normalize }));
    for (const [text, hypotheses] of found.entries()) {
      const ids: number[] = [];
      let ended = false;
      while (!ended && ids.length < (([6, 2, 9] as const)[text] ?? 0)) {
        const logits = model(text, [9, ...ids]);
        const id = logits.indexOf(Math.max(...logits));
        ended = id === 0;
        if (!ended) ids.push(id);
      }
      expect(hypotheses.map(({ ids, ended }) => ({ ids, ended }))).toEqual([{ ids, ended }]);
    }
  });

  test("texts side by side are found as alone, and those that are done no longer take part", async () => {
    const model = random(6, 7);
    const given = { beam: 3, normalize };
    const counts: number[] = [];
    const together = await beamSearch(rowsOf(model, counts), starts(4), settings({ ...given, longest: [5, 1, 8, 0] }));
    const alone = async (text: number, longest: number) => {
      const shifted: Model = (_, history) => model(text, history);
      return (await beamSearch(rowsOf(shifted), starts(1), settings({ ...given, longest: [longest] })))[0];
    };
    const scores = (found: (typeof together)[number] | undefined) => found?.map(({ ids, score }) => ({ ids, score }));
    for (const [text, longest] of [5, 1, 8].entries())
      expect(scores(together[text])).toEqual(scores(await alone(text, longest)));
    expect(together[3]).toEqual([]);
    expect(counts.slice(0, 2)).toEqual([3, 6]); // text 1 is done after one token, text 3 before
    expect(counts.at(-1)).toBeLessThanOrEqual(3);
  });
});

describe("what is found", () => {
  const model = random(6, 3);

  test("a wider beam finds nothing worse", async () => {
    const best = async (beam: number) => {
      const [found] = await beamSearch(rowsOf(model), starts(1), settings({ beam, longest: [5] }));
      return found?.[0]?.score ?? Number.NaN;
    };
    expect(await best(8)).toBeGreaterThanOrEqual(await best(1));
    expect(await best(6 ** 5)).toBeGreaterThanOrEqual(await best(8));
  });

  test("ids that are suppressed never come; others keep their probabilities", async () => {
    const given = settings({ beam: 3000, longest: [4], suppress: [2, 5] });
    const [found] = await beamSearch(rowsOf(model), starts(1), given);
    const all = enumerate(model, 0, 6, given);
    expect(found?.map(({ ids }) => ids)).toEqual(all.map(({ ids }) => ids));
    expect(found?.some(({ ids }) => ids.includes(2) || ids.includes(5))).toBe(false);
  });

  test("rows say where each token was chosen", async () => {
    const seen: (readonly number[])[][] = [];
    let rows: (readonly number[])[] = [[]];
    const inner = rowsOf(model);
    const advance: Advance = async (ids, parents) => {
      rows = Array.from(parents, (parent, i) => [...(rows[parent] ?? []), ids[i] ?? 0]);
      seen.push(rows);
      return inner(ids, parents);
    };
    const [found = []] = await beamSearch(advance, starts(1), settings({ beam: 4, longest: [6] }));
    expect(found).toHaveLength(4);
    for (const { ids, rows, ended } of found) {
      expect(rows).toHaveLength(ids.length + Number(ended));
      for (const [t, row] of rows.entries()) expect(seen[t]?.[row]).toEqual([9, ...ids.slice(0, t)]);
    }
  });

  test("of equals the first: the lower id, and the hypothesis that stood first", async () => {
    const flat: Model = () => [0, 0, 0];
    const [found] = await beamSearch(rowsOf(flat), starts(1), settings({ beam: 2, longest: [2], end: [2] }));
    expect(found?.map(({ ids }) => ids)).toEqual([
      [0, 0],
      [0, 1],
    ]);
    expect(found?.[0]?.score).toBeCloseTo(2 * Math.log(1 / 3), 12);
  });

  test("several ends; fewer texts than the beam is wide", async () => {
    const [found] = await beamSearch(
      rowsOf(() => [1, 2]),
      starts(1),
      settings({ beam: 5, longest: [3], end: [0, 1] }),
    );
    expect(found?.map(({ ids, ended, rows }) => ({ ids, ended, rows }))).toEqual([
      { ids: [], ended: true, rows: [0] },
      { ids: [], ended: true, rows: [0] },
    ]);
    expect(found?.[0]?.score).toBeCloseTo(-Math.log(1 + Math.exp(-1)), 6);
  });

  test("nothing of no text; weights that are not finite are refused; it stops when told to", async () => {
    expect(await beamSearch(rowsOf(model), starts(0), settings({ longest: [] }))).toEqual([]);
    const broken = beamSearch(
      rowsOf(() => [0, Number.NaN]),
      starts(1),
      settings({ longest: [3] }),
    );
    await expect(broken).rejects.toThrow(CheckpointError);
    const signal = AbortSignal.abort();
    await expect(beamSearch(rowsOf(model), starts(1), settings({ longest: [3], signal }))).rejects.toThrow(/abort/i);
  });
});

describe.each([
  ["gru", {}],
  ["lstm", { input_feeding: true, attention: "additive", num_layers: 2, bidirectional: true }],
  ["rnn", { attention: "none" }],
  ["mingru", { input_feeding: true }],
  ["minlstm", { num_layers: 2 }],
] as const)("%s %j writes", (name, config) => {
  const [V, W] = [9, 7];
  async function made() {
    const architecture = await loadArchitecture(name);
    const sizes = { vocab_size: V, target_vocab_size: W, embedding_dim: 5, hidden_size: 6 };
    const model = build(architecture, "encoderDecoder", architecture.configure({ ...sizes, ...config }));
    const weights = Object.fromEntries(
      Object.entries(initialValues(namedParameters(model.parts), 4)).map(([path, value]) => [
        path,
        { ...value, data: Float32Array.from(value.data as Float32Array, (x) => 4 * x) },
      ]),
    );
    return { model, weights };
  }
  const sources = [[1, 2, 3, 4, 5], [6], [7, 8, 1]].map((ids) => Int32Array.from(ids));
  const given = { beam: 4, end: [0], normalize: lengthPenalty(1), longest: [6, 6, 6] };

  test("what its logits say, beside others as alone", async () => {
    const { model, weights } = await made();
    const writer = await SequenceWriter.create(model, weights, { threads: 1 });
    const found = await writer.write(sources, 6, given);
    const inputs = {
      source: input("source", ["B", "S"], "i32"),
      sourceLengths: input("sourceLengths", ["B"], "i32"),
      target: input("target", ["B", "T"], "i32"),
    };
    const parameters = namedParameters(model.parts);
    const program = await compile({ ...inputs, ...parameters }, { ...model.forward(inputs) }, { threads: 1 });
    for (const [b, texts] of found.entries()) {
      const source = sources[b] ?? new Int32Array();
      const [alone] = await writer.write([source], 6, { ...given, longest: [6] });
      expect(texts.map(({ ids }) => ids)).toEqual(alone?.map(({ ids }) => ids));
      for (const { ids, ended, logProbability, attention } of texts) {
        const target = [6, ...(ended ? ids : ids.slice(0, -1))];
        const { logits } = await program.run({
          source: host(source, [1, source.length], "i32"),
          sourceLengths: host([source.length], [1], "i32"),
          target: host(target, [1, target.length], "i32"),
          ...weights,
        });
        const rows = numbersOf(logits?.data ?? new Float32Array());
        const said = ended ? [...ids, 0] : ids;
        const sum = said.reduce(
          (sum, id, t) => sum + (logSoftmax(rows.slice(t * W, (t + 1) * W))[id] ?? Number.NaN),
          0,
        );
        expect(logProbability).toBeCloseTo(sum, 4);
        if (name === "rnn") expect(attention).toBe(undefined);
        else {
          expect(attention?.map((row) => row.length)).toEqual(said.map(() => source.length));
          for (const row of attention ?? []) expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
        }
      }
    }
    await program.release();
    await writer.release();
  });
});
