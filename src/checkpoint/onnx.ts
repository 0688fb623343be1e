/** Recurrent layers of an ONNX model: nodes RNN, LSTM and GRU whose weights are constants of the file. */
import { z } from "zod";
import { CheckpointError, ConfigError, quoted, shown } from "../errors.ts";
import { type DecodedGraph, type DecodedNode, type DecodedTensor, decodeModel } from "../onnx/index.ts";
import type { HostTensor } from "../runtime/index.ts";
import { checked, isRecord, such, whole } from "../schema.ts";
import { fromOnnx, type RecurrentKind } from "./gate-orders.ts";
import { type Conversion, type ImportedLayer, ImportedLayers } from "./imported.ts";
import { fromStored } from "./parameters.ts";
import type { StoredDType } from "./safetensors.ts";

/** TensorProto.DataType of floating point, with bytes of one number. */
const TYPES: Readonly<Record<number, readonly [StoredDType, number]>> = {
  1: ["F32", 4],
  10: ["F16", 2],
  11: ["F64", 8],
  16: ["BF16", 2],
};

const isRecurrent = (op: string): op is RecurrentKind => op === "RNN" || op === "LSTM" || op === "GRU";

/** Places of inputs among those of a node. */
const INPUTS = { W: 1, R: 2, B: 3, P: 7 } as const;

function hostTensor(role: string, name: string, { type, shape, data, isExternal }: DecodedTensor): HostTensor {
  const what = `readOnnx: ${role} ${quoted(name)}`;
  if (isExternal)
    throw new CheckpointError(
      `${what}: its numbers are in another file; save the model with them, external_data=False`,
    );
  const [dtype, bytes] = TYPES[type] ?? [];
  const count = shape.reduce((product, size) => product * size, 1);
  if (!dtype || !bytes || data?.length !== count * bytes)
    throw new CheckpointError(
      `${what}: expected ${count} floating point numbers, got ${data?.length ?? 0} bytes of type ${type}; the file is damaged or keeps them otherwise`,
    );
  return fromStored(name, { dtype, shape, data });
}

/** The constants of a graph by name: initializers, nodes that hold one, and other names of them. */
function constantsOf({ nodes, initializers }: DecodedGraph): (name: string) => DecodedTensor | undefined {
  const constants = new Map(initializers);
  for (const { op, inputs, outputs, attributes } of nodes) {
    const { value } = attributes;
    const found = op === "Identity" ? constants.get(inputs[0] ?? "") : isRecord(value) ? value : undefined;
    if ((op === "Constant" || op === "Identity") && found) constants.set(outputs[0] ?? "", found as DecodedTensor);
  }
  return (name) => constants.get(name);
}

/** Numbers by the constant that holds them, so that those of several nodes are read once. */
type Known = Map<DecodedTensor, HostTensor>;

function weightsOf(
  node: DecodedNode,
  constant: (name: string) => DecodedTensor | undefined,
  known: Known,
): Record<string, HostTensor> {
  const weights: Record<string, HostTensor> = {};
  for (const [role, place] of Object.entries(INPUTS)) {
    const name = node.inputs[place];
    if (!name) continue;
    const found = constant(name);
    if (!found)
      throw new CheckpointError(
        `readOnnx: expected ${role} of ${quoted(node.name || node.op)} to be a constant, got the result ${quoted(name)} of a node; export with constant folding`,
      );
    const value = known.get(found) ?? hostTensor(role, name, found);
    known.set(found, value);
    weights[role] = value;
  }
  return weights;
}

const DEFAULTS: Readonly<Record<RecurrentKind, readonly string[]>> = {
  RNN: ["Tanh"],
  LSTM: ["Sigmoid", "Tanh", "Tanh"],
  GRU: ["Sigmoid", "Tanh"],
};

const none = (expected: string) => such<undefined>(expected, (value) => value === undefined || value === 0).optional();

const ATTRIBUTES = z.object({
  hidden_size: whole(1, 2 ** 24).optional(),
  direction: z.enum(["forward", "bidirectional"]).default("forward"),
  activations: such<readonly string[]>("a list of names", Array.isArray).optional(),
  activation_alpha: such<readonly number[]>("a list of numbers", Array.isArray).optional(),
  activation_beta: such<readonly number[]>("a list of numbers", Array.isArray).optional(),
  clip: none("nothing, as no layer here clips"),
  input_forget: none("0, as no layer here couples the two gates"),
  linear_before_reset: whole(0, 1).default(0),
});
type Attributes = z.output<typeof ATTRIBUTES>;

/** What the activations of each direction say: an option here, the default, or an error. */
function activationOptions(
  kind: RecurrentKind,
  attributes: Attributes,
  what: string,
): Readonly<Record<string, string>> {
  const { activations = DEFAULTS[kind], activation_alpha: alphas = [], activation_beta: betas = [] } = attributes;
  const n = DEFAULTS[kind].length;
  const own = activations.slice(0, n);
  const spelled = own.join(" ");
  const isSame = activations.every((name, i) => name === own[i % n]);
  if (isSame && spelled === DEFAULTS[kind].join(" ")) return {};
  if (isSame && kind === "RNN" && spelled === "Relu") return { nonlinearity: "relu" };
  const isHard = spelled === DEFAULTS[kind].join(" ").replace("Sigmoid", "HardSigmoid");
  const isUsual =
    alphas.every((alpha) => Math.abs(alpha - 0.2) < 1e-6) && betas.every((beta) => Math.abs(beta - 0.5) < 1e-6);
  if (isSame && kind !== "RNN" && isHard && isUsual) return { recurrentActivation: "hard-sigmoid" };
  throw new ConfigError(
    `${what}: activations: expected ${DEFAULTS[kind].join(", ")}${kind === "RNN" ? " or Relu" : " or HardSigmoid (0.2, 0.5) for the gates"}, got ${activations.slice(0, 6).map(shown).join(", ")}`,
  );
}

function convert({ kind, config, weights }: ImportedLayer, what: string): Conversion {
  if (!isRecurrent(kind)) throw new Error(`internal: an ONNX layer of kind ${kind}`);
  const attributes = checked(ATTRIBUTES, config, what);
  const values = fromOnnx(kind, weights);
  const [, , I = 0] = weights.W?.shape ?? [];
  const [D, , H = 0] = weights.R?.shape ?? [];
  if (attributes.hidden_size !== undefined && attributes.hidden_size !== H)
    throw new CheckpointError(`${what}: expected R with hidden_size ${attributes.hidden_size}, got ${H}`);
  if ((attributes.direction === "bidirectional") !== (D === 2))
    throw new CheckpointError(`${what}: it is ${attributes.direction}, but has weights of ${D} directions`);
  const options = {
    ...activationOptions(kind, attributes, what),
    ...(weights.B ? {} : { bias: false }),
    ...(D === 2 ? { bidirectional: true } : {}),
    ...(weights.P ? { peepholes: true } : {}),
    ...(kind === "GRU" && attributes.linear_before_reset === 0 ? { reset: "before" } : {}),
  };
  return { maker: kind, args: [I, H, options], values };
}

/**
 * The recurrent layers of an ONNX model by the names of their nodes, or of their first outputs where a node has no name.
 * Throws CheckpointError for what is no ONNX model, is damaged, or keeps weights elsewhere.
 */
export function readOnnx(bytes: Uint8Array): ImportedLayers {
  if (!(bytes instanceof Uint8Array))
    throw new CheckpointError(`readOnnx: expected bytes, got ${shown(bytes)}; give a Uint8Array`);
  const graph = decodeModel(bytes);
  const constant = constantsOf(graph);
  const known: Known = new Map();
  const layers = graph.nodes.flatMap((node): (readonly [string, ImportedLayer])[] => {
    const { name, op, domain, outputs, attributes } = node;
    if (!isRecurrent(op) || (domain !== "" && domain !== "ai.onnx")) return [];
    const key = name || outputs.find(Boolean) || op;
    return [[key, { kind: op, config: attributes, weights: weightsOf(node, constant, known) }]];
  });
  return new ImportedLayers(new Map(layers), convert);
}
