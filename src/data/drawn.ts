/** The data set `digits`, which is drawn when it is read: IDX images, and beside them labels and factors. */
import { type DrawnDigits, digitFactors, digitImages, digitLabels, drawnDigits } from "../digits/index.ts";
import { ConfigError, DataError } from "../errors.ts";
import type { Source } from "./source.ts";

/** The files of the set, as MNIST's are called. */
const FILES = {
  "digits-images-idx3-ubyte": digitImages,
  "digits-labels-idx1-ubyte": digitLabels,
  "digits-factors.csv": (digits: DrawnDigits) => new TextEncoder().encode(digitFactors(digits)),
} as const;

/** The text of a source that holds pictures. */
const noText = (name: string) => async (): Promise<string> => {
  throw new DataError(`data ${name}: expected text, got pictures; use a task of pictures, or name a text file`);
};

/** How many digits and of which seed `name` asks for; undefined where it asks for something else. Throws ConfigError. */
function asked(name: string): { count: number; seed: number } | undefined {
  const [set, count = "20000", seed = "0", ...more] = name.split(":");
  if (set !== "digits") return undefined;
  const numbers = [count, seed].map((text) => (/^\d{1,15}$/.test(text) ? Number(text) : -1));
  const [wanted = -1, ofSeed = -1] = numbers;
  if (more.length > 0 || wanted < 1 || wanted > 1_000_000 || ofSeed < 0)
    throw new ConfigError(
      `data ${name}: expected digits, digits:COUNT or digits:COUNT:SEED with a count from 1 to 1000000, got another; ` +
        "write digits:5000:1",
    );
  return { count: wanted, seed: ofSeed };
}

/** `digits`, `digits:5000` or `digits:5000:1` as a source; undefined where `name` is no set that is drawn. Throws ConfigError. */
export function drawnSource(name: string): Source | undefined {
  const wanted = asked(name);
  if (!wanted) return undefined;
  let drawn: DrawnDigits | undefined;
  const digits = (): DrawnDigits => {
    drawn ??= drawnDigits(wanted);
    return drawn;
  };
  const beside = (path: string): Source => {
    const file = files.find((one) => one.name === path);
    if (file) return file;
    throw new DataError(
      `data ${name}: expected one of ${Object.keys(FILES).join(", ")}, got ${path}; name one of these`,
    );
  };
  const files = Object.entries(FILES).map(([file, write]): Source => {
    const bytes = async () => write(digits());
    const text = file.endsWith(".csv") ? async () => digitFactors(digits()) : noText(name);
    return { name: file, format: file.endsWith(".csv") ? "csv" : "idx", text, bytes, beside };
  });
  return { name, format: "idx", text: noText(name), files: async () => files, beside };
}
