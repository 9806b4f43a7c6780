/**
 * What stands in the body of a request: JSON, with the fields that are known and no others.
 */
import { ControlError } from "../cluster/control/control-error.ts";
import type { LinkEnd } from "../cluster/faults/links.ts";

export class Body {
  private readonly fields: ReadonlyMap<string, unknown>;

  /** @throws ControlError invalid: no object, or a field that is not known. */
  constructor(text: string, known: readonly string[]) {
    const value = parse(text);
    this.fields = new Map(Object.entries(value).filter(([, field]) => field !== undefined && field !== null));
    for (const name of this.fields.keys()) {
      if (!known.includes(name)) {
        const may = known.length === 0 ? "there is nothing to say here" : `known are ${known.join(", ")}`;
        throw new ControlError("invalid", `unknown field ${JSON.stringify(name)}; ${may}`);
      }
    }
  }

  boolean(name: string): boolean {
    const value = this.fields.get(name) ?? false;
    if (typeof value !== "boolean") throw wrong(name, "true or false", value);
    return value;
  }

  text(name: string): string {
    const value = this.fields.get(name);
    if (typeof value !== "string" || value === "") throw wrong(name, "a text", value);
    return value;
  }

  wholeNumber(name: string): number {
    const value = this.fields.get(name);
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong(name, "a whole number", value);
    return value as number;
  }

  /** Undefined where it is left out. */
  optional<T>(name: string, read: (name: string) => T): T | undefined {
    return this.fields.has(name) ? read.call(this, name) : undefined;
  }

  nodeIds(name: string): readonly number[] {
    const value = this.fields.get(name);
    if (!Array.isArray(value) || !value.every((id) => Number.isSafeInteger(id))) throw wrong(name, "node ids", value);
    return value as number[];
  }

  linkEnd(name: string): LinkEnd {
    const value = this.fields.get(name);
    if (value === "controller" || value === "clients" || Number.isSafeInteger(value)) return value as LinkEnd;
    throw wrong(name, 'a node id, "controller" or "clients"', value);
  }
}

/** An object in JSON; an empty body is an empty one. @throws ControlError invalid. */
export function parse(text: string): object {
  let value: unknown;
  try {
    value = text.trim() === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw new ControlError("invalid", `the body is no JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ControlError("invalid", "the body is an object in JSON");
  }
  return value;
}

function wrong(name: string, what: string, value: unknown): ControlError {
  const got = value === undefined ? "it is missing" : `not ${JSON.stringify(value)}`;
  return new ControlError("invalid", `${name} is ${what}; ${got}`);
}
