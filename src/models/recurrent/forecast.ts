/**
 * Recurrent forecasts by segments (Lin et al. 2023, SegRNN, arXiv 2308.11200): a window becomes a few segments, one step
 * of the recurrence reads one segment, and one step gives one segment of the forecast.
 *
 *   x' = x - x_W                          the last value of the window, added to the forecast again
 *   e_i = relu(W_s x'[segment i] + b_s)   h_n, the state after all segments
 *   parallel:   h'_j = step(h_n, p_j + c)         p_j the place of segment j in the forecast, c the channel
 *   recurrent:  h'_1 = h_n, h'_j = step(h'_j-1, relu(W_s y_j-1 + b_s))
 *   y_j = W_d drop(h'_j) + b_d
 *   low = y - softplus(a), high = y + softplus(b)   where intervals are asked for
 *
 * Channels are rows of the batch, which share all weights, unless `channel_independence` is false.
 *
 * B batch · W window · H horizon · C channels · G groups, C or 1 · S segment · n, m segments of window and horizon
 */
import { ConfigError } from "../../errors.ts";
import { Dropout, Linear, normalInit } from "../../nn/index.ts";
import { type Dim, parameter, type Tensor } from "../../tensor/index.ts";
import { guarded } from "../guarded.ts";
import type { ForecastModel } from "../heads.ts";
import { channelCount, forecastSizes } from "../sizes.ts";
import type { Layers, Recurrence } from "./body.ts";
import { type RecurrentConfig, stateWidth } from "./config.ts";

const LONGEST_SEGMENT = 48;

/** The longest divisor of the window that leaves two segments and is not above 48. */
function defaultSegment(window: number): number {
  for (let segment = Math.min(LONGEST_SEGMENT, Math.floor(window / 2)); segment > 1; segment--)
    if (window % segment === 0) return segment;
  return 1;
}

/** What a configuration means. Throws ConfigError where it cannot be. */
function planOf(config: RecurrentConfig) {
  const { window: W, horizon: H } = forecastSizes(config);
  const { segment: S = defaultSegment(W), decoding = "parallel", channel_independence = true, bidirectional } = config;
  if (W % S !== 0)
    throw new ConfigError(
      `config: segment: expected a divisor of the window of ${W}, got ${S}; take ${defaultSegment(W)}`,
    );
  if (bidirectional) throw new ConfigError("config: bidirectional: a forecast reads forward in time; leave it out");
  const C = channelCount(config);
  const m = Math.ceil(H / S);
  const G = channel_independence ? C : 1;
  return { W, H, C, S, m, G, decoding, width: C / G, length: decoding === "recurrent" ? S : Math.ceil(H / m) };
}

/** What is taken off a window [B, W, C], as a function that puts it on again. */
function normalised(
  values: Tensor,
  how: RecurrentConfig["normalisation"] = "last",
): [Tensor, (scaled: Tensor) => Tensor] {
  if (how === "none") return [values, (scaled) => scaled];
  if (how === "last") {
    const last = values.slice(1, -1);
    return [values.sub(last), (scaled) => scaled.add(last)];
  }
  const mean = values.mean(1, true);
  const deviation = values.variance(1, true).add(1e-5).sqrt();
  return [values.sub(mean).div(deviation), (scaled) => scaled.mul(deviation).add(mean)];
}

/** Every tensor of a state [L, N, H], each row `count` times in a row: [L, N·count, H]. */
function repeated<S>({ toRecord, fromRecord }: Recurrence<S>, state: S, count: number): S {
  const each = (h: Tensor) =>
    h
      .unsqueeze(2)
      .expand([h.dim(0), h.dim(1), count, h.dim(2)])
      .rearrange("l n m h -> l (n m) h");
  return fromRecord(Object.fromEntries(Object.entries(toRecord(state)).map(([name, h]) => [name, each(h)])));
}

type Plan = ReturnType<typeof planOf>;

/** From what was read to all segments of the forecast, [B·G, m, ..], and the parts that this takes. */
interface Decoding<S> {
  readonly parts: Readonly<Record<string, Tensor>>;
  decode(batch: Dim, hs: Tensor, state: S): Tensor;
}

/** What all decoders are made of. */
interface Making<S> {
  readonly recurrence: Recurrence<S>;
  readonly layers: Layers<S>;
  /** Segments of values -> inputs of the layers. */
  readonly embedded: (segments: Tensor) => Tensor;
  /** Hidden states -> segments of the forecast. */
  readonly readOut: (hs: Tensor) => Tensor;
}

/** All segments at once, told apart by where they stand. */
function parallel<S>({ recurrence, layers, readOut }: Making<S>, { G, m }: Plan, I: number): Decoding<S> {
  const positions = parameter([m, I], normalInit(1));
  const channels = G > 1 ? parameter([G, I], normalInit(1)) : undefined;
  return {
    parts: { positions, ...(channels && { channels }) },
    decode(batch, _, state) {
      const places = channels ? positions.add(channels.unsqueeze(1)) : positions.unsqueeze(0); // [G, m, I]
      const queries = places.unsqueeze(0).expand([batch, G, m, I]).rearrange("b g m i -> (b g m) i");
      const [hs] = layers(queries.unsqueeze(1), { state: repeated(recurrence, state, m) });
      return readOut(hs).rearrange("(n m) a o -> n m (a o)", { m });
    },
  };
}

/** One segment after the other, each read to give the next. */
function oneByOne<S>({ layers, embedded, readOut }: Making<S>, { m, S, width }: Plan): Decoding<S> {
  return {
    parts: {},
    decode(_, hs, last) {
      const first = readOut(hs.slice(1, -1));
      const more: Tensor[] = [];
      let [segment, state] = [first, last];
      while (more.length < m - 1) {
        const [next, after] = layers(embedded(segment.slice(2, 0, S * width)), { state });
        [segment, state] = [readOut(next), after];
        more.push(segment);
      }
      return first.concat(more, 1);
    },
  };
}

/** Segments, layers, and a decoder of segments. */
export function forecast<S>(recurrence: Recurrence<S>, config: RecurrentConfig): ForecastModel {
  const plan = planOf(config);
  const { W, H, C, S, G, width, length } = plan;
  const { embedding_dim: I, dropout, normalisation, intervals = 0 } = config;
  const ends = intervals === 0 ? 1 : 3; // the forecast, and what lies between it and both ends of the interval
  const segments = Linear(S * width, I);
  const layers = recurrence.layers(I, config);
  const decoder = Linear(stateWidth(config), length * width * ends);
  const drop = Dropout(dropout);
  const making: Making<S> = {
    recurrence,
    layers,
    embedded: (xs) => segments(xs).relu(),
    readOut: (hs) => decoder(drop(hs)),
  };
  const { parts, decode } = plan.decoding === "parallel" ? parallel(making, plan, I) : oneByOne(making, plan);
  const unfolded = (ys: Tensor) => ys.rearrange("(b g) m (s w) -> b (m s) (g w)", { g: G, w: width }).slice(1, 0, H);
  return guarded<"values", ForecastModel>({
    parts: { segments, [recurrence.modelType]: layers, ...parts, decoder },
    inputs: { values: { shape: ["B", W, C], dtype: "f32" } },
    head: ["segments", ...Object.keys(parts), "decoder"],
    ...{ window: W, horizon: H, channels: C, intervals },
    forward({ values }) {
      const [xs, restored] = normalised(values, normalisation);
      const read = xs.rearrange("b (n s) (g w) -> (b g) n (s w)", { s: S, w: width });
      const [hs, state] = layers(making.embedded(read));
      const [middle, below, above] = decode(values.dim(0), hs, state).chunk(ends, 2).map(unfolded) as [
        Tensor,
        Tensor?,
        Tensor?,
      ];
      const centre = middle.stopGradient(); // what the ends learn leaves the forecast alone
      return {
        forecast: restored(middle),
        ...(below && { low: restored(centre.sub(below.softplus())) }),
        ...(above && { high: restored(centre.add(above.softplus())) }),
      };
    },
  });
}
