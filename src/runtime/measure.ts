/**
 * What a device is worth: whether its numbers are right, and how fast it is at one matrix product [N, N] × [N, N] and at one training
 * step, of a perceptron x [B, I] → tanh(x W) [B, H] → V [H, O] under a squared error. `auto` takes the one with the fastest step.
 */
import { DeviceError } from "../errors.ts";
import { gradient } from "../graph/index.ts";
import { lower, type Named, type OnnxModel } from "../onnx/index.ts";
import { input, type Tensor } from "../tensor/index.ts";
import { stream } from "./random.ts";
import { type Device, type Engine, type HostTensor, type OrtTensor, toOrt } from "./session.ts";

/** What is used of a compiled program. */
interface Compiled {
  readonly engine: Engine;
  runOrt(inputs: Readonly<Record<string, OrtTensor>>): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}
export type Compile = (
  model: OnnxModel,
  where: { readonly device: Device; readonly threads: number; readonly resident: boolean },
) => Promise<Compiled>;

/** One device as it was found. */
export interface DeviceReport {
  readonly device: Device;
  /** Why it cannot be used, in one line; undefined where it can. */
  readonly problem: string | undefined;
  /** Whether it started: then a problem is one of wrong numbers. */
  readonly started: boolean;
  /** Billions of floating point operations a second in the product. */
  readonly gflops: number;
  /** Milliseconds of a training step. */
  readonly stepMs: number;
}

/** Sizes of the product and of the step. */
const N = 384;
const [B, I, H, O] = [64, 256, 512, 128];
/** Time that one measurement takes after the first run, which itself is taken where it is longer than `SLOW_MS`. */
const MEASURE_MS = 150;
const SLOW_MS = 2000;
/** How far the numbers of two devices may be apart, of 1. */
const TOLERANCE = 1e-3;

/** Milliseconds of one run: the shortest, since what is beside it only takes away. */
async function shortest(run: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await run(); // with what the engine does once, such as making shaders
  let best = performance.now() - began;
  if (best > SLOW_MS) return best;
  const end = performance.now() + MEASURE_MS;
  do {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  } while (performance.now() < end);
  return best;
}

const uniform = (site: string, shape: readonly number[]): HostTensor => ({
  data: stream(0, 0, site)
    .fillUniform(new Float32Array(shape.reduce((a, b) => a * b, 1)))
    .map((u) => u - 0.5),
  shape,
  dtype: "f32",
});

const numberOf = (tensor: OrtTensor | undefined): number => Number((tensor?.data as Float32Array | undefined)?.[0]);

/**
 * Numbers known beforehand: Σ (x W)² = 7² + 10² for x = [1, 2] and W = [[1, 2], [3, 4]]; softmax [0, log 3] = [1/4, 3/4]; tanh log 2 = 3/5;
 * and d/dz (softmax z)₂ = [-3/16, 3/16] at the same place.
 */
function known(): { readonly outputs: Named; readonly inputs: Named; readonly feeds: Record<string, HostTensor> } {
  const [x, w, z] = [input("x", [1, 2]), input("w", [2, 2]), input("z", [2])];
  const soft = z.softmax(0);
  const [slope] = gradient(soft.slice(0, 1).sum(), [z]);
  const outputs = { square: x.matmul(w).pow(2).sum(), soft, tanh: z.mul(Math.log(2) / Math.log(3)).tanh(), slope };
  const f32 = (data: readonly number[], shape: readonly number[]): HostTensor => ({
    data: Float32Array.from(data),
    shape,
    dtype: "f32",
  });
  return {
    inputs: { x, w, z },
    outputs: outputs as Named,
    feeds: { x: f32([1, 2], [1, 2]), w: f32([1, 2, 3, 4], [2, 2]), z: f32([0, Math.log(3)], [2]) },
  };
}
const KNOWN: Readonly<Record<string, readonly number[]>> = {
  square: [149],
  soft: [1 / 4, 3 / 4],
  tanh: [0, 3 / 5],
  slope: [-3 / 16, 3 / 16],
};

/** What is wrong with the numbers of a device. */
function misfit(found: Readonly<Record<string, OrtTensor>>): string | undefined {
  for (const [name, expected] of Object.entries(KNOWN))
    for (const [i, value] of expected.entries()) {
      const got = Number((found[name]?.data as Float32Array | undefined)?.[i]);
      if (!(Math.abs(got - value) <= TOLERANCE * Math.max(1, Math.abs(value))))
        return `its numbers are wrong: expected ${value}, got ${got}`;
    }
  return undefined;
}

/** The product, which stays on the device, and one of its numbers, which is waited for. */
function product(): { readonly inputs: Named; readonly outputs: Named } {
  const [a, b] = [input("a", [N, N]), input("b", [N, N])];
  const y = a.matmul(b);
  return { inputs: { a, b }, outputs: { "y.next": y, corner: y.slice(0, 0, 1).slice(1, 0, 1) } };
}

/** A step of gradient descent at rate 0.1. */
function step(): { readonly inputs: Named; readonly outputs: Named } {
  const [x, y, w, v] = [input("x", [B, I]), input("y", [B, O]), input("w", [I, H]), input("v", [H, O])];
  const loss = x.matmul(w).tanh().matmul(v).sub(y).pow(2).mean();
  const [dw, dv] = gradient(loss, [w, v]) as [Tensor, Tensor];
  return { inputs: { x, y, w, v }, outputs: { loss, "w.next": w.sub(dw.mul(0.1)), "v.next": v.sub(dv.mul(0.1)) } };
}

class Bench {
  readonly #compile: Compile;
  readonly #where: { readonly device: Device; readonly threads: number };
  constructor(compile: Compile, device: Device, threads: number) {
    [this.#compile, this.#where] = [compile, { device, threads }];
  }

  async #with<T>(
    { inputs, outputs }: { readonly inputs: Named; readonly outputs: Named },
    use: (program: Compiled) => Promise<T>,
    resident = true,
  ): Promise<T> {
    const program = await this.#compile(lower(inputs, outputs), { ...this.#where, resident });
    try {
      return await use(program);
    } finally {
      await program.release();
    }
  }

  problem(): Promise<string | undefined> {
    const { feeds, ...graph } = known();
    const check = async (program: Compiled) => {
      const fed = Object.entries(feeds).map(([name, value]) => [name, toOrt(program.engine, value)]);
      return misfit(await program.runOrt(Object.fromEntries(fed)));
    };
    return this.#with(graph, check, false);
  }

  gflops(): Promise<number> {
    return this.#with(product(), async (program) => {
      const [a, b] = ["a", "b"].map((name) => toOrt(program.engine, uniform(name, [N, N])));
      const ms = await shortest(async () => {
        const { "y.next": y } = await program.runOrt({ a, b } as Record<string, OrtTensor>);
        release(y);
      });
      return (2 * N ** 3) / ms / 1e6;
    });
  }

  stepMs(): Promise<number> {
    return this.#with(step(), async (program) => {
      const given = (name: string, ...shape: number[]) => toOrt(program.engine, uniform(name, shape));
      const [x, y] = [given("x", B, I), given("y", B, O)];
      let [w, v] = [given("w", I, H), given("v", H, O)];
      let loss = Number.POSITIVE_INFINITY;
      const ms = await shortest(async () => {
        const results = await program.runOrt({ x, y, w, v });
        for (const before of [w, v]) release(before);
        [w, v] = [results["w.next"] as OrtTensor, results["v.next"] as OrtTensor];
        const now = numberOf(results.loss);
        if (!(now <= loss)) throw new DeviceError(`its numbers are wrong: a step took the loss from ${loss} to ${now}`);
        loss = now;
      });
      for (const last of [w, v]) release(last);
      return ms;
    });
  }
}

const release = (tensor: OrtTensor | undefined): void => {
  if (tensor && tensor.location !== "cpu") tensor.dispose();
};

const NOTHING = { gflops: 0, stepMs: 0 };

/** Tests `device` and measures it; what fails is in the report. */
export async function measureDevice(compile: Compile, device: Device, threads: number): Promise<DeviceReport> {
  const bench = new Bench(compile, device, threads);
  let started = false;
  try {
    const problem = await bench.problem();
    started = true;
    if (problem) return { ...NOTHING, device, started, problem };
    return { device, started, problem, gflops: await bench.gflops(), stepMs: await bench.stepMs() };
  } catch (error) {
    return { ...NOTHING, device, started, problem: (error as Error).message };
  }
}

/** A device and why it was taken. */
export interface Choice {
  readonly device: Device;
  /** One line with the measurements. */
  readonly reason: string;
  readonly reports: readonly DeviceReport[];
}

const milliseconds = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;

/** The device with the fastest step. Throws DeviceError where none works. */
export function fastest(reports: readonly DeviceReport[]): Choice {
  const working = reports.filter(({ problem }) => problem === undefined).sort((a, b) => a.stepMs - b.stepMs);
  const [best, ...others] = working;
  if (!best) throw new DeviceError(`device "auto": none works; ${reports.map(({ problem }) => problem).join("; ")}`);
  const beside = others.map(({ device, stepMs }) => `${device} ${milliseconds(stepMs)}`);
  const absent = reports.filter(({ started }) => !started).map(({ device }) => device);
  const wrong = reports.filter(({ started, problem }) => started && problem).map(({ device }) => device);
  const reason = [
    `${best.device}: a training step in ${milliseconds(best.stepMs)}${beside.length > 0 ? `, ${beside.join(", ")}` : ""}`,
    ...(absent.length > 0 ? [`not started: ${absent.join(", ")}`] : []),
    ...(wrong.length > 0 ? [`wrong numbers: ${wrong.join(", ")}`] : []),
  ].join("; ");
  return { device: best.device, reason, reports };
}
