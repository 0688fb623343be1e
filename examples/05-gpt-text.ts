/** A small GPT trains on the built-in stories for five hundred steps, is saved in a folder, and generates text from there. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open, train } from "descent-ml";

const place = await mkdtemp(join(tmpdir(), "descent-")); // any new or empty folder will do

const vocab = 512;
const training = train("gpt", {
  task: "language",
  data: "builtin",
  tokenizer: "bpe",
  vocab,
  config: { n_layer: 2, n_embd: 64, n_head: 4 },
  batch: 8,
  context: 32,
  steps: 500,
  lr: 3e-3,
  evalEvery: 500,
  store: place,
});
for await (const event of training) {
  if (event.event === "start") console.log(`${event.parameters} parameters`);
  if (event.event === "step" && event.step % 100 === 0)
    console.log(`step ${event.step}  loss ${event.loss.toFixed(3)}  ${Math.round(event.perSecond)} tokens/s`);
}
const { scores } = await training;
console.log(`validation loss ${scores?.loss?.toFixed(3)}, of ${Math.log(vocab).toFixed(3)} by chance`);

// Any folder with config.json, model.safetensors and tokenizer.json opens like this.
const model = await open(place, { task: "language" });
let text = "The ";
for await (const piece of model.generate(text, { tokens: 60, temperature: 0.5, topK: 20 })) text += piece;
console.log(text);
await rm(place, { recursive: true });
