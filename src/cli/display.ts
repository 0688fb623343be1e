/** A training as people watch it: a bar that moves on a terminal, plain lines elsewhere, or nothing. */
import { printable } from "../errors.ts";
import type { Scores, TrainingEvent } from "../train/index.ts";
import { bar, cell, clock, short, table } from "./format.ts";
import type { IO } from "./io.ts";

export interface Display {
  header(rows: readonly (readonly [string, string])[]): void;
  /** Notes on what happens before the first step. */
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

/** `deciding` is the score that says which weights are the best. */
export function createDisplay(io: IO, quiet: boolean, deciding: string): Display {
  if (quiet) return mute;
  return io.live ? new LiveDisplay(io, deciding) : new PlainDisplay(io, deciding);
}

/** A score with its name, as `accuracy 0.8131`. */
export const scoreText = (scores: Scores): string =>
  Object.entries(scores)
    .map(([name, value]) => `${name} ${value.toFixed(4)}`)
    .join(", ");

/** What both displays remember: the last step, the steps in all, the last scores. */
class Progress {
  steps = 0;
  unit = "rows";
  step: StepEvent | undefined;
  scores: Scores | undefined;
  /** The score that decides: before, and now. */
  before: number | undefined;
  now: number | undefined;
  /** Mean loss of the steps since the last evaluation. */
  #sum = 0;
  #count = 0;
  #mean = "-";
  readonly #deciding: string;
  constructor(deciding: string) {
    this.#deciding = deciding;
  }

  take(event: TrainingEvent): void {
    if (event.event === "start") [this.steps, this.unit, this.now] = [event.steps, event.unit, event.best?.score];
    if (event.event === "step") this.#takeStep(event);
    if (event.event === "evaluate") this.#takeScores(event);
  }
  #takeStep(event: StepEvent): void {
    this.step = event;
    this.#sum += event.loss;
    this.#count++;
  }
  #takeScores({ scores }: Evaluation): void {
    [this.before, this.now, this.scores] = [this.now, scores[this.#deciding], scores];
  }
  /** The mean loss since it was asked for last; the same again where no step came in between. */
  trainLoss(): string {
    if (this.#count) this.#mean = (this.#sum / this.#count).toFixed(4);
    [this.#sum, this.#count] = [0, 0];
    return this.#mean;
  }
  /** Where the deciding score went; after a resumption, from the best one before. */
  arrow(): "▼" | "▲" | " " {
    if (this.before === undefined || this.now === undefined || this.now === this.before) return " ";
    return this.now < this.before ? "▼" : "▲";
  }
  speed(): string {
    return this.step ? `${short(this.step.perSecond)} ${this.unit}/s` : "";
  }
}

/** Cells of a table, right-aligned under their headings. */
const row = (cells: readonly string[]): string => cells.map((cell) => cell.padStart(CELL)).join("  ");
const CELL = 14;

class PlainDisplay implements Display {
  readonly #io: IO;
  readonly #progress: Progress;
  #reported = performance.now();
  constructor(io: IO, deciding: string) {
    this.#io = io;
    this.#progress = new Progress(deciding);
  }
  header(rows: readonly (readonly [string, string])[]): void {
    this.#io.err(`${rows.map(([name, value]) => `${name} ${cell(value)}`).join(" · ")}\n`);
  }
  note(): void {}
  show(event: TrainingEvent): void {
    this.#progress.take(event);
    if (event.event === "evaluate") this.#line(` val ${scoreText(event.scores)}${event.best ? " (best)" : ""}`);
    else if (event.event === "step" && performance.now() - this.#reported > PLAIN_REPORT) this.#line("");
    else if (event.event === "stop") this.#io.err(`stopped early: ${event.reason}\n`);
  }
  #line(more: string): void {
    const { steps, step } = this.#progress;
    this.#reported = performance.now();
    const speed = step ? ` · ${this.#progress.speed()} · ${clock(step.secondsLeft)} left` : "";
    this.#io.err(
      `step ${step?.step ?? steps}/${steps} · loss ${this.#progress.trainLoss()}${more && ` ·${more}`}${speed}\n`,
    );
  }
  close(): void {}
}

class LiveDisplay implements Display {
  readonly #io: IO;
  readonly #paint: ReturnType<typeof paint>;
  readonly #progress: Progress;
  #drawn = Number.NEGATIVE_INFINITY;
  #line = "";
  #rows = 0;
  constructor(io: IO, deciding: string) {
    this.#io = io;
    this.#progress = new Progress(deciding);
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
    else if (event.event === "stop") this.#print(`stopped early: ${event.reason}\n`);
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
    const arrow = this.#progress.arrow();
    const mark = event.best ? green(arrow) : red(arrow);
    const names = Object.keys(event.scores);
    if (this.#rows++ === 0)
      this.#print(
        dim(`${row(["step", "loss", ...names.map((name) => `val ${name}`)])}
`),
      );
    const values = Object.values(event.scores).map((value) => value.toFixed(4));
    const cells = row([String(event.step), this.#progress.trainLoss(), ...values]);
    this.#print(`${event.best ? bold(cells) : cells} ${mark}
`);
  }
  #status({ step, loss, secondsLeft }: StepEvent): string {
    const { steps, now } = this.#progress;
    const facts = [
      `${step}/${steps}`,
      `loss ${loss.toFixed(3)}`,
      ...(now === undefined ? [] : [`val ${now.toFixed(3)}`]),
      this.#progress.speed(),
      `${clock(secondsLeft)} left`,
    ].join("  ");
    const width = Math.min(30, this.#io.columns() - facts.length - 3);
    return width < 4
      ? facts.slice(0, this.#io.columns() - 1)
      : `${this.#paint.green(bar(step / steps, width))}  ${facts}`;
  }
}
