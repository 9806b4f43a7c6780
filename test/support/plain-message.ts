/**
 * A message in which every place exists: no null, one element in each array, and a list of all fields of all its structs, so
 * that a test can change one at a time.
 */
import type { Field } from "../../protocol/schema/field.ts";
import {
  defaultValue,
  type FieldInVersion,
  fieldsInVersion,
  isFlexible,
  type Message,
} from "../../protocol/schema/message.ts";
import type { Struct } from "./random-message.ts";

export interface Place extends FieldInVersion {
  /** The struct that holds the field. */
  readonly struct: Struct;
  readonly path: string;
}

export function plainMessage(message: Message, version: number): { value: Struct; places: Place[] } {
  const places: Place[] = [];
  const flexible = isFlexible(message, version);

  function structValue(fields: Message["fields"], path: string): Struct {
    const struct: Struct = {};
    for (const f of fieldsInVersion(fields, version, flexible)) {
      const place = { ...f, struct, path: `${path}.${f.name}` };
      places.push(place);
      if (f.present) struct[f.name] = fieldValue(f.field, place.path);
    }
    return struct;
  }

  function fieldValue(field: Field, path: string): unknown {
    switch (field.type) {
      case "struct":
        return structValue(field.fields, path);
      case "array":
        return [fieldValue(field.element, path)];
      case "string":
        return "name";
      case "bytes":
      case "records":
        return Buffer.from("bytes");
      default:
        return defaultValue(field);
    }
  }

  return { value: structValue(message.fields, message.name), places };
}
