/** What is printed beside a training where no terminal is. */
import { expect, test, vi } from "vitest";
import { createDisplay } from "../../src/cli/display.ts";
import type { IO } from "../../src/cli/io.ts";
import type { TrainingEvent } from "../../src/train/index.ts";

test("an evaluation right after a report has the loss of that report", () => {
  let now = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  const lines: string[] = [];
  const display = createDisplay(
    { live: false, err: (text: string) => lines.push(text) } as unknown as IO,
    false,
    "loss",
  );
  const step = (n: number, loss: number) =>
    ({
      event: "step",
      step: n,
      loss,
      terms: {},
      gradNorm: 1,
      norms: {},
      lr: 1,
      epoch: 1,
      perSecond: 5,
      secondsLeft: 9,
    }) as const;
  const show = (event: object) => display.show(event as TrainingEvent);
  show({ event: "start", steps: 4, unit: "texts", best: undefined });
  show(step(1, 2));
  now = 11_000;
  show(step(2, 4)); // ten seconds have passed: a report
  show({ event: "evaluate", step: 2, scores: { loss: 1 }, best: true });
  clock.mockRestore();
  expect(lines.map((line) => line.trimEnd())).toEqual([
    "step 2/4 · loss 3.0000 · 5 texts/s · 0:09 left",
    "step 2/4 · loss 3.0000 · val loss 1.0000 (best) · 5 texts/s · 0:09 left",
  ]);
});
