/**
 * JavaScript source under construction: functions, the constants they close over, and what both compilers know of types.
 *
 * Owns: names that never clash, defaults as expressions, runs of fixed-size fields. Source is built from schema constants only,
 * never from data. Leaves to compile-decoder.ts and compile-encoder.ts: the wire rules.
 */
import type { Field, ScalarType } from "./field.ts";
import { defaultValue, type FieldInVersion } from "./message.ts";

export class GeneratedSource {
  protected readonly version: number;
  protected readonly flexible: boolean;
  private readonly functions: string[] = [];
  private readonly constants: unknown[] = [];
  private names = 0;

  constructor(version: number, flexible: boolean) {
    this.version = version;
    this.flexible = flexible;
  }

  /** Runs the source and gives the function of this name. */
  build(main: string): unknown {
    const names = this.constants.map((_, i) => `c${i}`);
    return new Function(...names, `"use strict";\n${this.functions.join("\n")}\nreturn ${main};`)(...this.constants);
  }

  protected fresh(prefix: string): string {
    return `${prefix}${this.names++}`;
  }

  protected define(name: string, parameters: string, body: readonly string[]): string {
    this.functions.push(`function ${name}(${parameters}) {\n${body.join("\n")}\n}`);
    return name;
  }

  /** An expression for the field's default: fresh for arrays and structs, as they may be changed by whoever holds them. */
  protected defaultOf(field: Field): string {
    const value = defaultValue(field);
    if (typeof value === "bigint") return `${value}n`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    if (Array.isArray(value)) return "[]";
    if (Buffer.isBuffer(value)) return this.constant(value);
    const inner = Object.entries((field as { fields: Record<string, Field> }).fields);
    return `{${inner.map(([name, f]) => `${JSON.stringify(name)}: ${this.defaultOf(f)}`).join(", ")}}`;
  }

  private constant(value: unknown): string {
    this.constants.push(value);
    return `c${this.constants.length - 1}`;
  }
}

/** Bytes of the types that always have the same; undefined for those with a length of their own. */
export function fixedSize(type: Field["type"]): number | undefined {
  return FIXED_SIZES[type];
}

const FIXED_SIZES: Partial<Record<Field["type"], number>> = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  int64Exact: 8,
  float64: 8,
  uuid: 16,
};

/** The part of DataView's method names that stands for a type; absent where the bytes say more than a number. */
export const DATA_VIEW_NAMES: Partial<Record<ScalarType, string>> = {
  int8: "Int8",
  int16: "Int16",
  uint16: "Uint16",
  int32: "Int32",
  uint32: "Uint32",
  int64Exact: "BigInt64",
  float64: "Float64",
};

/** A field alone, or neighbours of fixed size whose bounds are checked once. */
export type Run = FieldInVersion | readonly FieldInVersion[];

/** The untagged fields in wire order; two and more neighbours of fixed size are one run. */
export function runsOf(fields: readonly FieldInVersion[]): Run[] {
  const runs: Run[] = [];
  let fixed: FieldInVersion[] = [];
  const close = () => {
    if (fixed.length > 1) runs.push(fixed);
    else runs.push(...fixed);
    fixed = [];
  };
  for (const f of fields) {
    if (!f.present || f.tag !== undefined) continue;
    if (fixedSize(f.field.type) !== undefined) {
      fixed.push(f);
    } else {
      close();
      runs.push(f);
    }
  }
  close();
  return runs;
}
