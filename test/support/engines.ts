/** Both engines under one face, for tests that hold them against each other. */
import { Reader } from "../../protocol/bytes/reader.ts";
import { Writer } from "../../protocol/bytes/writer.ts";
import { compileDecoder } from "../../protocol/schema/compile-decoder.ts";
import { compileEncoder } from "../../protocol/schema/compile-encoder.ts";
import { type Decoder, type Encoder, interpretDecoder, interpretEncoder } from "../../protocol/schema/interpret.ts";
import type { Message } from "../../protocol/schema/message.ts";

export class Engine {
  readonly name: string;
  private readonly makeDecoder: (message: Message, version: number) => Decoder;
  private readonly makeEncoder: (message: Message, version: number) => Encoder;
  private readonly decoders = new Map<string, Decoder>();
  private readonly encoders = new Map<string, Encoder>();

  constructor(
    name: string,
    makeDecoder: (message: Message, version: number) => Decoder,
    makeEncoder: (message: Message, version: number) => Encoder,
  ) {
    this.name = name;
    this.makeDecoder = makeDecoder;
    this.makeEncoder = makeEncoder;
  }

  decode(message: Message, version: number, from: Reader | Buffer): unknown {
    const key = `${message.name} ${version}`;
    let decoder = this.decoders.get(key);
    if (decoder === undefined) {
      decoder = this.makeDecoder(message, version);
      this.decoders.set(key, decoder);
    }
    return decoder(from instanceof Reader ? from : new Reader(from));
  }

  encode(message: Message, version: number, value: unknown): Buffer {
    const key = `${message.name} ${version}`;
    let encoder = this.encoders.get(key);
    if (encoder === undefined) {
      encoder = this.makeEncoder(message, version);
      this.encoders.set(key, encoder);
    }
    const writer = new Writer();
    encoder(writer, value);
    return writer.finishOne();
  }
}

/** One of each, with caches of its own for this file. */
export function engines(): readonly [compiled: Engine, interpreted: Engine] {
  return [
    new Engine("compiled", compileDecoder, compileEncoder),
    new Engine("interpreted", interpretDecoder, interpretEncoder),
  ];
}
