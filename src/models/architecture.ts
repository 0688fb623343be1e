/** An architecture: its configuration, its names in files, and the models that can be made of it. */
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { callable, checked, divide, isCallable, isRecord, isSchema, requireRecord, such } from "../schema.ts";
import type { Shape } from "../tensor/index.ts";
import type { Head, Heads } from "./heads.ts";

/** The values of a config.json. */
export type Config = Readonly<Record<string, unknown>>;

/** A parameter that is a part of a tensor in the file: so many rows of `axis`, from `start` on. */
export interface PartOf {
  readonly in: string;
  readonly axis: number;
  readonly start: number;
}
/** A parameter that stands in the file as several tensors, stacked along a new first axis. */
export interface MadeOf {
  readonly stack: readonly string[];
}

/** How a model's parameters are called in the files of others. */
export interface FileNames {
  /** Stands before every name in some files, except names that `bare` matches. */
  readonly prefix?: string;
  /** Names that never have the prefix. */
  readonly bare?: RegExp;
  /** Our path, and the parameter's shape -> their name, or where in their file it stands. */
  readonly place?: (path: string, shape: Shape) => string | PartOf | MadeOf;
  /** What a name in a file is called today, where older files have another. */
  readonly renamed?: (name: string) => string;
  /** Names of tensors that some files leave out -> that of the one which then stands for them. */
  readonly instead?: Readonly<Record<string, string>>;
  /** Names in files that hold no parameter. */
  readonly ignore?: RegExp;
}

/** One row of the registry. */
export interface Architecture {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** One line for help. */
  readonly about: string;
  readonly schema: z.ZodObject;
  readonly files: FileNames;
  readonly heads: { readonly [H in Head]?: (config: Config) => Heads[H] };
  /** Checks values and fills in defaults. Throws ConfigError naming the key, what it expects and what it got. */
  configure(values: Config): Config;
  /** More of a new model's configuration, from what follows from the data. */
  readonly derived?: (data: Config) => Config;
  /**
   * The configuration in a published config.json, whichever spelling it has. Foreign keys are passed over, but
   * ConfigError is thrown for those that would change the mathematics.
   */
  read(published: Config): Config;
}

/** What an architecture's file states. */
export interface Statement<S extends z.ZodObject> {
  readonly modelType: string;
  readonly about: string;
  /** Keys of config.json with bounds and defaults. */
  readonly config: S;
  /** Keys of other configurations that change the mathematics, with the one value that is meant here. */
  readonly fixed?: Config;
  /** What a config.json means where it leaves a key out, if that is not the default of a new model. */
  readonly published?: Config;
  /** Our key -> its value in a config.json that spells it differently; undefined where it does not. */
  readonly spellings?: Readonly<Record<string, (published: Config) => unknown>>;
  readonly files?: FileNames;
  /** Our keys that a new model has, from what follows from the data, if they are not those of other architectures. */
  readonly derived?: (data: Config) => Config;
  readonly heads: { readonly [H in Head]?: (config: z.output<S>) => Heads[H] };
}

/** `num_labels` of a configuration that only lists the labels, as transformers writes it. */
export const labelCount = ({ id2label }: Config): number | undefined =>
  typeof id2label === "object" && id2label !== null ? Object.keys(id2label).length : undefined;

function requireFixed(fixed: Config, published: Config, modelType: string): void {
  for (const [key, value] of Object.entries(fixed))
    if (Object.hasOwn(published, key) && published[key] !== value)
      throw new ConfigError(
        `config: ${key} ${JSON.stringify(published[key])?.slice(0, 80)} changes the mathematics, and ${modelType} here computes ${JSON.stringify(value)} only; use a checkpoint of that kind`,
      );
}

/** `published` with our keys where it spells them differently. Throws ConfigError where two spellings disagree. */
function respelled(published: Config, spellings: NonNullable<Statement<z.ZodObject>["spellings"]>): Config {
  const found: Record<string, unknown> = { ...published };
  for (const [key, spelling] of Object.entries(spellings)) {
    const value = spelling(published);
    if (value === undefined) continue;
    if (Object.hasOwn(published, key) && JSON.stringify(published[key]) !== JSON.stringify(value))
      throw new ConfigError(
        `config: ${key} is ${JSON.stringify(published[key])} and, spelled differently, ${JSON.stringify(value)}; remove one of them`,
      );
    found[key] = value;
  }
  return found;
}

/** A key that may be left out, has no default, and is never null itself: null means that it is left out. */
function mayBeAbsent(field: z.core.$ZodType | undefined): boolean {
  if (!(field instanceof z.ZodType) || field.safeParse(null).success) return false;
  const { success, data } = field.safeParse(undefined);
  return success && data === undefined;
}

const withoutNulls = (schema: z.ZodObject, values: Config): Config =>
  Object.fromEntries(
    Object.entries(values).filter(([key, value]) => value !== null || !mayBeAbsent(schema.shape[key])),
  );

const named = (what: string) => such(`${what} by name`, isRecord);
const byName = such("functions by name", (value) => isRecord(value) && Object.values(value).every(isCallable));
const described = { modelType: z.string().min(1), about: z.string(), heads: byName };

const statements = z.strictObject({
  ...described,
  config: such("a zod object", isSchema),
  fixed: named("values").optional(),
  published: named("values").optional(),
  spellings: byName.optional(),
  files: named("names in files").optional(),
  derived: callable("what follows from the data").optional(),
});
const rows = z.object({
  ...described,
  schema: such("a zod object", isSchema),
  files: named("names in files"),
  configure: callable("a configuration"),
  read: callable("a published configuration"),
});

/** Throws ConfigError where `given` is no row of the registry. */
export const requireArchitecture = (given: Architecture): void => void checked(rows, given, "addModel");

/** A row of the registry from what an architecture's file states. Throws ConfigError where it states something else. */
export function architecture<S extends z.ZodObject>(statement: Statement<S>): Architecture {
  checked(statements, statement, "architecture");
  const {
    modelType,
    about,
    config: schema,
    fixed = {},
    published: absent = {},
    spellings = {},
    files = {},
    derived,
    heads,
  } = statement;
  const configure = (values: Config): Config => checked(schema, values, `${modelType} config`);
  return {
    modelType,
    about,
    schema,
    files,
    ...(derived && { derived }),
    heads: heads as Architecture["heads"],
    configure,
    read(published) {
      requireRecord(published, `${modelType} config`);
      requireFixed(fixed, published, modelType);
      const [own] = divide(schema, respelled(published, spellings));
      return configure({ ...absent, ...withoutNulls(schema, own) });
    },
  };
}

/** The model of `architecture` with the head `head`. Throws ConfigError where it carries none. */
export function build<H extends Head>(architecture: Architecture, head: H, config: Config): Heads[H] {
  const make = architecture.heads[head] as ((config: Config) => Heads[H]) | undefined;
  if (make) return make(config);
  throw new ConfigError(
    `model: ${architecture.modelType} has no head "${head}", only ${Object.keys(architecture.heads).join(" and ")}; choose another model`,
  );
}
