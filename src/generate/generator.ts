/**
 * Generation: one compiled step that takes ids and what was carried so far, and gives logits and what to carry on. A
 * recurrent model carries its state, a transformer its keys and values.
 */
import { ConfigError } from "../errors.ts";
import type { CausalModel } from "../models/index.ts";
import { namedParameters } from "../nn/index.ts";
import { compile, type OrtTensor, type Program, type RunOptions, toOrt, type Weights } from "../runtime/index.ts";
import { emptyArray, input } from "../tensor/index.ts";
import { checkSampling, type SampleOptions, sample } from "./sample.ts";

export interface GenerateOptions extends SampleOptions {
  /** How many tokens at most. Default 200. */
  readonly tokens?: number | undefined;
  /** Ids are below this: a model may have more rows than its tokenizer has tokens. Default: all of the model's. */
  readonly vocabulary?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Carried = Readonly<Record<string, OrtTensor>>;

const next = (name: string): string => `${name}.next`;

/** Ids that are read at a time: a long prompt in one piece would take memory for every one of its steps. */
const PIECE = 512;

/** A causal model, compiled to give one id after another. */
export class IdGenerator {
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

  async #advance(ids: Int32Array, carried: Carried): Promise<{ logits: Float32Array; carried: Carried }> {
    const { engine } = this.#program;
    const fed = toOrt(engine, { data: ids, shape: [1, ids.length], dtype: "i32" });
    const results = await this.#program.runOrt({ ...carried, ids: fed });
    const after = Object.fromEntries(Object.keys(carried).map((name) => [name, results[next(name)] as OrtTensor]));
    return { logits: results.logits?.data as Float32Array, carried: after };
  }

  /** The ids after `prompt`, one by one. Throws ConfigError on options out of range or an empty prompt. */
  async *ids(prompt: Int32Array, options: GenerateOptions = {}): AsyncGenerator<number> {
    const { tokens = 200, vocabulary = this.#model.vocabulary, signal } = options;
    checkSampling(options);
    if (!Number.isInteger(tokens) || tokens < 0 || tokens > 1e9)
      throw new ConfigError(`tokens: expected a whole number from 0 to 1000000000, got ${tokens}`);
    if (prompt.length === 0)
      throw new ConfigError("prompt: expected at least one token, got none; give some text to continue");
    const context = this.#model.context ?? Number.POSITIVE_INFINITY;
    const text = [...prompt];
    let fresh = prompt.length > context ? prompt.slice(-context) : prompt;
    let carried = this.#nothing();
    let seen = 0;
    for (let count = 0; count < tokens && !signal?.aborted; count++) {
      if (seen + fresh.length > context) {
        // Learned positions end here: the newer half of the text is read anew from position 0.
        fresh = Int32Array.from(text.slice(-Math.max(1, Math.floor(context / 2))));
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
      const id = sample(step.logits.subarray(0, vocabulary), options, text.length);
      text.push(id);
      fresh = Int32Array.of(id);
      yield id;
    }
  }
}
