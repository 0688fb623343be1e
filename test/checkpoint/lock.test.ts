/** One process at a time in a folder: with real processes, killed, ended, many at once. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { lockFolder } from "../../src/checkpoint/node-lock.ts";
import { requireFree } from "../../src/checkpoint/node-run.ts";
import { CheckpointError } from "../../src/errors.ts";
import { buildCommand, workIn } from "../cli/support.ts";

let place: ReturnType<typeof workIn>;
let command: Awaited<ReturnType<typeof buildCommand>>;
beforeAll(async () => {
  command = await buildCommand();
});
afterAll(() => command.remove());
beforeEach(() => {
  place = workIn("lock");
});
afterEach(() => place.leave());

/** A process that waits for the file `go`, asks for the lock of `run`, says what came of it, and does `then`. */
function asker(then: string) {
  const script = `
    import { existsSync } from "node:fs";
    import { lockFolder } from ${JSON.stringify(join(command.main, "..", "..", "checkpoint", "node-lock.js"))};
    while (!existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 1));
    const lock = await lockFolder("run").catch((error) => error.message);
    console.log(typeof lock === "string" ? lock : "mine");
    ${then}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { cwd: place.path });
  const said = new Promise<string>((resolve) => child.stdout.once("data", (data) => resolve(String(data).trim())));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const kill = () => {
    child.kill("SIGKILL");
    return ended;
  };
  return { pid: child.pid ?? 0, said, ended, kill };
}
const STAY = "setInterval(() => undefined, 1000);";

const lockFile = (holder: object) => {
  mkdirSync("run", { recursive: true });
  writeFileSync("run/run.lock", JSON.stringify({ id: "0123", pid: 4194304, start: null, host: hostname(), ...holder }));
};
/** Takes the lock and gives it back. */
const takeAndRelease = async () => {
  await using _ = await lockFolder("run");
  expect(JSON.parse(readFileSync("run/run.lock", "utf8"))).toMatchObject({ pid: process.pid, host: hostname() });
};

test("A6: once in a process; given back at the end of its block or by name", async () => {
  await takeAndRelease();
  const lock = await lockFolder("run");
  await expect(lockFolder("run")).rejects.toThrow(/^run run: this process is training there already; wait/);
  await lock.release();
  await lock.release();
  expect(readdirSync("run")).toEqual([]);
  await takeAndRelease();
});

test("A6: another process has it until it is killed", async () => {
  writeFileSync("go", "");
  const { said, pid, kill } = asker(STAY);
  expect(await said).toBe("mine");
  await expect(lockFolder("run")).rejects.toThrow(CheckpointError);
  await expect(lockFolder("run")).rejects.toThrow(`run run: process ${pid} is training there already`);
  await kill();
  await takeAndRelease();
  expect(readdirSync("run")).toEqual([]);
});

test.each([
  ["the last line", ""],
  ["process.exit", "process.exit(0);"],
  ["an error", "throw new Error('x');"],
])("it is given back at %s", async (_, then) => {
  writeFileSync("go", "");
  const { said, ended } = asker(then);
  expect(await said).toBe("mine");
  await ended;
  expect(existsSync("run/run.lock")).toBe(false);
});

test("of many processes that find a dead one's lock at once, one takes it", { timeout: 60_000 }, async () => {
  lockFile({});
  for (let round = 0; round < 4; round++) {
    const askers = Array.from({ length: 6 }, () => asker(STAY));
    await new Promise((resolve) => setTimeout(resolve, 400));
    writeFileSync("go", "");
    const answers = await Promise.all(askers.map(({ said }) => said));
    expect(answers.filter((answer) => answer === "mine")).toEqual(["mine"]);
    for (const answer of answers) expect(answer).toMatch(/^mine$|is training there already/);
    await Promise.all(askers.map(({ kill }) => kill()));
  }
});

test("of many calls that find a dead lock at once, one takes it, every time", async () => {
  for (let round = 0; round < 30; round++) {
    lockFile({ id: round.toString(16) });
    const answers = await Promise.allSettled(Array.from({ length: 12 }, () => lockFolder("run")));
    const locks = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    expect(locks.length).toBe(1);
    await locks[0]?.release();
    expect(readdirSync("run")).toEqual([]);
  }
});

test("the right to replace a lock can be a dead process's too", async () => {
  lockFile({ id: "aa" });
  writeFileSync("run/.run.lock.aa", readFileSync("run/run.lock", "utf8").replace('"aa"', '"bb"'));
  await takeAndRelease();
  expect(readdirSync("run")).toEqual([]);
});

describe("dead", () => {
  test.runIf(process.platform === "linux")("a number that another process has by now", async () => {
    lockFile({ pid: process.pid, start: "another boot 12345" });
    await takeAndRelease();
  });

  test.runIf(process.platform === "linux")("a process that nobody has asked after since it ended", async () => {
    const parent = spawn("bash", ["-c", "sleep 0.01 & echo $!; exec sleep 30"]);
    const pid = Number(await new Promise((resolve) => parent.stdout.once("data", resolve)));
    await new Promise((resolve) => setTimeout(resolve, 200));
    lockFile({ pid });
    await takeAndRelease();
    parent.kill();
  });

  test("one that names nobody and is old", async () => {
    for (const text of ["", "half", '{"pid":1}', "[".repeat(100_000)]) {
      mkdirSync("run", { recursive: true });
      writeFileSync("run/run.lock", text);
      await expect(lockFolder("run")).rejects.toThrow("another process is training there already");
      utimesSync("run/run.lock", 0, 0);
      await takeAndRelease();
    }
  });
});

test("of another host nothing is known: it is named, and what to do", async () => {
  lockFile({ host: "else\x1bwhere" });
  await expect(lockFolder("run")).rejects.toThrow(
    /process 4194304 on the host "else\\u001bwhere" is training there already; if it has ended, remove run\/run\.lock/,
  );
});

test("a folder with a lock and nothing else is free for a run", async () => {
  await using _ = await lockFolder("run");
  await requireFree("run");
});

test("a folder that cannot be made is named", async () => {
  writeFileSync("file", "");
  await expect(lockFolder("file/run")).rejects.toThrow(/^run file\/run: a part of the path is not a folder/);
});
