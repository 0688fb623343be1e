/** `descent export`: an .onnx file out of a run. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomic } from "../checkpoint/node-files.ts";
import { folder } from "../checkpoint/node-run.ts";
import { ConfigError, nearest } from "../errors.ts";
import type { OnnxModel } from "../onnx/index.ts";
import { exportForward, exportTraining } from "../tasks/export.ts";
import { size, table } from "./format.ts";
import type { IO } from "./io.ts";

export interface ExportFlags {
  readonly to: string;
  readonly what: string;
  readonly out?: string | undefined;
}

const makers = { forward: exportForward, train: exportTraining } as const;

function oneOf<K extends string>(name: string, known: readonly K[], got: string): K {
  const found = known.find((key) => key === got);
  if (found !== undefined) return found;
  throw new ConfigError(`${name}: expected ${known.join(" or ")}, got ${JSON.stringify(got)}${nearest(got, known)}`);
}

function requireOnnxName(path: string): string {
  if (path.endsWith(".onnx")) return path;
  throw new ConfigError(`--out: expected a file that ends in .onnx, got ${JSON.stringify(path)}`);
}

/** Of a kind, so many are listed. */
const SHOWN = 3;

/** Weights, their state, scalars and noise are many; others stand for themselves. */
const kindOf = (name: string): string =>
  /^(optimizer\.\w+|scalar|noise)\./.exec(name)?.[1] ?? (name.includes(".") ? "weight" : name);

function listed(title: string, specs: OnnxModel["inputs"]): [string, string][] {
  const kinds = new Map<string, string[]>();
  for (const { name, spec } of specs) {
    const kind = kindOf(name);
    kinds.set(kind, [...(kinds.get(kind) ?? []), `${name} ${spec.dtype}[${spec.shape.join(", ")}]`]);
  }
  const lines = [...kinds.values()].flatMap((all) => {
    const rest = all.length > SHOWN ? [`and ${all.length - SHOWN} more like these`] : [];
    return [...all.slice(0, SHOWN), ...rest];
  });
  return lines.map((line, i) => [i ? "" : title, line]);
}

const NOTES = {
  forward: "forward pass, weights inside; named sizes, such as the batch B, are free",
  train: "one training step; what ends in .next is fed back under the bare name, scalars and noise are the caller's",
} as const;

export async function exportRun(run: string, flags: ExportFlags, io: IO): Promise<void> {
  oneOf("--to", ["onnx"], flags.to);
  const what = oneOf("--what", ["forward", "train"], flags.what);
  const path = requireOnnxName(flags.out ?? join(run, `${what}.onnx`));
  const { bytes, inputs, outputs, opset } = await makers[what](folder(run));
  await writeAtomic(path, [bytes]);
  const written = (await stat(path)).size;
  io.out(
    table([
      ["file", `${path}, ${size(written)}, ONNX opset ${opset}`],
      ["holds", NOTES[what]],
      ...listed("inputs", inputs),
      ...listed("outputs", outputs),
    ]),
  );
}
