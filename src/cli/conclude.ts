/** What is said when a training ends: figures, a sample where there is one, and what can be done next. */
import type { Predictor } from "../tasks/index.ts";
import { TextGenerator } from "../tasks/language.ts";
import { scoreText } from "./display.ts";
import { bestText, clock, table } from "./format.ts";
import { emit, type IO, quote } from "./io.ts";
import { type Context, type Finished, type Prepared, resumeCommand } from "./prepared.ts";
import { openingPrompt, pieces, stream } from "./sample.ts";
import { dataFlags } from "./sources.ts";

/** Tokens in which the last word of a sample ends. */
const LONGEST_WORD = 40;
/** Characters of the sample. */
const SAMPLE = 300;

export function sayHowToGoOn(prepared: Prepared, { step }: Finished, { flags, io }: Context): void {
  if (flags.quiet) return;
  io.err(`stopped after step ${step}, which is saved; continue with:\n  ${resumeCommand(prepared, io)}\n`);
}

/** The figures, a sample of text, and the next commands. */
export async function conclude(prepared: Prepared, history: Finished, context: Context): Promise<void> {
  const { io, flags } = context;
  if (!flags.quiet) io.err(`${summary(prepared, history)}\n`);
  const predictor = await history.open();
  try {
    const prompt = predictor instanceof TextGenerator ? await sample(predictor, prepared, history, context) : undefined;
    if (!flags.quiet) io.err(`\n${nextCommands(prepared, history, prompt, io)}`);
    if (flags.json) emit(io, doneEvent(prepared, history));
  } finally {
    await predictor.release();
  }
}

/** Shows what the model says after the opening that its own text suggests, which is returned. */
async function sample(
  generator: TextGenerator & Predictor,
  { data }: Prepared,
  { step }: Finished,
  { io, flags, stop }: Context,
): Promise<string> {
  const prompt = openingPrompt(generator.tokenizer, data === "builtin" ? "The " : "\n");
  const options = { tokens: SAMPLE + LONGEST_WORD, temperature: 0.5, signal: stop.signal };
  const source = pieces(generator, prompt, options, SAMPLE);
  if (!flags.quiet) io.err("\n");
  if (!flags.json) await stream(prompt, source, io);
  else {
    let text = "";
    for await (const piece of source) text += piece;
    emit(io, { event: "sample", step, prompt, text });
  }
  return prompt;
}

const doneEvent = ({ where }: Prepared, history: Finished) => ({
  event: "done",
  step: history.step,
  trainLoss: history.losses.length ? history.trainLoss : null,
  scores: history.scores ?? null,
  best: history.best ?? null,
  parameters: history.parameters,
  seconds: history.seconds,
  run: where(),
});

function summary({ where, task }: Prepared, { step, losses, trainLoss, scores, best, seconds }: Finished): string {
  const last = losses.length > 1 ? `, mean of the last ${Math.min(100, losses.length)} steps` : "";
  const figures = [
    ...(losses.length ? [`loss ${trainLoss.toFixed(4)}${last}`] : []),
    ...(scores ? [`validation ${scoreText(scores)}`] : []),
    ...(best ? [`best ${task.best} ${bestText(best)}`] : []),
  ];
  return `${step} steps in ${clock(seconds)}: ${figures.join("; ")}; saved in ${where()}`;
}

function nextCommands(prepared: Prepared, { step }: Finished, prompt: string | undefined, io: IO): string {
  const { command } = io;
  const run = quote(prepared.where());
  const opening = prompt?.trim() ? ` --prompt ${quote(prompt)}` : "";
  const codes = prepared.task.codes?.sample ? [["sample", `${command} sample ${run}`] as const] : [];
  return table([
    ["continue", `${resumeCommand(prepared, io)} --steps ${step * 2}`],
    ...codes,
    prompt === undefined
      ? ["predict", `${command} predict ${run} ${prepared.task.reads === "files" ? "FILE" : "INPUT.txt"}`]
      : ["generate", `${command} generate ${run}${opening} --tokens 500`],
    ["evaluate", `${command} eval ${run} ${dataFlags(prepared.task)}`],
    ["export", `${command} export ${run} --to onnx`],
  ]);
}
