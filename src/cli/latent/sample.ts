/** `descent sample`: pictures or texts of codes that are drawn. */
import { flagsOf } from "../flags.ts";
import { counted } from "../format.ts";
import type { Interruption } from "../interruption.ts";
import type { IO } from "../io.ts";
import { type LatentFlags, withLatent } from "./open.ts";
import { put, requireOutput, textsIn } from "./output.ts";

/** Of each class, and in all where there are none. */
const [OF_CLASS, IN_ALL] = [4, 16];
/** More classes than this are not put side by side. */
const MOST_COLUMNS = 40;

/** Lists of `columns` each, the last one shorter. */
const inRows = <T>(list: readonly T[], columns: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / columns) }, (_, i) => list.slice(i * columns, (i + 1) * columns));

export const sample = (run: string, flags: LatentFlags, io: IO, stop: Interruption): Promise<void> =>
  withLatent("sample", run, flags, io, stop, async (latent) => {
    const { codes, predictor, watch } = latent;
    const out = await requireOutput(latent, "sample");
    const classes = flags.class === undefined ? predictor.classes : [];
    const n = Number(flags.n ?? (classes.length > 0 ? OF_CLASS * classes.length : IN_ALL));
    const options = { ...flagsOf(codes.sample, flags), n, ...watch };
    const made = await predictor.sample(options);
    const aside = classes.length > 0 && classes.length <= MOST_COLUMNS;
    const columns = Number(flags.columns ?? (aside ? classes.length : Math.ceil(Math.sqrt(n))));
    const [texts, sorted] = [typeof made[0] === "string", aside && columns === classes.length];
    const what = `${counted(n, texts ? "text" : "picture")}${sorted ? `, a column for each of ${classes.join(", ")}` : ""}`;
    const event = {
      run,
      n,
      seed: flags.seed ?? 0,
      class: flags.class ?? null,
      ...(!texts && { columns }),
      ...textsIn(made),
    };
    await put([inRows(made, columns)], out, { what, event }, latent);
  });
