/**
 * ONNX models as nodes and constant tensors. Field numbers are those of onnx.proto (ONNX 1.19), read with the wire
 * format's own reader. What is not asked for is passed over; nothing is larger than the bytes it comes from.
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { CheckpointError } from "../errors.ts";

/** What a file holds of a tensor: TensorProto.DataType, sizes, and bytes in little endian. */
export interface DecodedTensor {
  readonly type: number;
  readonly shape: readonly number[];
  /** Undefined where the numbers are in another file, or in a field that is not read. */
  readonly data: Uint8Array | undefined;
  readonly isExternal: boolean;
}

export type DecodedAttribute = number | string | readonly number[] | readonly string[] | DecodedTensor | undefined;

export interface DecodedNode {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, DecodedAttribute>>;
}

export interface DecodedGraph {
  readonly nodes: readonly DecodedNode[];
  readonly initializers: ReadonlyMap<string, DecodedTensor>;
}

/** What is done with fields, by number: those of bytes, of whole numbers, and of floats of 32 bits. */
interface Visits {
  readonly bytes?: Readonly<Record<number, (value: Uint8Array) => void>>;
  readonly whole?: Readonly<Record<number, (value: number) => void>>;
  readonly float?: Readonly<Record<number, (value: number) => void>>;
}

const size = (value: bigint | string): number => {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is too large`);
  return number;
};

/** Reads a message. A list of whole numbers may be packed, and is then read like one that is not. */
function visit(bytes: Uint8Array, { bytes: onBytes = {}, whole = {}, float = {} }: Visits): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (wire === WireType.LengthDelimited && onBytes[field]) onBytes[field](reader.bytes());
    else if (wire === WireType.LengthDelimited && whole[field]) {
      const packed = new BinaryReader(reader.bytes());
      while (packed.pos < packed.len) whole[field](size(packed.int64()));
    } else if (wire === WireType.Varint && whole[field]) whole[field](size(reader.int64()));
    else if (wire === WireType.Bit32 && float[field]) float[field](reader.float());
    else if (wire === WireType.StartGroup || wire === WireType.EndGroup) throw new RangeError("it has groups");
    else reader.skip(wire, field);
  }
}

const utf8 = new TextDecoder();
const text = (bytes: Uint8Array): string => utf8.decode(bytes);

/** TensorProto.DataLocation. */
const EXTERNAL = 1;

function readTensor(bytes: Uint8Array): [name: string, tensor: DecodedTensor] {
  const found = { name: "", type: 0, location: 0 };
  const shape: number[] = [];
  const data: Uint8Array[] = [];
  const keep = (piece: Uint8Array) => data.push(piece);
  visit(bytes, {
    whole: {
      1: (dim) => {
        if (dim < 0 || shape.push(dim) > 64) throw new RangeError("a tensor has a size below 0 or too many of them");
      },
      2: (type) => Object.assign(found, { type }),
      14: (location) => Object.assign(found, { location }),
    },
    bytes: { 4: keep, 8: (name) => Object.assign(found, { name: text(name) }), 9: keep, 10: keep }, // floats, raw, doubles
  });
  const [only] = data;
  return [
    found.name,
    { type: found.type, shape, data: data.length === 1 ? only : undefined, isExternal: found.location === EXTERNAL },
  ];
}

function readAttribute(bytes: Uint8Array): [name: string, value: DecodedAttribute] {
  let name = "";
  let value: DecodedAttribute;
  const [numbers, texts]: [number[], string[]] = [[], []];
  const set = (given: DecodedAttribute) => {
    value = given;
  };
  visit(bytes, {
    float: { 2: set, 7: (number) => numbers.push(number) },
    whole: { 3: set, 8: (number) => numbers.push(number) },
    bytes: {
      1: (given) => {
        name = text(given);
      },
      4: (given) => set(text(given)),
      5: (given) => set(readTensor(given)[1]),
      7: (packed) => {
        const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
        for (let at = 0; at + 4 <= packed.length; at += 4) numbers.push(view.getFloat32(at, true));
      },
      9: (given) => texts.push(text(given)),
    },
  });
  if (texts.length > 0) value = texts;
  else if (numbers.length > 0) value = numbers;
  return [name, value];
}

function readNode(bytes: Uint8Array): DecodedNode {
  const found = { name: "", op: "", domain: "" };
  const [inputs, outputs]: [string[], string[]] = [[], []];
  const attributes: [string, DecodedAttribute][] = [];
  visit(bytes, {
    bytes: {
      1: (name) => inputs.push(text(name)),
      2: (name) => outputs.push(text(name)),
      3: (name) => Object.assign(found, { name: text(name) }),
      4: (op) => Object.assign(found, { op: text(op) }),
      5: (attribute) => attributes.push(readAttribute(attribute)),
      7: (domain) => Object.assign(found, { domain: text(domain) }),
    },
  });
  return { ...found, inputs, outputs, attributes: Object.fromEntries(attributes) };
}

/** Nodes and constants of the main graph; those inside loops and branches are left out. Throws CheckpointError. */
export function decodeModel(bytes: Uint8Array): DecodedGraph {
  const nodes: DecodedNode[] = [];
  const initializers = new Map<string, DecodedTensor>();
  let graphs = 0;
  const graph = (body: Uint8Array) => {
    graphs++;
    visit(body, {
      bytes: { 1: (node) => nodes.push(readNode(node)), 5: (tensor) => initializers.set(...readTensor(tensor)) },
    });
  };
  try {
    visit(bytes, { bytes: { 7: graph } });
  } catch (cause) {
    throw new CheckpointError(`ONNX: the file is damaged, cut off or no ONNX model (${(cause as Error).message})`, {
      cause,
    });
  }
  if (graphs !== 1) throw new CheckpointError("ONNX: expected a model with one graph, got another file");
  return { nodes, initializers };
}
