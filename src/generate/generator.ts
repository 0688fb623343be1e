/**
 * Generation: one compiled step that takes ids and what was carried so far, and gives logits and what to carry on. A
 * recurrent model carries its state, a transformer its keys and values. The weights are constants of it.
 */
import type { Carried, CausalModel, Piece } from "../models/index.ts";
import { appended, namedParameters } from "../nn/index.ts";
import {
  compile,
  type Device,
  nextName,
  type Program,
  type RunOptions,
  settle,
  type Weights,
} from "../runtime/index.ts";
import { input, inputsOf } from "../tensor/index.ts";
import { sourcesOf } from "./search.ts";
import { type GenerateOptions, generateSettings } from "./settings.ts";
import { SideBySide, staysOnDevice } from "./side-by-side.ts";
import type { Chosen, Ending } from "./writing.ts";

/** The carried tensors after a step: caches that stay on the device are written there, others outside the graph. */
function carriedOn(device: Device, piece: Piece, before: Carried, after: Carried): Carried {
  const next = Object.entries(after).map(([name, fresh]) => {
    const old = before[name];
    const axis = old?.shape.indexOf("S");
    const written = old && staysOnDevice(device) && (axis === 2 || axis === 3) && appended(old, fresh, piece, axis);
    return [nextName(name), written || fresh];
  });
  return Object.fromEntries(next);
}

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
    const piece = {
      ids: input("ids", ["B", "T"], "i32"),
      lengths: input("lengths", ["B"], "i32"),
      past: input("past", ["B"], "i32"),
      ...(model.foresees && { total: input("total", ["B"], "i32") }),
    };
    const before = inputsOf(model.carried);
    const { logits, carried } = model.step(piece, before);
    const { chosen: _, ...settled } = await settle(run);
    const outputs = { logits, ...carriedOn(settled.device, piece, before, carried) };
    const inputs = { ...piece, ...before, ...namedParameters(model.parts) };
    return new IdGenerator(model, await compile(inputs, outputs, { ...settled, weights, resident: true }));
  }

  /** Gives the engine's memory back. */
  release(): Promise<void> {
    return this.#program.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** `rows` texts from their beginning on, which are read side by side. */
  open(rows = 1): SideBySide {
    return new SideBySide(this.#model, this.#program, rows);
  }

  /**
   * The ids after `prompt`, one by one, and at last why there are no more. Throws ConfigError on options that are unknown
   * or out of range, and on an empty prompt.
   */
  async *ids(prompt: Int32Array, options: GenerateOptions = {}): AsyncGenerator<number, Ending> {
    const source = this.choices(prompt, options);
    for (;;) {
      const { done, value } = await source.next();
      if (done) return value;
      yield value.id;
    }
  }

  /** The same with log p of each, where options ask for it. */
  async *choices(prompt: Int32Array, options: GenerateOptions = {}): AsyncGenerator<Chosen, Ending> {
    const settings = generateSettings(options);
    const batch = this.open();
    try {
      const [source] = await sourcesOf(batch, [prompt], [settings]);
      return source ? yield* source : "length";
    } finally {
      await batch.release();
    }
  }
}
