/** `descent doctor`: versions, and every device with a self test and its speed. */
import { platform } from "#runtime";
import { type DeviceReport, loadEngine, measureDevices } from "../runtime/index.ts";
import { RunFailure } from "./failure.ts";
import { table } from "./format.ts";
import type { IO } from "./io.ts";

/** Devices that are part of every installation; the others may lack a driver, which is no fault of it. */
const ALWAYS: readonly string[] = ["cpu", "wasm"];

const round = (value: number): number => Number(value.toPrecision(3));

/** A report as it is printed for programs. */
function finding({ device, problem, started, gflops, stepMs }: DeviceReport) {
  const speed = problem === undefined ? { gflops: round(gflops), stepMs: round(stepMs) } : {};
  return { device, ok: problem === undefined, started, problem: problem ?? null, ...speed };
}

/** The engine's version, of whichever build loads. */
async function engineVersion(): Promise<string | null> {
  for (const device of ["cpu", "wasm"] as const) {
    const engine = await loadEngine(device, 1).catch(() => undefined);
    if (engine) return engine.env.versions.node ?? engine.env.versions.web ?? null;
  }
  return null;
}

const verdict = ({ problem, started, gflops, stepMs }: DeviceReport): string => {
  if (problem === undefined)
    return `ok, ${round(gflops)} GFLOP/s in a matrix product, a small training step in ${round(stepMs)} ms`;
  return started ? `does not work: ${problem}` : `not here: ${problem}`;
};

export async function doctor(version: string, { json }: { json?: true | undefined }, io: IO): Promise<void> {
  const reports = await measureDevices();
  const facts = {
    descent: version,
    node: process.versions.node,
    onnxruntime: await engineVersion(),
    platform: `${process.platform}-${process.arch}`,
    processors: platform.processors,
  };
  const rows = Object.entries(facts).map(([name, value]) => [name, String(value)] as const);
  const tests = reports.map((report) => [report.device, verdict(report)] as const);
  io.out(json ? `${JSON.stringify({ ...facts, devices: reports.map(finding) })}\n` : table([...rows, ...tests]));
  const broken = reports.filter(
    ({ device, problem, started }) => problem !== undefined && (started || ALWAYS.includes(device)),
  );
  if (broken.length) throw new RunFailure(`${broken.map(({ device }) => device).join(" and ")}: the test did not pass`);
}
