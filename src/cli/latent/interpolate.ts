/** `descent interpolate`: pictures or texts of the codes between two. */
import { flagsOf } from "../flags.ts";
import type { Interruption } from "../interruption.ts";
import type { IO } from "../io.ts";
import { inputOf, type LatentFlags, withLatent } from "./open.ts";
import { put, requireOutput, textsIn } from "./output.ts";

export const interpolate = (
  run: string,
  a: string,
  b: string,
  flags: LatentFlags,
  io: IO,
  stop: Interruption,
): Promise<void> =>
  withLatent("interpolate", run, flags, io, stop, async (latent) => {
    const { codes, predictor, watch } = latent;
    const out = await requireOutput(latent, "interpolate");
    const options = { ...flagsOf(codes.interpolate, flags), ...watch };
    const made = await predictor.interpolate(inputOf(latent, a), inputOf(latent, b), options);
    const how = String(flags.how ?? "linear");
    const what = `${made.length} ${typeof made[0] === "string" ? "texts" : "pictures"} from ${a} to ${b}, ${how}`;
    await put(
      [[made]],
      out,
      { what, event: { run, from: a, to: b, how, steps: made.length, ...textsIn(made) } },
      latent,
    );
  });
