/** A training as people watch it: a bar that moves on a terminal, plain lines elsewhere, or nothing. */
import { printable } from "../errors.ts";
import type { TrainingEvent } from "../train/index.ts";
import { bar, cell, clock, short, table } from "./format.ts";
import type { IO } from "./io.ts";

export interface Display {
  header(rows: readonly (readonly [string, string])[]): void;
  /** What goes on before the first step. */
  note(text: string): void;
  show(event: TrainingEvent): void;
  /** Leaves the terminal in order; what is printed afterwards stands on lines of its own. */
  close(): void;
}

/** Milliseconds between two drawings of the live line. */
const REDRAW = 50;
/** Milliseconds after which a plain display says how far it is, without an evaluation. */
const PLAIN_REPORT = 10_000;

type StepEvent = Extract<TrainingEvent, { event: "step" }>;
type Evaluation = Extract<TrainingEvent, { event: "evaluate" }>;

/** Colours, where they are wanted. */
const paint = (io: IO) => {
  const wrap = (open: number, close: number) => (text: string) =>
    io.color ? `\x1b[${open}m${text}\x1b[${close}m` : text;
  return { dim: wrap(2, 22), bold: wrap(1, 22), green: wrap(32, 39), red: wrap(31, 39) };
};

const mute: Display = { header: () => undefined, note: () => undefined, show: () => undefined, close: () => undefined };

export function createDisplay(io: IO, quiet: boolean): Display {
  if (quiet) return mute;
  return io.live ? new LiveDisplay(io) : new PlainDisplay(io);
}

/** What both displays remember: the last step, the steps in all, the last validation losses. */
class Progress {
  steps = 0;
  step: StepEvent | undefined;
  valLoss: number | undefined;
  before: number | undefined;
  /** Mean loss of the steps since the last evaluation. */
  #sum = 0;
  #count = 0;

  take(event: TrainingEvent): void {
    if (event.event === "start") this.steps = event.steps;
    if (event.event === "step") this.#takeStep(event);
    if (event.event === "evaluate") [this.before, this.valLoss] = [this.valLoss, event.valLoss];
  }
  #takeStep(event: StepEvent): void {
    this.step = event;
    this.#sum += event.loss;
    this.#count++;
  }
  /** The mean loss since it was asked for last. */
  trainLoss(): string {
    const mean = this.#count ? (this.#sum / this.#count).toFixed(4) : "-";
    [this.#sum, this.#count] = [0, 0];
    return mean;
  }
  arrow({ valLoss }: Evaluation): "▼" | "▲" | " " {
    if (this.before === undefined) return " ";
    return valLoss < this.before ? "▼" : "▲";
  }
}

class PlainDisplay implements Display {
  readonly #io: IO;
  readonly #progress = new Progress();
  #reported = performance.now();
  constructor(io: IO) {
    this.#io = io;
  }
  header(rows: readonly (readonly [string, string])[]): void {
    this.#io.err(`${rows.map(([name, value]) => `${name} ${cell(value)}`).join(" · ")}\n`);
  }
  note(): void {}
  show(event: TrainingEvent): void {
    this.#progress.take(event);
    if (event.event === "evaluate") this.#line(` val ${event.valLoss.toFixed(4)}${event.best ? " (best)" : ""}`);
    else if (event.event === "step" && performance.now() - this.#reported > PLAIN_REPORT) this.#line("");
  }
  #line(more: string): void {
    const { steps, step } = this.#progress;
    this.#reported = performance.now();
    const speed = step ? ` · ${short(step.tokensPerSecond)} tokens/s · ${clock(step.secondsLeft)} left` : "";
    this.#io.err(
      `step ${step?.step ?? steps}/${steps} · loss ${this.#progress.trainLoss()}${more && ` ·${more}`}${speed}\n`,
    );
  }
  close(): void {}
}

class LiveDisplay implements Display {
  readonly #io: IO;
  readonly #paint: ReturnType<typeof paint>;
  readonly #progress = new Progress();
  #drawn = Number.NEGATIVE_INFINITY;
  #line = "";
  #rows = 0;
  constructor(io: IO) {
    this.#io = io;
    this.#paint = paint(io);
  }

  header(rows: readonly (readonly [string, string])[]): void {
    const { bold, dim } = this.#paint;
    this.#print(`${table(rows, `${dim("│")} `, (value, row) => (row === 0 ? bold(value) : value))}\n`);
  }
  note(text: string): void {
    this.#draw(this.#paint.dim(printable(text, this.#io.columns() - 1)));
  }
  show(event: TrainingEvent): void {
    this.#progress.take(event);
    if (event.event === "evaluate") this.#row(event);
    else if (event.event === "step") this.#draw(this.#status(event));
  }
  close(): void {
    this.#print("");
  }

  /** The live line, if it is time. */
  #draw(line: string): void {
    this.#line = line;
    if (performance.now() - this.#drawn < REDRAW) return;
    this.#drawn = performance.now();
    this.#io.draw(`\r${line}\x1b[K`);
  }
  /** Text above the live line. */
  #print(text: string): void {
    this.#io.draw(`${this.#line && "\r\x1b[K"}${text}`);
    this.#line = "";
  }
  #row(event: Evaluation): void {
    const { dim, bold, green, red } = this.#paint;
    const arrow = this.#progress.arrow(event);
    const mark = arrow === "▼" ? green(arrow) : red(arrow);
    if (this.#rows++ === 0) this.#print(dim(`${"step".padStart(8)}  ${"loss".padStart(8)}  ${"val".padStart(8)}\n`));
    const value = event.valLoss.toFixed(4).padStart(8);
    const step = String(event.step).padStart(8);
    this.#print(`${step}  ${this.#progress.trainLoss().padStart(8)}  ${event.best ? bold(value) : value} ${mark}\n`);
  }
  #status({ step, loss, tokensPerSecond, secondsLeft }: StepEvent): string {
    const { steps, valLoss } = this.#progress;
    const facts = [
      `${step}/${steps}`,
      `loss ${loss.toFixed(3)}`,
      ...(valLoss === undefined ? [] : [`val ${valLoss.toFixed(3)}`]),
      `${short(tokensPerSecond)} tokens/s`,
      `${clock(secondsLeft)} left`,
    ].join("  ");
    const width = Math.min(30, this.#io.columns() - facts.length - 3);
    return width < 4
      ? facts.slice(0, this.#io.columns() - 1)
      : `${this.#paint.green(bar(step / steps, width))}  ${facts}`;
  }
}
