/** Texts that are written of codes. B codes · L dimensions of a code */
import type { LatentTextModel } from "../models/index.ts";
import type { HostTensor, RunOptions, Weights } from "../runtime/index.ts";
import { type BeamSettings, beamSearch, type Hypothesis } from "./beam.ts";
import { type Drawn, type DrawSettings, drawTexts } from "./draw.ts";
import { StepWriter, type Stepwise } from "./steps.ts";

/** The decoder of an autoencoder of texts as what writes step by step, its code as memory. */
const stepwise = (model: LatentTextModel): Stepwise<"codes"> => {
  const codes = { shape: ["B", model.latent], dtype: "f32" } as const;
  return {
    ...{ parts: model.parts, inputs: { codes }, memory: { codes }, carried: model.carried },
    begin: (given) => ({ memory: given, carried: model.begin(given.codes) }),
    step: (ids, memory, carried) => model.step(ids, memory.codes ?? ids, carried),
  };
};

/** The decoder of an autoencoder of texts, compiled to write. */
export class CodeWriter implements AsyncDisposable {
  readonly #writer: StepWriter<"codes">;
  private constructor(writer: StepWriter<"codes">) {
    this.#writer = writer;
  }

  /** Compiles its graphs with their weights. */
  static async create(model: LatentTextModel, weights: Weights, run: RunOptions = {}): Promise<CodeWriter> {
    return new CodeWriter(await StepWriter.create(stepwise(model), weights, run));
  }

  /** The likeliest texts of each of `codes` [B, L], at most `beam`, the best first; each begins after the id `start`. */
  async write(codes: HostTensor, start: number, settings: BeamSettings): Promise<readonly Hypothesis[][]> {
    const { advance } = await this.#writer.begin({ codes });
    return beamSearch(advance, starts(codes, start), settings);
  }

  /** One text of each of `codes` [B, L], drawn token by token. */
  async draw(codes: HostTensor, start: number, settings: DrawSettings): Promise<Drawn[]> {
    const { advance } = await this.#writer.begin({ codes });
    return drawTexts(advance, starts(codes, start), settings);
  }

  /** Gives the engine's memory back. */
  release(): Promise<void> {
    return this.#writer.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

const starts = ({ shape }: HostTensor, start: number): Int32Array => new Int32Array(shape[0] ?? 0).fill(start);
