/** Where a step's time goes: the engine's own times of every node, summed by operator. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { descent, Peer } from "./peer.ts";
import { percent, show, table } from "./table.ts";

export interface ProfileOptions {
  readonly row: string;
  readonly threads: number;
  readonly limitMs: number;
}

/** A line of the profile; times in µs. */
interface Event {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly Readonly<Record<string, number[]>>[];
  };
}
/** Calls and time of one kind of node. */
interface Sum {
  calls: number;
  us: number;
}

const STEPS = 10;
const WARM_UP = 3;
const HEAVIEST = 15;

/** Runs the row with the profile on and reads what the engine wrote. */
async function record({ row, threads, limitMs }: ProfileOptions): Promise<Event[]> {
  const folder = mkdtempSync(join(tmpdir(), "descent-profile-"));
  const peer = new Peer(descent, threads, limitMs);
  try {
    const steps = 1 + WARM_UP + STEPS;
    await peer.ready({ row, threads, warmup: WARM_UP, profile: { prefix: join(folder, "profile"), steps } });
    await peer.go(STEPS);
    const [file] = readdirSync(folder);
    if (!file) throw new Error("profile: the engine wrote none");
    return JSON.parse(readFileSync(join(folder, file), "utf8")) as Event[];
  } finally {
    await peer.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Each node with its own time, without that of the nodes inside it. The loop of a recurrence is such a node. */
function ownTimes(events: readonly Event[]): [Event, number][] {
  const sorted = [...events].sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  const own = new Map(sorted.map((event) => [event, event.dur]));
  const open: Event[] = [];
  for (const event of sorted) {
    while (open.length > 0 && endOf(open.at(-1)) <= event.ts) open.pop();
    const outer = open.at(-1);
    if (outer && endOf(outer) >= endOf(event)) own.set(outer, (own.get(outer) ?? 0) - event.dur);
    open.push(event);
  }
  return [...own];
}

const endOf = (event: Event | undefined): number => (event ? event.ts + event.dur : 0);

function sumBy(times: readonly [Event, number][], key: (event: Event) => string): [string, Sum][] {
  const sums = new Map<string, Sum>();
  for (const [event, us] of times) {
    const sum = sums.get(key(event)) ?? { calls: 0, us: 0 };
    sums.set(key(event), { calls: sum.calls + 1, us: sum.us + us });
  }
  return [...sums].sort(([, a], [, b]) => b.us - a.us);
}

const operator = ({ args }: Event): string => args.op_name ?? "?";
const shapes = ({ args }: Event): string =>
  (args.input_type_shape ?? []).map((input) => `[${Object.values(input)[0]?.join(", ") ?? ""}]`).join(" ");

const print = (title: string, sums: readonly [string, Sum][], total: number) => {
  const rows = sums.map(([name, { calls, us }]) => [
    name,
    show(calls / STEPS),
    show(us / STEPS / 1000),
    percent(us / total),
    show(us / calls),
  ]);
  console.log(`\n${table([title, "calls", "ms", "share", "µs a call"], rows)}`);
};

/** Prints operators by share of a step, then the heaviest by shapes. */
export async function profile(options: ProfileOptions): Promise<void> {
  const events = await record(options);
  const runs = events.filter(({ name }) => name === "model_run").sort((a, b) => a.ts - b.ts);
  const from = runs.at(-STEPS)?.ts ?? 0;
  const nodes = events.filter(({ cat, name, ts }) => cat === "Node" && name.endsWith("_kernel_time") && ts >= from);
  const times = ownTimes(nodes);
  const total = runs.slice(-STEPS).reduce((sum, { dur }) => sum + dur, 0);
  const inNodes = times.reduce((sum, [, us]) => sum + us, 0);
  const between: [string, Sum] = ["(between nodes)", { calls: STEPS, us: total - inNodes }];
  console.log(
    `${options.row}: ${show(total / STEPS / 1000)} ms a step, ${show(nodes.length / STEPS)} nodes. Profiling itself costs time.`,
  );
  print("operator", [...sumBy(times, operator), between], total);
  print("heaviest", sumBy(times, (event) => `${operator(event)} ${shapes(event)}`).slice(0, HEAVIEST), total);
}
