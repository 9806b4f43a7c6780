/**
 * The two engines against each other and against what was written, over every message and version: equal bytes, equal values,
 * the same refusals.
 */
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import type { Field } from "../../../protocol/schema/field.ts";
import { defaultValue, fieldsInVersion, isFlexible, type Message } from "../../../protocol/schema/message.ts";
import { allMessages, versionsOf } from "../../support/all-messages.ts";
import { engines } from "../../support/engines.ts";
import { type Place, plainMessage } from "../../support/plain-message.ts";
import { randomMessage, type Struct } from "../../support/random-message.ts";
import { SeededRandom, seedOf } from "../../support/seeded-random.ts";

const MESSAGES_PER_VERSION = 6;
const messages = await allMessages();
const both = engines();
const [compiled, interpreted] = both;
const named = messages.map((message) => [message.name, message] as const);

describe("random values", () => {
  test.each(named)("%s: equal bytes, equal values", (name, message) => {
    for (const version of versionsOf(message)) {
      const random = new SeededRandom(seedOf(`${name} ${version}`));
      for (let i = 0; i < MESSAGES_PER_VERSION; i++) {
        const value = randomMessage(message, version, random);
        const bytes = compiled.encode(message, version, value);
        const where = `${name} ${version} #${i}`;
        expect(interpreted.encode(message, version, value).toString("hex"), where).toBe(bytes.toString("hex"));
        const expected = withDefaults(message.fields, version, isFlexible(message, version), value);
        for (const engine of both) {
          const decoded = engine.decode(message, version, bytes);
          if (!isDeepStrictEqual(decoded, expected)) expect(decoded, `${engine.name}, ${where}`).toEqual(expected);
        }
      }
    }
  });

  test.each(named)("%s: what is left out has its default", (name, message) => {
    for (const version of versionsOf(message)) {
      const bytes = compiled.encode(message, version, {});
      expect(interpreted.encode(message, version, {}).toString("hex"), name).toBe(bytes.toString("hex"));
      const expected = withDefaults(message.fields, version, isFlexible(message, version), {});
      for (const engine of both) expect(engine.decode(message, version, bytes), engine.name).toEqual(expected);
    }
  });
});

describe("fields that a version lacks", () => {
  test.each(named)("%s: dropped where ignorable, refused where not", (_, message) => {
    for (const version of versionsOf(message)) {
      const { value, places } = plainMessage(message, version);
      const bytes = compiled.encode(message, version, value);
      for (const place of places.filter((place) => !place.present)) {
        const where = `${message.name} ${version} ${place.path}`;
        for (const engine of both) {
          place.struct[place.name] = nonDefault(place.field);
          if (place.field.options.ignorable === true)
            expect(engine.encode(message, version, value).toString("hex"), where).toBe(bytes.toString("hex"));
          else expect(() => engine.encode(message, version, value), where).toThrow("cannot be written at version");
          // A value that says nothing new is no reason to refuse a message.
          place.struct[place.name] = defaultValue(place.field);
          expect(engine.encode(message, version, value).toString("hex"), where).toBe(bytes.toString("hex"));
          delete place.struct[place.name];
        }
      }
    }
  });
});

describe("null", () => {
  const canBeNull = (place: Place) =>
    place.present && ["string", "bytes", "records", "array", "struct"].includes(place.field.type);

  test.each(named)("%s: written where nullable, refused where not", (_, message) => {
    for (const version of versionsOf(message)) {
      const { value, places } = plainMessage(message, version);
      for (const place of places.filter(canBeNull)) {
        const kept = place.struct[place.name];
        place.struct[place.name] = null;
        const where = `${message.name} ${version} ${place.path}`;
        for (const engine of both) {
          if (place.nullable) {
            const decoded = engine.decode(message, version, engine.encode(message, version, value));
            expect(decoded, where).toEqual(withDefaults(message.fields, version, isFlexible(message, version), value));
          } else {
            expect(() => engine.encode(message, version, value), where).toThrow(`${place.name} must not be null`);
          }
        }
        place.struct[place.name] = kept;
      }
    }
  });
});

/** What a decoder must give for what was encoded: every field of every version, defaults where none was given. */
function withDefaults(fields: Message["fields"], version: number, flexible: boolean, given: Struct): Struct {
  const value: Struct = {};
  for (const { name, field, present } of fieldsInVersion(fields, version, flexible)) {
    value[name] =
      present && given[name] !== undefined
        ? fieldWithDefaults(field, version, flexible, given[name])
        : defaultValue(field);
  }
  if (given.unknownTaggedFields !== undefined) value.unknownTaggedFields = given.unknownTaggedFields;
  return value;
}

function fieldWithDefaults(field: Field, version: number, flexible: boolean, given: unknown): unknown {
  if (given === null) return null;
  if (field.type === "struct") return withDefaults(field.fields, version, flexible, given as Struct);
  if (field.type !== "array") return given;
  return (given as unknown[]).map((element) => fieldWithDefaults(field.element, version, flexible, element));
}

/** A value that is never the default of a field of this type. */
function nonDefault(field: Field): unknown {
  switch (field.type) {
    case "bool":
      return defaultValue(field) === false;
    case "string":
      return "not the default";
    case "uuid":
      return "AAAAAAAAAAAAAAAAAAAABw";
    case "bytes":
    case "records":
      return Buffer.from("x");
    case "int64Exact":
      return 77n;
    case "array":
      return [field.element.type === "struct" ? defaultValue(field.element) : nonDefault(field.element)];
    case "struct": {
      const [name, inner] = Object.entries(field.fields as Record<string, Field>)[0] as [string, Field];
      return { [name]: nonDefault(inner) };
    }
    default:
      return 77;
  }
}
