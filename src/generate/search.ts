/** Beam search for causal models: as many rows as hypotheses live, whose caches go where the hypotheses go. */
import { ConfigError } from "../errors.ts";
import { beamSearch, type Hypothesis, lengthPower } from "./beam.ts";
import { penaltiesOf } from "./sample.ts";
import { isSearched, type Settings } from "./settings.ts";
import type { SideBySide } from "./side-by-side.ts";
import { type Chosen, type Ending, writing } from "./writing.ts";

/** Logits [N, V] after more ids in each of N rows; only those of `vocabulary` ids, where it is given. */
async function readAll(batch: SideBySide, fresh: readonly Int32Array[], vocabulary?: number): Promise<Float32Array> {
  const rows = await Promise.all(fresh.map((ids, i) => batch.text(i).read(ids)));
  const V = Math.min(vocabulary ?? Number.POSITIVE_INFINITY, rows[0]?.length ?? 0);
  const logits = new Float32Array(rows.length * V);
  for (const [i, row] of rows.entries()) logits.set(row.subarray(0, V), i * V);
  return logits;
}

/**
 * The likeliest texts after each of `prompts`, at most `beams`, the best first, as transformers' `generate` finds them; `batch`
 * has a row for each. Throws ConfigError on an empty prompt, and the signal's reason where it is raised.
 */
async function searchTexts(
  batch: SideBySide,
  prompts: readonly Int32Array[],
  settings: Settings,
): Promise<readonly Hypothesis[][]> {
  const { tokens, beams = 1, lengthPenalty = 1, earlyStopping, end = [], vocabulary, signal } = settings;
  if (prompts.some(({ length }) => length === 0))
    throw new ConfigError("prompt: expected at least one token, got none; give some text to continue");
  let isFirst = true;
  const advance = async (ids: Int32Array, parents: Int32Array): Promise<Float32Array> => {
    const fresh = isFirst ? prompts : Array.from(ids, (id) => Int32Array.of(id));
    if (!isFirst) await batch.take(parents);
    isFirst = false;
    return readAll(batch, fresh, vocabulary);
  };
  const found = await beamSearch(advance, new Int32Array(prompts.length), {
    ...{ beam: beams, end, earlyStopping, signal, prompts },
    longest: prompts.map(() => tokens),
    normalize: lengthPower(lengthPenalty),
    processors: penaltiesOf(settings),
  });
  if (tokens === 0 || found.every(({ length }) => length > 0)) return found;
  throw new ConfigError("beams: every id is forbidden before a text ends; expected one that is not, allow some");
}

/** The ids of a text that was found, one by one, and at last why there are no more. */
async function* told(found: Hypothesis | undefined, { logprobs, signal }: Settings): AsyncGenerator<Chosen, Ending> {
  for (const [i, id] of (found?.ids ?? []).entries())
    yield { id, ...(logprobs !== undefined && { logprob: found?.logProbabilities[i] ?? Number.NaN, top: [] }) };
  if (!found && signal?.aborted) return "aborted";
  return found?.ended ? "end" : "length";
}

/**
 * For each of `prompts`, each with a row of `batch`, the ids after it: drawn one by one, or found together where settings ask
 * for a search; all rows have the settings of the first then.
 */
export async function sourcesOf(
  batch: SideBySide,
  prompts: readonly Int32Array[],
  settings: readonly Settings[],
): Promise<AsyncGenerator<Chosen, Ending>[]> {
  const [shared] = settings;
  if (!shared || !isSearched(shared))
    return prompts.map((prompt, i) => writing(batch.text(i).read, prompt, settings[i] as Settings));
  try {
    const found = await searchTexts(batch, prompts, shared);
    return found.map(([best]) => told(best, shared));
  } catch (cause) {
    if (shared.signal?.aborted) return prompts.map(() => told(undefined, shared));
    throw cause;
  }
}
