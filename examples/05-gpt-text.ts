/** A small GPT learns the built-in stories for five hundred steps, is kept in a folder, and writes from there. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtInText, folder, loadLanguageModel, prepareText, trainLanguageModel } from "descent-ml";

const data = await prepareText(builtInText(), { name: "builtin", tokenizer: "bpe", vocabSize: 512 });
const place = await mkdtemp(join(tmpdir(), "descent-")); // any new or empty folder will do

const training = trainLanguageModel("gpt", {
  data,
  config: { n_layer: 2, n_embd: 64, n_head: 4 },
  batch: 8,
  context: 32,
  steps: 500,
  lr: 3e-3,
  evalEvery: 500,
  store: folder(place),
});
for await (const event of training) {
  if (event.event === "start") console.log(`${event.parameters} parameters`);
  if (event.event === "step" && event.step % 100 === 0)
    console.log(`step ${event.step}  loss ${event.loss.toFixed(3)}  ${Math.round(event.tokensPerSecond)} tokens/s`);
}
const { valLoss = Number.NaN } = await training;
console.log(`validation loss ${valLoss.toFixed(3)}, of ${Math.log(data.tokenizer.vocabSize).toFixed(3)} by chance`);

// Any folder with config.json, model.safetensors and tokenizer.json opens like this.
const model = await loadLanguageModel(folder(place));
let text = "The ";
for await (const piece of model.generate(text, { tokens: 60, temperature: 0.5, topK: 20 })) text += piece;
console.log(text);
await rm(place, { recursive: true });
