/** `descent reconstruct`: what is made of the codes of pictures or texts, below the originals. */
import type { Made, Remade } from "../../tasks/latent.ts";
import { flagsOf } from "../flags.ts";
import { counted, grouped } from "../format.ts";
import type { Interruption } from "../interruption.ts";
import { emit, type IO } from "../io.ts";
import { evenly, inputsIn, type LatentFlags, withLatent } from "./open.ts";
import { put, requireOutput } from "./output.ts";

/** Pictures that are looked at, and in a row. */
const [LOOKED_AT, IN_ROW] = [40, 10];

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value / values.length, 0);

/** Nothing, in the form of `made`. */
const blank = (made: Made): Made =>
  typeof made === "string" ? "" : { ...made, data: new Uint8Array(made.data.length) };

/** Blocks of a row of originals and the row of what was made of them; the last one is filled up. */
function pairs(answers: readonly Remade[], columns: number): Made[][][] {
  const count = Math.ceil(answers.length / columns);
  return Array.from({ length: count }, (_, i) => {
    const part = answers.slice(i * columns, (i + 1) * columns);
    const missing = part
      .slice(0, 1)
      .flatMap(({ original }) => Array<Made>(columns - part.length).fill(blank(original)));
    return [
      [...part.map(({ original }) => original), ...missing],
      [...part.map(({ reconstruction }) => reconstruction), ...missing],
    ];
  });
}

function costs(answers: readonly Remade[]): string {
  const rates = answers.flatMap(({ rate }) => (rate === undefined ? [] : [rate]));
  const nats = mean(answers.map((answer) => answer.nats)).toFixed(2);
  return `mean of ${nats} nats given the code${rates.length > 0 ? `, and ${mean(rates).toFixed(2)} of the code` : ""}`;
}

export const reconstruct = (
  run: string,
  files: readonly string[],
  flags: LatentFlags,
  io: IO,
  stop: Interruption,
): Promise<void> =>
  withLatent("reconstruct", run, flags, io, stop, async (latent) => {
    const { predictor, task, watch } = latent;
    const out = await requireOutput(latent, "reconstruct");
    const all = await inputsIn(latent, files);
    const inputs = evenly(all, Number(flags.n ?? LOOKED_AT));
    const answers: Remade[] = [];
    const options = { ...flagsOf(task.prediction, flags), ...watch };
    for await (const answer of predictor.predict(inputs, options)) answers.push(answer);
    const texts = typeof answers[0]?.original === "string";
    const columns = texts ? 1 : Number(flags.columns ?? IN_ROW);
    const of = answers.length < all.length ? `${grouped(answers.length)} of ` : "";
    if (flags.json) for (const answer of answers) emit(io, { event: "reconstructed", ...plain(answer) });
    const what = `${of}${counted(all.length, texts ? "text" : "picture")}, originals above reconstructions, ${costs(answers)}`;
    await put(
      pairs(answers, Math.min(columns, answers.length)),
      out,
      { what, event: { event: "done", run, given: all.length, shown: answers.length } },
      latent,
    );
  });

/** An answer as JSON has it. */
const plain = (answer: Remade): object => JSON.parse(JSON.stringify(answer)) as object;
