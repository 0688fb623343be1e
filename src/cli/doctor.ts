/** `descent doctor`: versions, and a graph that is run on every device. */
import { platform } from "#runtime";
import { array, type Device, loadEngine, run } from "../runtime/index.ts";
import { input } from "../tensor/index.ts";
import { RunFailure } from "./failure.ts";
import { table } from "./format.ts";
import type { IO } from "./io.ts";

interface Finding {
  readonly device: Device;
  readonly ok: boolean;
  readonly onnxruntime: string | null;
  readonly milliseconds: number;
  readonly problem: string | null;
}

/** Σ (x W)² for x = [1, 2] and W = [[1, 2], [3, 4]]: 7² + 10². */
const EXPECTED = 149;

async function compute(device: Device): Promise<number> {
  const [x, W] = [input("x", [1, 2]), input("W", [2, 2])];
  const feeds = { x: array([[1, 2]]), W: array([[1, 2], [3, 4]]) }; // biome-ignore format: a matrix
  const { sum } = await run({ sum: x.matmul(W).pow(2).sum() }, feeds, { device, threads: 1 });
  return Number(sum?.data[0]);
}

async function examine(device: Device): Promise<Finding> {
  const start = performance.now();
  const finding = { device, ok: false, onnxruntime: null, milliseconds: 0, problem: null };
  try {
    const { versions } = (await loadEngine(device, 1)).env;
    const got = await compute(device);
    const milliseconds = Math.round(performance.now() - start);
    const problem = got === EXPECTED ? null : `expected ${EXPECTED}, got ${got}`;
    return {
      ...finding,
      ok: problem === null,
      onnxruntime: versions[device === "cpu" ? "node" : "web"] ?? null,
      milliseconds,
      problem,
    };
  } catch (error) {
    return { ...finding, problem: (error as Error).message.split("\n")[0] ?? "" };
  }
}

async function examineAll(version: string) {
  const devices: Finding[] = [];
  for (const device of await platform.devices()) devices.push(await examine(device));
  return {
    descent: version,
    node: process.versions.node,
    onnxruntime: devices.find(({ onnxruntime }) => onnxruntime !== null)?.onnxruntime ?? null,
    platform: `${process.platform}-${process.arch}`,
    processors: platform.processors,
    devices,
  };
}

const verdict = ({ ok, problem, onnxruntime, milliseconds }: Finding): string =>
  ok ? `ok, onnxruntime ${onnxruntime}, a test graph in ${milliseconds} ms` : `does not work: ${problem}`;

export async function doctor(version: string, { json }: { json?: true | undefined }, io: IO): Promise<void> {
  const found = await examineAll(version);
  const { devices, ...facts } = found;
  const rows = Object.entries(facts).map(([name, value]) => [name, String(value)] as const);
  const tests = devices.map((finding) => [finding.device, verdict(finding)] as const);
  io.out(json ? `${JSON.stringify(found)}\n` : table([...rows, ...tests]));
  const broken = devices.filter(({ ok }) => !ok);
  if (broken.length) throw new RunFailure(`${broken.map(({ device }) => device).join(" and ")}: the test did not pass`);
}
