/** A child process that answers JSON lines, started again after it dies. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

interface Asked {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (reason: Died) => void;
}

/** The process ended, or gave no answer in time. */
export class Died extends Error {
  readonly kind: "crash" | "hang";
  constructor(kind: "crash" | "hang", message: string) {
    super(message);
    this.kind = kind;
  }
}

export class Child {
  readonly #command: readonly [string, ...string[]];
  readonly #limitMs: number;
  #process: ChildProcess | undefined;
  #asked: Asked | undefined;
  #complaint = "";
  constructor(command: readonly [string, ...string[]], limitMs: number) {
    this.#command = command;
    this.#limitMs = limitMs;
  }

  #start(): ChildProcess {
    const [program, ...args] = this.#command;
    const child = spawn(program, args, { stdio: "pipe" });
    this.#complaint = "";
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) this.#asked?.resolve(JSON.parse(line));
    });
    child.stderr.on("data", (data: Buffer) => {
      this.#complaint = (this.#complaint + data).slice(-1000);
    });
    child.stdin.on("error", () => undefined); // the end of the process says more
    child.on("error", (error) => this.#fail(child, new Died("crash", error.message)));
    child.on("close", (code, signal) =>
      this.#fail(child, new Died("crash", `ended with ${signal ?? code} ${this.#complaint.trim().split("\n").at(-1)}`)),
    );
    this.#process = child;
    return child;
  }
  #fail(child: ChildProcess, reason: Died): void {
    if (this.#process !== child) return;
    this.#process = undefined;
    this.#asked?.reject(reason);
  }

  /** Asks one question at a time. Throws Died where no answer comes; the next question starts a new process. */
  async ask<T>(question: unknown): Promise<T> {
    const child = this.#process ?? this.#start();
    const late = setTimeout(() => {
      this.#fail(child, new Died("hang", `no answer in ${this.#limitMs / 1000} s`));
      child.kill("SIGKILL");
    }, this.#limitMs);
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#asked = { resolve: resolve as (answer: unknown) => void, reject };
        child.stdin?.write(`${JSON.stringify(question)}\n`);
      });
    } finally {
      clearTimeout(late);
      this.#asked = undefined;
    }
  }

  stop(): void {
    this.#process?.kill();
    this.#process = undefined;
  }
}
