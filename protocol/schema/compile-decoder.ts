/**
 * Writes the decoding rules of interpret.ts as JavaScript source, one function per (message, version), for production.
 *
 * Owns: speed. Objects come out as one literal, so every message of a version has one shape; neighbours of fixed size are
 * bounds-checked once and read through a DataView. In the source, `r` is the Reader.
 */
import type { ArrayField, Fields, ScalarType } from "./field.ts";
import { DATA_VIEW_NAMES, fixedSize, GeneratedSource, runsOf } from "./generated-source.ts";
import type { Decoder } from "./interpret.ts";
import { type FieldInVersion, fieldsInVersion, isFlexible, type Message } from "./message.ts";

export function compileDecoder(message: Message, version: number): Decoder {
  const source = new DecoderSource(version, isFlexible(message, version));
  return source.build(source.struct(message.fields)) as Decoder;
}

class DecoderSource extends GeneratedSource {
  /** Defines the function that decodes a struct, and gives its name. */
  struct(fields: Fields): string {
    const all = fieldsInVersion(fields, this.version, this.flexible);
    const locals = new Map(all.filter((f) => f.present).map((f) => [f.name, this.fresh("v")]));
    const lines: string[] = [];
    for (const run of runsOf(all)) {
      if (Array.isArray(run)) lines.push(...this.fixedRun(run, locals));
      else lines.push(...this.field(run as FieldInVersion, locals.get((run as FieldInVersion).name) as string));
    }
    if (this.flexible) lines.push(...this.taggedSection(all, locals));
    const properties = all.map((f) => `${JSON.stringify(f.name)}: ${locals.get(f.name) ?? this.defaultOf(f.field)}`);
    lines.push(`const o = {${properties.join(", ")}};`);
    if (this.flexible) lines.push("if (unknown !== undefined) o.unknownTaggedFields = unknown;");
    lines.push("return o;");
    return this.define(this.fresh("decode"), "r", lines);
  }

  private fixedRun(run: readonly FieldInVersion[], locals: Map<string, string>): string[] {
    const at = this.fresh("p");
    const data = this.fresh("d");
    const lines: string[] = [];
    let size = 0;
    for (const { name, field } of run) {
      lines.push(`const ${locals.get(name)} = ${readAt(field.type as ScalarType, data, `${at} + ${size}`)};`);
      size += fixedSize(field.type) as number;
    }
    return [`const ${at} = r.take(${size}), ${data} = r.data;`, ...lines];
  }

  private field(f: FieldInVersion, local: string): string[] {
    const { field, nullable } = f;
    if (field.type === "struct") {
      const decode = `${this.struct(field.fields)}(r)`;
      return [`const ${local} = ${nullable ? `r.int8() < 0 ? null : ${decode}` : decode};`];
    }
    if (field.type === "array") return this.array(field, f, local);
    const read = variableReader(field.type);
    if (read === undefined) return [`const ${local} = r.${field.type}();`];
    const length = this.fresh("n");
    return [
      `const ${length} = ${lengthOf(field.type, f.compact)};`,
      `const ${local} = ${length} < 0 ? ${whenNull(f)} : r.${read}(${length});`,
    ];
  }

  private array(field: ArrayField, f: FieldInVersion, local: string): string[] {
    const count = this.fresh("n");
    return [
      `const ${count} = ${lengthOf("array", f.compact)};`,
      `let ${local};`,
      `if (${count} < 0) ${local} = ${whenNull(f)};`,
      `else { r.count(${count}); ${local} = new Array(${count}); ${this.elements(field.element, local, count)} }`,
    ];
  }

  /** Statements that read `count` elements into the array. */
  private elements(element: ArrayField["element"], array: string, count: string): string {
    const loop = (value: string) => `for (let i = 0; i < ${count}; i++) ${array}[i] = ${value};`;
    if (element.type === "struct") return loop(`${this.struct(element.fields)}(r)`);
    const size = fixedSize(element.type);
    if (size === undefined) return loop(`${this.variableElement(element.type)}(r)`);
    return `const p = r.take(${size} * ${count}), d = r.data; ${loop(readAt(element.type, "d", `p + ${size} * i`))}`;
  }

  private variableElement(type: ScalarType): string {
    const read = variableReader(type) as string;
    const length = `const n = ${lengthOf(type, this.flexible)};`;
    return this.define(this.fresh("element"), "r", [length, `return n < 0 ? r.notNull("an element") : r.${read}(n);`]);
  }

  private taggedSection(all: readonly FieldInVersion[], locals: Map<string, string>): string[] {
    const tagged = all.filter((f) => f.tag !== undefined);
    if (tagged.length === 0) return ["const unknown = r.skipTaggedFields();"];
    const lines = tagged.map((f) => `let ${locals.get(f.name)} = ${this.defaultOf(f.field)};`);
    lines.push("let unknown;", "for (let left = r.uvarint(); left > 0; left--) {");
    lines.push("const tag = r.uvarint();", "switch (tag) {");
    for (const f of tagged) {
      const value = this.fresh("v");
      // The size of a field that is known says nothing more, and Kafka does not look at it either.
      lines.push(`case ${f.tag}: {`, "r.uvarint();", ...this.taggedField(f, value));
      lines.push(`${locals.get(f.name)} = ${value}; break; }`);
    }
    lines.push("default: (unknown ??= []).push(r.unknownTaggedField(tag));", "}", "}");
    return lines;
  }

  private taggedField(f: FieldInVersion, local: string): string[] {
    if (f.field.type !== "struct") return this.field(f, local);
    const decode = `${this.struct(f.field.fields)}(r)`;
    return [`const ${local} = ${f.nullable ? `r.uvarint() <= 0 ? null : ${decode}` : decode};`];
  }
}

/** An expression that reads a type of fixed size at a position that was taken. */
function readAt(type: ScalarType, data: string, at: string): string {
  if (type === "bool") return `${data}.getInt8(${at}) !== 0`;
  if (type === "int64" || type === "uuid") return `r.${type}At(${at})`;
  return `${data}.get${DATA_VIEW_NAMES[type]}(${at})`;
}

function variableReader(type: ScalarType): string | undefined {
  return type === "string" ? "text" : type === "bytes" ? "copy" : type === "records" ? "view" : undefined;
}

function lengthOf(type: ScalarType | "array", compact: boolean): string {
  if (compact) return "r.compactLength()";
  return type === "string" ? "r.int16()" : "r.int32()";
}

function whenNull(f: FieldInVersion): string {
  return f.nullable ? "null" : `r.notNull(${JSON.stringify(f.name)})`;
}
