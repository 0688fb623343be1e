/** Trainings that are killed at random moments and resumed, to compare with one that was not. */
import { existsSync, mkdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { stream } from "../../src/runtime/index.ts";
import { type Running, start } from "./support.ts";

/** Files that must not depend on where a run was killed. */
export const LASTING = ["model.safetensors", "training-state.safetensors", "best/model.safetensors"].concat([
  "config.json",
  "task.json",
]);

export interface Killing {
  /** The command. */
  readonly main: string;
  readonly cwd: string;
  /** Arguments of `train` without the folder. */
  readonly train: readonly string[];
  readonly kills: number;
  readonly seed: number;
  /** Events of a whole training. */
  readonly events: number;
}

/** Kills a process while a checkpoint is on its way to the disk. */
function killInSave({ process }: Running, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const watcher = watch(folder, (_, name) => {
    if (name?.endsWith(".tmp") && !name.includes("run.lock")) process.kill("SIGKILL");
  });
  process.on("close", () => watcher.close());
}

function killAfter({ process }: Running, milliseconds: number): void {
  const timer = setTimeout(() => process.kill("SIGKILL"), milliseconds);
  process.on("close", () => clearTimeout(timer));
}

/** After so many events, however long they take. */
function killAtEvent({ process }: Running, count: number): void {
  let seen = 0;
  process.stdout?.on("data", (data) => {
    seen += String(data).split("\n").length - 1;
    if (seen >= count) process.kill("SIGKILL");
  });
}

/** Before the first event, in the middle of steps and evaluations, or in a save. */
function killSometime(running: Running, folder: string, { events }: Killing, kind: number, moment: number): string {
  const count = 1 + Math.floor(moment * 0.4 * events);
  if (kind < 0.4) killInSave(running, folder);
  else if (kind < 0.5) killAfter(running, moment * 500);
  else killAtEvent(running, count);
  return kind < 0.4 ? "in a save" : kind < 0.5 ? "in the beginning" : `after ${count} events`;
}

/** Trains into `out`, killed at most `kills` times, to the end. The result says when it was killed. */
export async function trainKilled(out: string, killing: Killing): Promise<{ killed: string[]; folder: string }> {
  const { main, cwd, train, kills, seed } = killing;
  const draws = stream(seed, 0, "kills").fillUniform(new Float32Array(2 * kills));
  const folder = join(cwd, out);
  const killed: string[] = [];
  for (let attempt = 0; ; attempt++) {
    const resumed = existsSync(join(folder, "training-state.safetensors"));
    const running = start(main, ["train", ...(resumed ? ["--resume", out] : [...train, "--out", out]), "--json"], cwd);
    const [kind = 0, moment = 0] = draws.slice(2 * attempt, 2 * attempt + 2);
    const when = attempt < kills ? killSometime(running, folder, killing, kind, moment) : "";
    const { code, signal, err } = await running.ended;
    if (signal === "SIGKILL") killed.push(when);
    else if (code === 0) return { killed, folder };
    else throw new Error(`killed ${killed.join(", ")}; then exit code ${code}: ${err}`);
  }
}

/** Every line of a run's log is whole. */
export const logOf = (folder: string): object[] =>
  readFileSync(join(folder, "run.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as object);

/** Texts of 1 to 40 words and their labels: a, b and c words of their kind among others. */
export function table(rows: number): string {
  const draws = stream(5, 0, "table").fillUniform(new Float32Array(41 * rows));
  const lines = Array.from({ length: rows }, (_, row) => {
    const [length = 0, ...rest] = draws.slice(41 * row, 41 * (row + 1));
    const words = rest.slice(0, 1 + Math.floor(length * 40)).map((draw) => `w${Math.floor(draw * 20)}`);
    return `${["a", "b", "c"][row % 3]}${row % 5} ${words.join(" ")},${["a", "b", "c"][row % 3]}`;
  });
  return ["text,label", ...lines, ""].join("\n");
}
