/** What a device cannot do, and why. A case listed here must fail there: one that passes has to leave the list. */
import type { Device } from "../../src/runtime/index.ts";
import type { Case } from "./case.ts";

export interface Gap {
  readonly device: Device;
  /** Names of the cases. */
  readonly cases: RegExp;
  readonly reason: string;
}

export const gaps: readonly Gap[] = [];

export const gapOf = ({ name }: Case, device: Device): Gap | undefined =>
  gaps.find((gap) => gap.device === device && gap.cases.test(name));
