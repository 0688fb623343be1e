/** Plain JavaScript: optimizers and schedules, whose numbers would otherwise go on into every weight. */
import { adam, adamW, constantRate, cosineDecay, linearDecay, sgd, warmUp } from "../../src/optim/index.ts";
import { input, scalar } from "../../src/tensor/index.ts";
import { also, type Call, each, refuseJunk } from "../support/junk.ts";

const p = input("p", [2, 3]);
const rate = ["1.5", "0", "2 ** 40"];
const range = { from: also(1, "nothing", ...rate), to: also(5, ...rate), least: also(0, "nothing", ...rate) };
const plain = { from: 1, to: 5, least: 0 };
const betas = also([0.9, 0.99], "nothing");
const number = (value: number) => also(value, "nothing", "1.5", "0");
const slots = { gradients: p, squares: p };
const scalars = { rate: scalar(1), offset: scalar(1), keep: scalar(1) };

const calls: readonly Call[] = [
  ["constantRate", constantRate, also(0.1, ...rate)],
  ["a rate", constantRate(0.1), also(1, ...rate)],
  ["linearDecay", linearDecay, also(0.1, ...rate), plain],
  ...each("linearDecay", (options) => linearDecay(0.1, options), range),
  ["a falling rate", linearDecay(0.1, plain), also(1, ...rate)],
  ["cosineDecay", cosineDecay, also(0.1, ...rate), plain],
  ...each("cosineDecay", (options) => cosineDecay(0.1, options), range),
  ["warmUp", warmUp, also(3, ...rate), also(constantRate(1), "a function")],
  ["a rising rate", warmUp(3, constantRate(1)), also(1, ...rate)],
  ["warmUp of a schedule", (after: never) => warmUp(3, after)(1), also(constantRate(1), "a function")],
  ["sgd", sgd, also({}, "nothing", "an object without a prototype")],
  ...each("sgd", sgd, {
    momentum: also(0.9, "nothing", "0"),
    nesterov: also(false, "nothing", "true"),
    weightDecay: number(0),
  }),
  ["adam", adam, also({}, "nothing", "an object without a prototype")],
  ...each("adam", adam, { betas, epsilon: number(1e-8), weightDecay: number(0) }),
  ["adamW", adamW, also({}, "nothing", "an object without a prototype")],
  ...each("adamW", adamW, { betas, epsilon: number(1e-8), weightDecay: number(0) }),
  ["Optimizer.scalars", adam().scalars, also(1, "2 ** 40"), also(0.1, ...rate)],
  ["Optimizer.update", adam().update, p, p, slots, scalars, also(false, "true")],
  [
    "Optimizer.update of sgd",
    sgd({ momentum: 0.9 }).update,
    p,
    p,
    { momentum: p },
    { lr: scalar(1) },
    also(true, "true"),
  ],
];

refuseJunk(calls);
