/** Several texts that one program reads side by side: their pieces, what is carried for each, and where each stands. */
import type { Spec } from "../graph/index.ts";
import type { CausalModel } from "../models/index.ts";
import { Cache, type Device, isCache, type OrtTensor, type Program, Resident, toOrt } from "../runtime/index.ts";
import { takenRows } from "./steps.ts";
import type { Read } from "./writing.ts";

/** Ids that are read at a time: a long prompt in one piece would take memory for every one of its steps. */
const PIECE = 256;

/** One of the texts. */
export interface Text {
  readonly read: Read;
  /** The others no longer wait for this one. */
  close(): void;
}

interface Request {
  ids: Int32Array;
  logits: Float32Array | undefined;
  readonly resolve: (logits: Float32Array) => void;
  readonly reject: (cause: unknown) => void;
}

/** One row of the batch. */
interface Row {
  /** All ids that were read or are to be read. */
  readonly text: number[];
  /** How many of them the carried values have seen. */
  past: number;
  request: Request | undefined;
  open: boolean;
}

/** Whether caches stay in the memory of the device, where a run writes all of them anew. */
export const staysOnDevice = (device: Device): boolean => device === "webgpu";

/** `spec` with all sizes known: B texts, and places for as many ids as the model looks at. */
const sized = ({ shape, dtype }: Spec, B: number, S: number): Spec => ({
  shape: shape.map((dim) => (dim === "B" ? B : dim === "S" ? S : dim)),
  dtype,
});

export class SideBySide implements AsyncDisposable {
  readonly #model: CausalModel;
  readonly #program: Program;
  #state: Resident;
  readonly #cache: Cache;
  #rows: readonly Row[];
  readonly #states: Readonly<Record<string, Spec>>;

  constructor(model: CausalModel, program: Program, rows: number) {
    this.#model = model;
    this.#program = program;
    const specs = Object.entries(model.carried);
    const isAppended = ([, spec]: [string, Spec]) => isCache(spec) && !staysOnDevice(program.device);
    const states = specs.filter((entry) => !isAppended(entry));
    this.#states = Object.fromEntries(states);
    this.#state = new Resident(program, this.#sized(rows));
    this.#cache = new Cache(program.engine, Object.fromEntries(specs.filter(isAppended)), rows);
    this.#rows = Array.from({ length: rows }, () => ({ text: [], past: 0, request: undefined, open: true }));
  }

  /** What is replaced by each step, with all sizes. */
  #sized(rows: number): Record<string, Spec> {
    const specs = Object.entries(this.#states);
    return Object.fromEntries(specs.map(([name, spec]) => [name, sized(spec, rows, this.#model.context ?? 0)]));
  }

  /** Text i goes on from where text rows[i] stands; there are as many texts as these, all of which are open. */
  async take(rows: Int32Array): Promise<void> {
    if (rows.length === this.#rows.length && rows.every((row, i) => row === i)) return;
    this.#rows = Array.from(rows, (from) => {
      const { text = [], past = 0 } = this.#rows[from] ?? {};
      return { text: [...text], past, request: undefined, open: true };
    });
    this.#cache.take(rows);
    await this.#state.download();
    const values = takenRows(this.#states, this.#state.values(), rows);
    await this.#state.release();
    this.#state = new Resident(this.#program, this.#sized(rows.length), values);
  }

  /** Text number `i`, which is answered when all that are open have asked. */
  text(i: number): Text {
    const row = this.#rows[i];
    if (!row) throw new Error(`internal: there is no text ${i}`);
    return {
      read: (ids) =>
        new Promise((resolve, reject) => {
          row.request = { ids, logits: undefined, resolve, reject };
          this.#answerAll();
        }),
      close: () => {
        row.open = false;
        this.#answerAll();
      },
    };
  }

  /** Reads for all once nobody is missing. */
  #answerAll(): void {
    const asked = this.#rows.filter(({ request }) => request);
    if (asked.length === 0 || this.#rows.some(({ open, request }) => open && !request)) return;
    const requests = asked.map((row) => this.#begin(row));
    void this.#readAll(requests).then(
      () => {
        for (const [, { resolve, logits }] of requests) resolve(logits ?? new Float32Array());
      },
      (cause) => {
        for (const [, { reject }] of requests) reject(cause);
      },
    );
  }

  /** Whether what was kept of a text was computed otherwise than the text is, now that it is longer. */
  #isOutgrown(past: number, more: number): boolean {
    const { anew = Number.POSITIVE_INFINITY } = this.#model;
    return past > 0 && past <= anew && past + more > anew;
  }

  /**
   * Takes up what a row asks for. Where the positions that are learned end, the newer half of its text is read anew from
   * position 0.
   */
  #begin(row: Row): [Row, Request] {
    const { request } = row;
    if (!request) throw new Error("internal: a row without a request");
    row.request = undefined;
    for (const id of request.ids) row.text.push(id);
    const context = this.#model.context ?? Number.POSITIVE_INFINITY;
    if (row.past + request.ids.length > context) {
      const kept = row.past === 0 ? context : Math.max(1, Math.floor(context / 2));
      request.ids = Int32Array.from(row.text.slice(-kept));
      row.past = 0;
    } else if (this.#isOutgrown(row.past, request.ids.length)) {
      request.ids = Int32Array.from(row.text.slice(-(row.past + request.ids.length)));
      row.past = 0;
    }
    return [row, request];
  }

  async #readAll(requests: readonly [Row, Request][]): Promise<void> {
    while (requests.some(([, { ids }]) => ids.length > 0)) await this.#readPiece(requests);
  }

  /** One run: the next ids of every row, as many as fit into a piece. */
  async #readPiece(requests: readonly [Row, Request][]): Promise<void> {
    const rows = this.#rows.length;
    const of = new Map(requests);
    const width = Math.min(PIECE, Math.max(...requests.map(([, { ids }]) => ids.length)));
    const [ids, lengths, total] = [new Int32Array(rows * width), new Int32Array(rows), new Int32Array(rows)];
    for (const [b, row] of this.#rows.entries()) {
      const left = of.get(row)?.ids ?? new Int32Array();
      const fresh = left.subarray(0, width);
      ids.set(fresh, b * width);
      lengths[b] = fresh.length;
      total[b] = row.past + left.length;
    }
    const logits = await this.#run(ids, lengths, total);
    for (const [b, row] of this.#rows.entries()) {
      const request = of.get(row);
      if (!request || lengths[b] === 0) continue;
      row.past += lengths[b] ?? 0;
      request.ids = request.ids.subarray(width);
      request.logits = logits.subarray((b * logits.length) / rows, ((b + 1) * logits.length) / rows);
    }
  }

  /** ids [B, T], of which the first lengths [B] of each row count -> logits [B, V]. */
  async #run(ids: Int32Array, lengths: Int32Array, total: Int32Array): Promise<Float32Array> {
    const rows = this.#rows.length;
    const past = Int32Array.from(this.#rows, (row) => row.past);
    const i32 = (data: Int32Array, shape: readonly number[]): OrtTensor =>
      toOrt(this.#program.engine, { data, shape, dtype: "i32" });
    const piece = {
      ids: i32(ids, [rows, ids.length / rows]),
      lengths: i32(lengths, [rows]),
      past: i32(past, [rows]),
      ...(this.#model.foresees && { total: i32(total, [rows]) }),
    };
    const results = await this.#program.runOrt({ ...piece, ...this.#state.inputs, ...this.#cache.inputs });
    this.#state.advance(results);
    this.#state.keep();
    this.#cache.append(results, past, lengths);
    return results.logits?.data as Float32Array;
  }

  /** Gives back what is carried, not the program. */
  release(): Promise<void> {
    return this.#state.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
