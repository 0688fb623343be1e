/** Random programs. Descent's own shape rules say what each call gives; reference.py is asked whether they are right. */
import { Draw } from "./draw.ts";
import { type Call, namesIn, type Program, pruned, readsOf } from "./program.ts";
import { control } from "./rows/control.ts";
import { elementwise } from "./rows/elementwise.ts";
import { indexing } from "./rows/indexing.ts";
import { movement } from "./rows/movement.ts";
import { products } from "./rows/products.ts";
import { reduce } from "./rows/reduce.ts";
import { NotApplicable, Refused, type Row, Scope, type Shared } from "./scope.ts";

/** Families, and how often each is drawn from. */
const families: readonly (readonly [weight: number, rows: Readonly<Record<string, Row>>])[] = [
  [5, elementwise],
  [3, reduce],
  [4, movement],
  [2, indexing],
  [2, products],
  [1.4, control(fill)],
];
const total = families.reduce((sum, [weight]) => sum + weight, 0);

export const rowNames: readonly string[] = families.flatMap(([, rows]) => Object.keys(rows));

/** Rows that ONNX Runtime has no float64 kernel for. */
const single = new Set(["conv", "convTranspose", "averagePool", "maxPool", "unpool", "erf", "gelu", "geluTanh"]);

function drawRow(draw: Draw): readonly [string, Row] {
  let rest = draw.uniform() * total;
  for (const [weight, rows] of families) {
    rest -= weight;
    if (rest < 0) return draw.any(Object.entries(rows)) ?? ["add", elementwise.add];
  }
  return ["add", elementwise.add];
}

/** Whether a body does without a call: one that is refused ends a program, so it is drawn outside bodies only. */
const passesOver = (error: unknown, { depth }: Scope): boolean =>
  error instanceof NotApplicable || (error instanceof Refused && depth > 0);

/** Adds `count` calls to the scope; rows that find nothing to work on are passed over. */
function fill(scope: Scope, count: number): void {
  for (let left = count, tries = 0; left > 0 && tries < 10 * count; tries++) {
    const [name, row] = drawRow(scope.draw);
    if (single.has(name) && !scope.shared.single) continue;
    try {
      scope.apply(name, row(scope));
      left--;
    } catch (error) {
      if (!passesOver(error, scope)) throw error;
    }
  }
}

/** The values that no call reads, of which the last ones are compared. */
function ends(calls: readonly Call[], most: number): string[] {
  const read = new Set(calls.flatMap(readsOf));
  return calls.flatMap(({ outputs }) => namesIn(outputs).filter((name) => !read.has(name))).slice(-most);
}

/** Program `index` of a seed: 3 to 15 operations, or fewer where Descent refuses one, which is then the last. */
export function generate(seed: number, index: number): Program {
  const draw = new Draw(seed, index);
  const special = draw.chance(0.05);
  const shared: Shared = { draw, leaves: [], environment: new Map(), special, single: draw.chance(0.35), count: 0 };
  const scope = new Scope(shared);
  const order = special || draw.chance(0.1) ? 0 : draw.chance(0.35) ? 1 : 2;
  let refused: Call | undefined;
  try {
    fill(scope, draw.whole(3, 15));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refused = error.call;
  }
  const calls = refused ? [...scope.calls, refused] : scope.calls;
  const results = refused ? namesIn(refused.outputs) : ends(calls, 3);
  return pruned({ leaves: shared.leaves, calls, results, order });
}
