/** Where a command computes: `--device` and `--threads`. */
import { type Device, type RunOptions, settle } from "../runtime/index.ts";
import type { IO } from "./io.ts";

export interface DeviceFlags {
  readonly device?: string | undefined;
  readonly threads?: number | undefined;
}

/** The device and threads of `flags`. What `auto` takes, and why, is said on standard error. */
export async function place({ device, threads }: DeviceFlags, io: IO): Promise<RunOptions> {
  if (device !== "auto") return { device: device as Device | undefined, threads };
  const { chosen, ...run } = await settle({ device, threads });
  io.err(`device ${chosen}\n`);
  return run;
}
