/** What travels between a page and its Worker: calls, replies, errors of the same classes, buffers that change hands. */
import {
  CheckpointError,
  ConfigError,
  DataError,
  DescentError,
  DeviceError,
  DTypeError,
  GradientError,
  NonFiniteError,
  quoted,
  ShapeError,
  shown,
  TokenizerError,
} from "../errors.ts";

/** Either end: a Worker seen from the page, the Worker's own scope, or a MessagePort. */
export interface Endpoint {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: string, listener: (event: Event) => void): void;
  /** Ends a Worker. */
  terminate?(): unknown;
}

/** Throws ConfigError where `end` sends or hears nothing. */
export function requireEndpoint(what: string, end: Endpoint): void {
  const functions = [end?.postMessage, end?.addEventListener];
  if (functions.every((part) => typeof part === "function")) return;
  throw new ConfigError(`${what}: expected a Worker or a port of a MessageChannel, got ${shown(end)}; give one`);
}

/** A call of the page; the replies come through `port`. */
export interface Call {
  readonly descent: string;
  readonly input: unknown;
  readonly port: MessagePort;
}

/** What the page sends through the port of a call. */
export type Demand = "next" | "leave" | "abort";

export type Reply =
  | { readonly kind: "event"; readonly value: unknown }
  | { readonly kind: "result"; readonly value: unknown }
  | { readonly kind: "error"; readonly error: Packed };

interface Packed {
  /** Class of a DescentError; all others are cloned as they are. */
  readonly name?: string;
  readonly message: string;
  readonly stack?: string | undefined;
  /** Of a NonFiniteError. */
  readonly step?: number;
  readonly value?: number;
  readonly other?: unknown;
}

const plain = [
  ShapeError,
  DTypeError,
  GradientError,
  DeviceError,
  ConfigError,
  CheckpointError,
  DataError,
  TokenizerError,
] as const;

export function pack(error: unknown): Packed {
  if (!(error instanceof DescentError))
    return { message: String(error), other: cloneable(error) ? error : new Error(String(error)) };
  const { name, message, stack } = error;
  const { step, value } = error instanceof NonFiniteError ? error : { step: 0, value: 0 };
  return { name, message, stack, step, value };
}

export function unpack({ name, message, stack, step = 0, value = 0, other }: Packed): unknown {
  const Class = plain.find((known) => known.name === name);
  if (!Class && name !== NonFiniteError.name) return other;
  const error = Class ? new Class(message) : new NonFiniteError(message, step, value);
  if (stack) error.stack = stack;
  return error;
}

function cloneable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

/** Why `value` cannot be sent: the reason, and the key of a record that is to blame. */
export function whyNot(value: unknown, cause: unknown): string {
  const [key] = Object.entries(value ?? {}).find(([, part]) => !cloneable(part)) ?? [];
  return `${key === undefined ? "" : `its ${quoted(key)}: `}${(cause as Error).message}`;
}

const handedOver = new WeakMap<object, Transferable[]>();

/**
 * Marks a value whose buffers move to the other side instead of being copied: `transfer(tensor, [tensor.data.buffer])`.
 * They are empty here once it is sent. For inputs, events and results; returns the value.
 */
export function transfer<T extends object>(value: T, buffers: Transferable[]): T {
  if (typeof value !== "object" || value === null)
    throw new ConfigError(`transfer: expected an object that holds the buffers, got ${shown(value)}`);
  if (!Array.isArray(buffers) || !buffers.every((buffer) => typeof buffer === "object" && buffer !== null))
    throw new ConfigError(`transfer: expected a list of buffers, got ${shown(buffers)}; give [tensor.data.buffer]`);
  handedOver.set(value, buffers);
  return value;
}

export const buffersOf = (value: unknown): Transferable[] =>
  typeof value === "object" && value !== null ? (handedOver.get(value) ?? []) : [];
