/**
 * The network of 03-two-layer-net, trained inside a page: `npx vite examples/09-page`.
 *
 * It compiles and trains in a Worker (worker.ts), so the page can be used meanwhile: the button stops the training.
 */
import { array, connectWorker, type HostTensor } from "descent-ml";
import type { MoonAnswers } from "./worker.ts";

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
const ask = connectWorker<MoonAnswers>(worker);

const say = (text: string) => document.querySelector("output")?.replaceChildren(text);
const stop = new AbortController();
document.querySelector("button")?.addEventListener("click", () => stop.abort());

/** A grid of 60 × 40 points: x from -1.5 to 2.5, y from 1.5 to -1; each is coloured by the moon it is taken for. */
const grid = array(Array.from({ length: 2400 }, (_, i) => [-1.5 + (i % 60) / 15, 1.5 - Math.floor(i / 60) / 16]));
const pen = document.querySelector("canvas")?.getContext("2d");
function draw({ data }: HostTensor) {
  for (let i = 0; pen && i < 2400; i++) {
    pen.fillStyle = data[i] ? "steelblue" : "sandybrown";
    pen.fillRect(5 * (i % 60), 5 * Math.floor(i / 60), 5, 5);
  }
}

try {
  for await (const { step, loss, moon } of ask("train", { steps: 400, grid }, { signal: stop.signal })) {
    draw(moon);
    say(`step ${step}  loss ${loss.toFixed(4)}`);
  }
  say(`accuracy ${await ask("accuracy")}`);
} catch (error) {
  say((error as Error).message);
}
