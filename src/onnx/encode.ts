/**
 * ONNX models as protobuf bytes. Field numbers are those of onnx.proto (ONNX 1.19), written with the wire format's own
 * writer; weights are inputs or external, so a model stays far below protobuf's 2 GB.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type OnnxAttribute, type OnnxBody, type OnnxNode, onnxType, type Spec } from "../graph/index.ts";
import { bytesOf, type HostArray, type StorageType } from "../tensor/index.ts";

/** Bytes that stand beside the model: `length` of them from `offset` on in what the engine knows as `location`. */
export interface External {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** Numbers that a model holds, or says where they are. */
export interface Constant {
  readonly data: HostArray | External;
  readonly dtype: StorageType;
  readonly shape: readonly number[];
}

export interface Initializer extends Constant {
  readonly name: string;
}

export interface NamedSpec {
  readonly name: string;
  readonly spec: Spec;
}

export interface OnnxGraph {
  readonly inputs: readonly NamedSpec[];
  readonly outputs: readonly NamedSpec[];
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Initializer[];
}

/** Operator set of the models written here. */
export const OPSET = 21;
const IR_VERSION = 10;

/** TensorProto.DataType of every type that weights are kept in. */
const storageType: Readonly<Record<StorageType, number>> = { ...onnxType, u8: 2, i8: 3, f16: 10, bf16: 16, u4: 21 };

/** TensorProto.DataLocation. */
const EXTERNAL = 1;

export const isExternal = (data: Constant["data"]): data is External => "location" in data;

/** AttributeProto.AttributeType. */
const kinds = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const;

type Write = (writer: BinaryWriter) => void;

const message = (writer: BinaryWriter, field: number, write: Write): void => {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
};
const text = (writer: BinaryWriter, field: number, value: string) =>
  writer.tag(field, WireType.LengthDelimited).string(value);
const int = (writer: BinaryWriter, field: number, value: number) => writer.tag(field, WireType.Varint).int64(value);

/** Names as they stand in the file: `rename` gives outputs the names that users know. */
type Rename = (name: string) => string;

function writeValue(writer: BinaryWriter, field: number, { name, spec }: NamedSpec): void {
  message(writer, field, (info) => {
    text(info, 1, name);
    message(info, 2, (type) =>
      message(type, 1, (tensor) => {
        int(tensor, 1, onnxType[spec.dtype]);
        message(tensor, 2, (shape) => {
          for (const dim of spec.shape)
            message(shape, 1, (size) => (typeof dim === "number" ? int(size, 1, dim) : text(size, 2, dim)));
        });
      }),
    );
  });
}

function writeInitializer(writer: BinaryWriter, { name, data, dtype, shape }: Initializer): void {
  message(writer, 5, (tensor) => {
    for (const size of shape) int(tensor, 1, size);
    int(tensor, 2, storageType[dtype]);
    text(tensor, 8, name);
    if (isExternal(data)) writeExternal(tensor, data);
    else tensor.tag(9, WireType.LengthDelimited).bytes(bytesOf(data));
  });
}

/** A list of StringStringEntryProto, and the mark that says so. */
function writeExternal(writer: BinaryWriter, { location, offset, length }: External): void {
  for (const [key, value] of Object.entries({ location, offset, length }))
    message(writer, 13, (entry) => {
      text(entry, 1, key);
      text(entry, 2, String(value));
    });
  int(writer, 14, EXTERNAL);
}

function writeAttribute(writer: BinaryWriter, name: string, value: OnnxAttribute, rename: Rename): void {
  text(writer, 1, name);
  const kind = (type: number) => int(writer, 20, type);
  if (typeof value === "string") {
    text(writer, 4, value);
    kind(kinds.string);
  } else if (typeof value === "number") {
    int(writer, 3, value);
    kind(kinds.int);
  } else if ("body" in value) {
    message(writer, 6, (graph) => writeBody(graph, value.body, rename));
    kind(kinds.graph);
  } else if ("float" in value) {
    writer.tag(2, WireType.Bit32).float(value.float);
    kind(kinds.float);
  } else {
    for (const item of value) int(writer, 8, item);
    kind(kinds.ints);
  }
}

function writeNode(writer: BinaryWriter, node: OnnxNode, rename: Rename): void {
  for (const name of node.inputs) text(writer, 1, rename(name));
  for (const name of node.outputs) text(writer, 2, rename(name));
  text(writer, 3, rename(node.outputs[0] ?? ""));
  text(writer, 4, node.op);
  for (const [name, value] of Object.entries(node.attrs))
    message(writer, 5, (attr) => writeAttribute(attr, name, value, rename));
  if (node.domain) text(writer, 7, node.domain);
}

function writeBody(writer: BinaryWriter, body: OnnxBody, rename: Rename): void {
  for (const node of body.nodes) message(writer, 1, (inner) => writeNode(inner, node, rename));
  text(writer, 2, "body");
  for (const value of body.inputs) writeValue(writer, 11, { ...value, name: rename(value.name) });
  for (const value of body.outputs) writeValue(writer, 12, { ...value, name: rename(value.name) });
}

/** The bytes of a ModelProto, as an .onnx file holds them. */
export function encodeModel(graph: OnnxGraph, rename: Rename): Uint8Array {
  const writer = new BinaryWriter();
  int(writer, 1, IR_VERSION);
  text(writer, 2, "descent");
  message(writer, 7, (body) => {
    for (const node of graph.nodes) message(body, 1, (inner) => writeNode(inner, node, rename));
    text(body, 2, "descent");
    for (const initializer of graph.initializers) writeInitializer(body, initializer);
    for (const value of graph.inputs) writeValue(body, 11, value);
    for (const value of graph.outputs) writeValue(body, 12, value);
  });
  const domains = new Map([
    ["", OPSET],
    ...graph.nodes.filter((node) => node.domain).map((node) => [node.domain, 1] as const),
  ]);
  for (const [domain, version] of domains)
    message(writer, 8, (opset) => {
      text(opset, 1, domain);
      int(opset, 2, version);
    });
  return writer.finish();
}
