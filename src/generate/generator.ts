/**
 * Generation: one compiled step that takes ids and what was carried so far, and gives logits and what to carry on. A
 * recurrent model carries its state, a transformer its keys and values.
 */
import type { CausalModel } from "../models/index.ts";
import { namedParameters } from "../nn/index.ts";
import { compile, type OrtTensor, type Program, type RunOptions, toOrt, type Weights } from "../runtime/index.ts";
import { emptyArray, input } from "../tensor/index.ts";
import { type GenerateOptions, generateSettings } from "./settings.ts";
import { type Ending, type Read, writing } from "./writing.ts";

type Carried = Readonly<Record<string, OrtTensor>>;

const next = (name: string): string => `${name}.next`;

/** Ids that are read at a time: a long prompt in one piece would take memory for every one of its steps. */
const PIECE = 512;

/** A causal model, compiled to give one id after another. */
export class IdGenerator implements AsyncDisposable {
  readonly #model: CausalModel;
  readonly #program: Program;
  private constructor(model: CausalModel, program: Program) {
    this.#model = model;
    this.#program = program;
  }

  /** Compiles the step with its weights. */
  static async create(model: CausalModel, weights: Weights, run: RunOptions = {}): Promise<IdGenerator> {
    const ids = input("ids", [1, "T"], "i32");
    const carried = Object.fromEntries(
      Object.entries(model.carried(1)).map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]),
    );
    const step = model.step(ids, carried);
    const outputs = Object.fromEntries(Object.entries(step.carried).map(([name, tensor]) => [next(name), tensor]));
    const inputs = { ids, ...carried, ...namedParameters(model.parts) };
    const program = await compile(inputs, { logits: step.logits.slice(1, -1), ...outputs }, { ...run, weights });
    return new IdGenerator(model, program);
  }

  /** What is carried before the first token. */
  #nothing(): Carried {
    const { engine } = this.#program;
    return Object.fromEntries(
      Object.entries(this.#model.carried(1)).map(([name, { shape, dtype }]) => {
        const sizes = shape.map((dim) => (typeof dim === "number" ? dim : 0));
        return [
          name,
          toOrt(engine, {
            data: emptyArray(
              dtype,
              sizes.reduce((a, b) => a * b, 1),
            ),
            shape: sizes,
            dtype,
          }),
        ];
      }),
    );
  }

  /** Gives the engine's memory back. */
  release(): Promise<void> {
    return this.#program.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #advance(ids: Int32Array, carried: Carried): Promise<{ logits: Float32Array; carried: Carried }> {
    const { engine } = this.#program;
    const fed = toOrt(engine, { data: ids, shape: [1, ids.length], dtype: "i32" });
    const results = await this.#program.runOrt({ ...carried, ids: fed });
    const after = Object.fromEntries(Object.keys(carried).map((name) => [name, results[next(name)] as OrtTensor]));
    return { logits: results.logits?.data as Float32Array, carried: after };
  }

  /**
   * A new sequence. Where the positions that are learned end, the newer half of its ids is read anew from position 0.
   */
  open(): Read {
    const context = this.#model.context ?? Number.POSITIVE_INFINITY;
    const text: number[] = [];
    let carried = this.#nothing();
    let seen = 0;
    return async (ids) => {
      for (const id of ids) text.push(id);
      let fresh = ids;
      if (seen + ids.length > context) {
        fresh = Int32Array.from(text.slice(-(seen === 0 ? context : Math.max(1, Math.floor(context / 2)))));
        carried = this.#nothing();
        seen = 0;
      }
      for (; fresh.length > PIECE; fresh = fresh.subarray(PIECE)) {
        carried = (await this.#advance(fresh.subarray(0, PIECE), carried)).carried;
        seen += PIECE;
      }
      const step = await this.#advance(fresh, carried);
      seen += fresh.length;
      carried = step.carried;
      return step.logits;
    };
  }

  /**
   * The ids after `prompt`, one by one, and at last why there are no more. Throws ConfigError on options that are unknown
   * or out of range, and on an empty prompt.
   */
  async *ids(prompt: Int32Array, options: GenerateOptions = {}): AsyncGenerator<number, Ending> {
    return yield* writing(this.open(), prompt, generateSettings(options));
  }
}
