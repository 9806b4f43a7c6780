/**
 * Random values of a message in one version, derived from its schema.
 *
 * Owns: values that are worth encoding (extremes, lengths around the borders of length fields, null where it is allowed,
 * text beyond ASCII, byte strings that are gathered). Fields that the version lacks are left out.
 */
import type { Field, ScalarField, ScalarType, StructField, UnknownTaggedField } from "../../protocol/schema/field.ts";
import { fieldsInVersion, isFlexible, type Message } from "../../protocol/schema/message.ts";
import type { SeededRandom } from "./seeded-random.ts";

export interface RandomMessageOptions {
  /** Tagged fields that no schema names, in flexible versions; true when left out. */
  readonly unknownTaggedFields?: boolean;
}

export type Struct = Record<string, unknown>;

/** A value that both engines must encode, and decode to what it was. */
export function randomMessage(
  message: Message,
  version: number,
  random: SeededRandom,
  options: RandomMessageOptions = {},
): Struct {
  return new Generator(version, isFlexible(message, version), random, options).struct(message.fields, 0);
}

class Generator {
  private readonly version: number;
  private readonly flexible: boolean;
  private readonly random: SeededRandom;
  private readonly options: RandomMessageOptions;

  constructor(version: number, flexible: boolean, random: SeededRandom, options: RandomMessageOptions) {
    this.version = version;
    this.flexible = flexible;
    this.random = random;
    this.options = options;
  }

  struct(fields: StructField["fields"], depth: number): Struct {
    const value: Struct = {};
    for (const { name, field, present, nullable, tag } of fieldsInVersion(fields, this.version, this.flexible)) {
      if (!present) continue;
      if (tag !== undefined && this.random.oneIn(3)) continue;
      value[name] = nullable && this.random.oneIn(4) ? null : this.field(field, depth);
    }
    if (this.flexible && this.options.unknownTaggedFields !== false && this.random.oneIn(8)) {
      value.unknownTaggedFields = this.unknownTaggedFields();
    }
    return value;
  }

  private unknownTaggedFields(): UnknownTaggedField[] {
    return Array.from({ length: 1 + this.random.below(2) }, (_, i) => ({
      tag: 1000 + 20_000 * i + this.random.below(10_000),
      data: this.random.bytes(this.random.pick([0, 1, 7, 127, 128, 200])),
    }));
  }

  private field(field: Field, depth: number): unknown {
    if (field.type === "struct") return this.struct(field.fields, depth + 1);
    if (field.type !== "array") return this.scalar(field.type);
    const element: ScalarField | StructField = field.element;
    const lengths = element.type === "struct" || depth > 2 ? [0, 1, 1, 2, 3] : [0, 1, 2, 3, 127, 128];
    const length = this.random.pick(lengths);
    return Array.from({ length }, () =>
      element.type === "struct" ? this.struct(element.fields, depth + 1) : this.scalar(element.type),
    );
  }

  private scalar(type: ScalarType): unknown {
    const { random } = this;
    switch (type) {
      case "bool":
        return random.oneIn(2);
      case "int8":
        return random.pick([0, 1, -1, 127, -128, random.below(256) - 128]);
      case "int16":
        return random.pick([0, 1, -1, 0x7fff, -0x8000, random.below(0x10000) - 0x8000]);
      case "uint16":
        return random.pick([0, 1, 0x7fff, 0x8000, 0xffff, random.below(0x10000)]);
      case "int32":
        return random.pick([0, 1, -1, 0x7fffffff, -0x80000000, random.uint32() | 0]);
      case "uint32":
        return random.pick([0, 1, 0x7fffffff, 0x80000000, 0xffffffff, random.uint32()]);
      case "int64":
        return this.int64();
      case "int64Exact":
        return BigInt.asIntN(64, random.bytes(8).readBigInt64BE() >> BigInt(random.pick([0, 0, 1, 32, 63])));
      case "float64":
        return random.pick([0, 1, -1.5, Number.MAX_VALUE, Number.MIN_VALUE, random.uint32() / 7]);
      case "string":
        return this.text();
      case "uuid":
        return random.pick([Buffer.alloc(16), random.bytes(16)]).toString("base64url");
      case "bytes":
      case "records":
        return random.bytes(random.pick([0, 1, 5, 30, 126, 127, 128, 129, random.oneIn(20) ? 5000 : 64]));
    }
  }

  private int64(): number {
    const { random } = this;
    const extremes = [0, 1, -1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, 2 ** 53 - 2, -(2 ** 53) + 1];
    if (random.oneIn(2)) return random.pick(extremes);
    const magnitude = Math.floor(random.below(2 ** 48) / 2 ** random.below(40));
    return random.oneIn(2) && magnitude !== 0 ? -magnitude : magnitude;
  }

  private text(): string {
    const { random } = this;
    const alphabet = random.pick([
      "abcdefghijklmnopqrstuvwxyz-_.0123456789",
      "abc",
      "aé",
      "日本語a",
      "😀b",
      "\u0000\u007f\u0080\u07ff\u0800",
    ]);
    const characters = Array.from(alphabet);
    const length = random.pick([0, 1, 3, 8, 15, 16, 17, 23, 24, 25, 31, 32, 33, 64, 126, 127, 128]);
    return Array.from({ length }, () => random.pick(characters)).join("");
  }
}
