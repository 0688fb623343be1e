/** Rows of products: matrices, convolutions, pooling. */
import { NotApplicable, type Row, type Scope, type Sketch, type Value } from "../scope.ts";

const matmul: Row = (scope) => {
  const { draw } = scope;
  const a = scope.float(2);
  const [transA, transB] = [draw.chance(0.3), draw.chance(0.3)];
  const inner = a.shape.at(transA ? -2 : -1) ?? 1;
  const fits = ({ kind, shape }: Value) =>
    kind === "F" &&
    shape.length >= 2 &&
    shape.at(transB ? -1 : -2) === inner &&
    (shape.length === 2 || shape.length === a.shape.length) &&
    shape.slice(0, -2).every((n, i) => n === a.shape[i] || n === 1);
  const columns = draw.whole(1, 4);
  const batch = draw.chance(0.4) ? scope.partnerShape(a.shape.slice(0, -2)) : [];
  const b = scope.pick(fits, () => scope.leaf([...batch, ...(transB ? [columns, inner] : [inner, columns])]));
  return {
    inputs: [a, b],
    ts: `$0.matmul($1, { transA: ${transA}, transB: ${transB} })`,
    py: `torch.matmul(${transA ? "$0.mT" : "$0"}, ${transB ? "$1.mT" : "$1"})`,
  };
};

/** x Wᵀ + b or x W + b. */
const layer =
  (name: "linear" | "affine"): Row =>
  (scope) => {
    const x = scope.float(1);
    const [width, out] = [x.shape.at(-1) ?? 1, scope.draw.whole(1, 4)];
    const weight = scope.leaf(name === "linear" ? [out, width] : [width, out]);
    const bias = scope.draw.chance(0.6) ? [scope.leaf([out])] : [];
    const product = `torch.matmul($0, ${name === "linear" ? "$1.mT" : "$1"})`;
    return {
      inputs: [x, weight, ...bias],
      ts: `$0.${name}(${bias.length ? "$1, $2" : "$1"})`,
      py: bias.length ? `${product} + $2` : product,
    };
  };

/** [N, C, L..] with one or two places. */
const image = (scope: Scope): Value =>
  scope.pick(
    ({ kind, shape }) => kind === "F" && (shape.length === 3 || shape.length === 4) && shape.every((n) => n > 0),
    () => {
      const places = scope.draw.chance(0.5)
        ? [scope.draw.whole(1, 6)]
        : [scope.draw.whole(1, 5), scope.draw.whole(1, 5)];
      return scope.leaf([scope.draw.whole(1, 2), scope.draw.whole(1, 4), ...places]);
    },
  );

function windowOf({ draw }: Scope, x: Value) {
  const places = x.shape.slice(2);
  const [channels = 1] = x.shape.slice(1);
  const padding = places.map(() => draw.whole(0, 2));
  const kernel = places.map((size, i) => draw.whole(1, Math.min(3, size + 2 * (padding[i] ?? 0))));
  const dilation = places.map((size, i) => {
    const most = kernel[i] === 1 ? 2 : Math.floor((size + 2 * (padding[i] ?? 0) - 1) / ((kernel[i] ?? 1) - 1));
    return draw.whole(1, Math.max(1, Math.min(2, most)));
  });
  const groups = draw.chance(0.3) && channels % 2 === 0 ? 2 : draw.chance(0.15) ? channels : 1;
  return {
    places: places.length,
    channels,
    kernel,
    padding,
    dilation,
    stride: places.map(() => draw.whole(1, 3)),
    groups,
  };
}

const spelled = (fields: Record<string, readonly number[] | number>): string =>
  `{ ${Object.entries(fields)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join(", ")} }`;

const conv: Row = (scope) => {
  const x = image(scope);
  const { places, channels, kernel, ...window } = windowOf(scope, x);
  const { stride, padding, dilation, groups } = window;
  const w = scope.leaf([groups * scope.draw.whole(1, 2), channels / groups, ...kernel]);
  return {
    inputs: [x, w],
    ts: `$0.conv($1, ${spelled({ stride, padding, dilation, groups })})`,
    py: `F_nn.conv${places}d($0, $1, None, [${stride}], [${padding}], [${dilation}], ${groups})`,
  };
};

const convTranspose: Row = (scope) => {
  const x = image(scope);
  const { places, channels, kernel, stride, padding, dilation, groups } = windowOf(scope, x);
  const outputPadding = stride.map((step) => scope.draw.below(step));
  const w = scope.leaf([channels, scope.draw.whole(1, 2), ...kernel]);
  return {
    inputs: [x, w],
    ts: `$0.convTranspose($1, ${spelled({ stride, padding, dilation, groups, outputPadding })})`,
    py: `F_nn.conv_transpose${places}d($0, $1, None, [${stride}], [${padding}], [${outputPadding}], ${groups}, [${dilation}])`,
  };
};

function pool(scope: Scope): { x: Value; fields: string; arguments: string; places: number } {
  const even = () => 2 * scope.draw.whole(1, 3);
  const x = scope.draw.chance(0.5) ? scope.leaf([1, scope.draw.whole(1, 2), even(), even()]) : image(scope);
  const places = x.shape.slice(2);
  const apart = scope.draw.chance(0.5); // windows side by side, as most pools have them
  const halves = apart && places.every((size) => size % 2 === 0);
  const kernel = places.map((size) => (halves ? 2 : scope.draw.whole(1, Math.min(3, size))));
  const padding = kernel.map((k) => (apart ? 0 : scope.draw.whole(0, Math.floor(k / 2))));
  const stride = apart ? kernel : kernel.map(() => scope.draw.whole(1, 3));
  return {
    x,
    fields: spelled({ kernel, stride, padding }),
    arguments: `[${kernel}], [${stride}], [${padding}]`,
    places: places.length,
  };
}

const averagePool: Row = (scope) => {
  const { x, fields, arguments: rest, places } = pool(scope);
  return { inputs: [x], ts: `$0.averagePool(${fields})`, py: `F_nn.avg_pool${places}d($0, ${rest})` };
};

const maxPool: Row = (scope): Sketch => {
  if (scope.shared.special) throw new NotApplicable(); // where NaN goes is no convention
  const { x, fields, arguments: rest } = pool(scope);
  return { inputs: [x], ts: `$0.maxPool(${fields})`, py: `max_pool($0, ${rest})`, rounds: false };
};

const unpool: Row = (scope): Sketch => {
  if (scope.shared.special) throw new NotApplicable();
  const [N, C, H, W] = Array.from({ length: 4 }, () => scope.draw.whole(1, 3)) as [number, number, number, number];
  const [x, g] = [scope.leaf([N, C, 2 * H, 2 * W]), scope.leaf([N, C, H, W])];
  return {
    inputs: [x, g],
    ts: "unpool($0, $0.maxPool({ kernel: [2, 2] })[0], $1)",
    py: "F_nn.max_unpool2d($1, F_nn.max_pool2d($0, 2, return_indices=True)[1], 2)",
    rounds: false,
  };
};

export const products = {
  matmul,
  linear: layer("linear"),
  affine: layer("affine"),
  conv,
  convTranspose,
  averagePool,
  maxPool,
  unpool,
} satisfies Record<string, Row>;
