/**
 * The codec of a message: decoders and encoders per version, made on first use and kept.
 *
 * Compiled where the runtime allows `eval`, interpreted where it does not (`--disallow-code-generation-from-strings`).
 */
import { Reader } from "../bytes/reader.ts";
import { Writer } from "../bytes/writer.ts";
import { compileDecoder } from "./compile-decoder.ts";
import { compileEncoder } from "./compile-encoder.ts";
import { type Decoder, type Encoder, interpretDecoder, interpretEncoder } from "./interpret.ts";
import type { Decode, Encode, Message } from "./message.ts";
import { containsVersion } from "./version-range.ts";

const mayCompile = (() => {
  try {
    return new Function("return true")() as boolean;
  } catch {
    return false;
  }
})();

const decoders = new WeakMap<Message, Decoder[]>();
const encoders = new WeakMap<Message, Encoder[]>();

function cached<T>(cache: WeakMap<Message, T[]>, message: Message, version: number, make: () => T): T {
  let versions = cache.get(message);
  if (versions === undefined) {
    versions = [];
    cache.set(message, versions);
  }
  let codec = versions[version];
  if (codec === undefined) {
    if (!containsVersion(message.validVersions, version)) throw new Error(`${message.name} has no version ${version}`);
    codec = make();
    versions[version] = codec;
  }
  return codec;
}

export function decoderOf(message: Message, version: number): Decoder {
  return cached(decoders, message, version, () => (mayCompile ? compileDecoder : interpretDecoder)(message, version));
}

export function encoderOf(message: Message, version: number): Encoder {
  return cached(encoders, message, version, () => (mayCompile ? compileEncoder : interpretEncoder)(message, version));
}

/** Reads one message from where the reader stands. @throws DecodeError when the bytes are not that message. */
export function decode<M extends Message>(message: M, version: number, reader: Reader | Buffer): Decode<M> {
  const from = reader instanceof Reader ? reader : new Reader(reader);
  return decoderOf(message, version)(from) as Decode<M>;
}

/** Writes one message behind what the writer holds. @throws Error when the version cannot carry a value given. */
export function encode<M extends Message>(message: M, version: number, value: Encode<M>, writer: Writer): void {
  encoderOf(message, version)(writer, value);
}

/** One message as one buffer, without header or length. */
export function encodeToBuffer<M extends Message>(message: M, version: number, value: Encode<M>): Buffer {
  const writer = new Writer();
  encode(message, version, value, writer);
  return writer.finishOne();
}
