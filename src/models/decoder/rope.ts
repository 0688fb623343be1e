/**
 * Rotary positions as published decoders have them: the angle of each pair for a step of 1, stretched for texts longer than
 * those that were trained on.
 * Reference: `modeling_rope_utils.py` of transformers, which says where each kind is from.
 *
 * T places · R turned width of a head · f factor · M positions of the configuration, O of them trained on first
 */
import { z } from "zod";
import { ConfigError } from "../../errors.ts";
import { type Turn, turnsAt } from "../../nn/index.ts";
import { type Tensor, tensor } from "../../tensor/index.ts";

const above = (least: number) => z.number().gt(least).max(1e9);
const original = above(0).nullish();
const factors = z.array(above(0));

const kinds = {
  linear: z.looseObject({ factor: above(0) }),
  dynamic: z.looseObject({ factor: above(0) }),
  yarn: z.looseObject({
    factor: above(0).nullish(),
    original_max_position_embeddings: original,
    attention_factor: above(0).nullish(),
    beta_fast: above(0).nullish(),
    beta_slow: above(0).nullish(),
    mscale: z.number().nullish(),
    mscale_all_dim: z.number().nullish(),
    truncate: z.boolean().nullish(),
  }),
  llama3: z.looseObject({
    factor: above(0),
    low_freq_factor: above(0),
    high_freq_factor: above(0),
    original_max_position_embeddings: original,
  }),
  longrope: z.looseObject({
    short_factor: factors,
    long_factor: factors,
    factor: above(0).nullish(),
    attention_factor: above(0).nullish(),
    original_max_position_embeddings: original,
  }),
} as const;
type Kind = keyof typeof kinds;
type Scaling<K extends Kind> = z.output<(typeof kinds)[K]>;

/** `rope_scaling` of a config.json: `rope_type`, or `type` in older files, and the numbers of that kind. */
export type RopeScaling = Readonly<Record<string, unknown>>;

/** Names that older files have for kinds. */
const FORMER: Readonly<Record<string, string>> = { su: "longrope" };

/** The kind of a scaling, as it is called today. */
export function kindOf(scaling: RopeScaling | null | undefined): string {
  const kind = String(scaling?.rope_type ?? scaling?.type ?? "default");
  return FORMER[kind] ?? kind;
}

/** Whether `value` is a scaling that is known here, with all numbers that it needs. */
export const isRopeScaling = (value: unknown): boolean => {
  const kind = kindOf(value as RopeScaling);
  return kind === "default" || (Object.hasOwn(kinds, kind) && kinds[kind as Kind].safeParse(value).success);
};

/** What all of them need. */
export interface Rope {
  readonly theta: number;
  readonly scaling: RopeScaling | null;
  /** R. */
  readonly width: number;
  /** M. */
  readonly positions: number;
  /** O, where the configuration says so beside the scaling. */
  readonly original?: number | undefined;
}

/** Tokens that are seen together: more than the configuration says only where the base grows with the text. */
export function contextOf(positions: number, scaling: RopeScaling | null): number {
  return kindOf(scaling) === "dynamic" ? Math.floor(positions * Number(scaling?.factor)) : positions;
}

/** O: positions that were trained on first. */
export const originalOf = ({ original, scaling, positions }: Rope): number =>
  original ?? Number(scaling?.original_max_position_embeddings ?? positions);

/** Whether angles depend on how long the text is. */
export const seesLength = ({ scaling }: Rope): boolean => ["dynamic", "longrope"].includes(kindOf(scaling));

/** Angles of all pairs, which may depend on the length of the text [B], and a factor of what is turned. */
interface Speeds {
  readonly of: (length: Tensor) => Tensor;
  readonly factor: number;
}

const plain = ({ theta, width: R }: Rope): number[] => Array.from({ length: R / 2 }, (_, i) => theta ** ((-2 * i) / R));
const always = (speeds: readonly number[], factor = 1): Speeds => ({ of: () => tensor([...speeds]), factor });

/** All positions closer together. Chen et al. 2023, arXiv 2306.15595. */
const linear = (rope: Rope, { factor }: Scaling<"linear">): Speeds =>
  always(plain(rope).map((speed) => speed / factor));

/** A base that grows with the length L of the text: θ (f L/M - f + 1)^(R/(R - 2)). */
function dynamic({ theta, width: R, positions: M }: Rope, { factor: f }: Scaling<"dynamic">): Speeds {
  if (R < 4) throw new ConfigError(`rope_scaling: dynamic needs heads of a width above 2, got ${R}; use wider heads`);
  const powers = tensor(Array.from({ length: R / 2 }, (_, i) => (-2 * i) / R));
  return {
    factor: 1,
    of(length) {
      const stretched = length
        .cast("f32")
        .maximum(M)
        .mul(f / M)
        .sub(f - 1); //                 [B]
      const base = stretched
        .log()
        .mul(R / (R - 2))
        .add(Math.log(theta));
      return base.unsqueeze(-1).mul(powers).exp(); //                                           [B, R/2]
    },
  };
}

/** Slow pairs closer together, fast ones as they were, a ramp between. Peng et al. 2023, arXiv 2309.00071. */
function yarn(rope: Rope, given: Scaling<"yarn">): Speeds {
  const { theta, width: R, positions } = rope;
  const O = originalOf(rope);
  const f = given.factor ?? positions / O;
  const pairTurning = (turns: number) => (R * Math.log(O / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [first, last] = [pairTurning(given.beta_fast || 32), pairTurning(given.beta_slow || 1)];
  const whole = given.truncate ?? true;
  const low = Math.max(whole ? Math.floor(first) : first, 0);
  const high = Math.min(whole ? Math.ceil(last) : last, R - 1);
  const width = high === low ? 0.001 : high - low;
  const speeds = plain(rope).map((speed, i) => {
    const slow = Math.min(1, Math.max(0, (i - low) / width));
    return (speed / f) * slow + speed * (1 - slow);
  });
  return always(speeds, given.attention_factor ?? yarnFactor(f, given));
}

function yarnFactor(f: number, { mscale, mscale_all_dim }: Scaling<"yarn">): number {
  const scale = (by: number) => (f <= 1 ? 1 : 0.1 * by * Math.log(f) + 1);
  return mscale && mscale_all_dim ? scale(mscale) / scale(mscale_all_dim) : scale(1);
}

/** By the length of a turn: short ones stay, those longer than the text that was trained on are stretched. Llama 3.1. */
function llama3(rope: Rope, given: Scaling<"llama3">): Speeds {
  const { factor, low_freq_factor: low, high_freq_factor: high } = given;
  const O = originalOf(rope);
  const speeds = plain(rope).map((speed) => {
    const turns = (O * speed) / (2 * Math.PI);
    if (turns > high) return speed;
    if (turns < low) return speed / factor;
    const smooth = (turns - low) / (high - low);
    return ((1 - smooth) * speed) / factor + smooth * speed;
  });
  return always(speeds);
}

/** A factor for each pair, another set of them for texts longer than O. Ding et al. 2024, arXiv 2402.13753. */
function longrope(rope: Rope, given: Scaling<"longrope">): Speeds {
  const { width: R, positions } = rope;
  const O = originalOf(rope);
  const f = given.factor ?? positions / O;
  const [short, long] = [given.short_factor, given.long_factor].map((by) => {
    if (by.length !== R / 2)
      throw new ConfigError(`rope_scaling: expected ${R / 2} factors, one for each pair of a head, got ${by.length}`);
    return tensor(plain(rope).map((speed, i) => speed / (by[i] ?? 1)));
  }) as [Tensor, Tensor];
  const factor = given.attention_factor ?? (f <= 1 ? 1 : Math.sqrt(1 + Math.log(f) / Math.log(O)));
  return { factor, of: (length) => length.greater(O).unsqueeze(-1).where(long, short) };
}

const makers: { readonly [K in Kind]: (rope: Rope, given: Scaling<K>) => Speeds } = {
  linear,
  dynamic,
  yarn,
  llama3,
  longrope,
};

function speedsOf(rope: Rope): Speeds {
  const kind = kindOf(rope.scaling);
  if (kind === "default") return always(plain(rope));
  const make = makers[kind as Kind] as (rope: Rope, given: unknown) => Speeds;
  return make(rope, kinds[kind as Kind].parse(rope.scaling));
}

/** Turns of the places [T], or [B, T] of each row, in texts of the given lengths, [] or [B]; they meet heads [B, H, T, D]. */
export function ropeTurns(rope: Rope, positions: Tensor, length: Tensor): Turn {
  if (rope.width % 2 !== 0)
    throw new ConfigError(
      `config: rotary positions need heads of an even width, got ${rope.width}; choose other sizes`,
    );
  const { of, factor } = speedsOf(rope);
  const [speeds, byRow] = [of(length), positions.rank === 2];
  const shared = speeds.rank === 1 ? speeds : speeds.unsqueeze(1).unsqueeze(1); // [R/2] or [B, 1, 1, R/2]
  const { cos, sin } = turnsAt(byRow ? positions.unsqueeze(1) : positions, shared); // [.., T, R/2]
  return factor === 1 ? { cos, sin } : { cos: cos.mul(factor), sin: sin.mul(factor) };
}
