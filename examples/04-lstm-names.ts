/** An LSTM reads made-up names letter by letter and generates new ones of the same kind. */
import { stream, train } from "descent-ml";

// The language of the names: one to three open syllables, then a closing one.
const syllables = ["ka", "mo", "ri", "ta", "ve", "lu", "si", "no", "ba", "de"];
const endings = ["ran", "lia", "mir", "don", "na", "vik"];

/** Name number `i`: always the same one. */
function name(i: number): string {
  const [count = 0, end = 0, ...rest] = stream(1, i, "name").integers(5, 60);
  const start = rest.slice(count % 3).map((k) => syllables[k % 10]);
  const text = [...start, endings[end % 6]].join("");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
const names = Array.from({ length: 1000 }, (_, i) => name(i));
console.log(`${names.length} names, such as ${names.slice(0, 4).join(", ")}`);

const training = train("lstm", {
  task: "language",
  data: { name: "names", text: names.join("\n") },
  config: { embedding_dim: 16, hidden_size: 64 },
  steps: 300,
  batch: 16,
  context: 32,
  lr: 0.01,
});
for await (const event of training)
  if (event.event === "evaluate") console.log(`step ${event.step}  validation loss ${event.scores.loss?.toFixed(3)}`);
const model = await (await training).open();

// A name begins after a line feed. The last one may be cut off, so it is dropped.
let text = "";
for await (const piece of model.generate("\n", { tokens: 120, temperature: 0.9, seed: 3 })) text += piece;
const generated = text.split("\n").slice(0, -1);
const kind = new RegExp(`^(${syllables.join("|")}){1,3}(${endings.join("|")})$`, "i");
console.log(`generated: ${generated.join(", ")}`);
console.log(`well formed: ${generated.filter((word) => kind.test(word)).length} of ${generated.length}`);
console.log(`new: ${generated.filter((word) => !names.includes(word)).length}`);
