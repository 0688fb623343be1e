/** Which parameters are trained, and how: groups by name change learning rate, weight decay, and what is reported. */
import { ConfigError } from "../errors.ts";
import type { Named } from "../onnx/index.ts";

/** What holds for the parameters whose name `match` finds. Where groups overlap, the later one decides. */
export interface ParameterGroup {
  readonly match: RegExp;
  /** Factor on the learning rate. Default 1. */
  readonly rate?: number | undefined;
  /** Whether weight decay applies. Default: to parameters of two or more axes. */
  readonly decay?: boolean | undefined;
  /** Leaves the parameters as they are. Default false. */
  readonly freeze?: boolean | undefined;
  /** Reports the norm of the group's gradients, before clipping, under this name. */
  readonly norm?: string | undefined;
}

/** How one parameter is treated. */
export interface Treatment {
  readonly rate: number;
  readonly decay: boolean;
  readonly freeze: boolean;
  /** Names of the norms that its gradient is part of. */
  readonly norms: readonly string[];
}

/** The name is searched from its start, whatever an earlier search left in `match`. */
const matches = ({ match }: ParameterGroup, name: string): boolean => name.search(match) >= 0;

/** How every parameter is treated. Throws ConfigError for a group that no parameter belongs to. */
export function treatments(
  parameters: Named,
  groups: readonly ParameterGroup[] = [],
): Readonly<Record<string, Treatment>> {
  const names = Object.keys(parameters);
  for (const group of groups)
    if (!names.some((name) => matches(group, name)))
      throw new ConfigError(
        `step: group ${group.match} matches none of the ${names.length} parameters (${names.slice(0, 3).join(", ")}${names.length > 3 ? " ..." : ""}); correct the pattern`,
      );
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { rank }]) => [
      name,
      treatment(
        groups.filter((group) => matches(group, name)),
        rank,
      ),
    ]),
  );
}

function treatment(groups: readonly ParameterGroup[], rank: number): Treatment {
  const last = <K extends "rate" | "decay" | "freeze">(key: K) => groups.findLast((group) => group[key] !== undefined);
  return {
    rate: last("rate")?.rate ?? 1,
    decay: last("decay")?.decay ?? rank >= 2,
    freeze: last("freeze")?.freeze ?? false,
    norms: groups.flatMap(({ norm }) => norm ?? []),
  };
}
