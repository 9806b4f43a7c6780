/**
 * Writes the wire rules of interpret.ts as JavaScript source, one function per (message, version), for production.
 *
 * Owns: speed. Objects come out as one literal, so every message of a version has one shape. Source is built from schema
 * constants only, never from data.
 */
import type { ArrayField, Field, Fields, ScalarType } from "./field.ts";
import type { Decoder, Encoder } from "./interpret.ts";
import { defaultValue, type FieldInVersion, fieldsInVersion, isDefault, isFlexible, type Message } from "./message.ts";

export function compileDecoder(message: Message, version: number): Decoder {
  const source = new DecoderSource(version, isFlexible(message, version));
  const main = source.struct(message.fields);
  return source.build(main) as Decoder;
}

export function compileEncoder(message: Message, version: number): Encoder {
  const source = new EncoderSource(version, isFlexible(message, version));
  const main = source.struct(message.fields);
  return source.build(main) as Encoder;
}

/** Functions under construction, and the constants they close over. */
class Source {
  protected readonly version: number;
  protected readonly flexible: boolean;
  private readonly functions: string[] = [];
  private readonly constants: unknown[] = [];
  private names = 0;

  constructor(version: number, flexible: boolean) {
    this.version = version;
    this.flexible = flexible;
  }

  build(main: string): unknown {
    const names = this.constants.map((_, i) => `c${i}`);
    return new Function(...names, `"use strict";\n${this.functions.join("\n")}\nreturn ${main};`)(...this.constants);
  }

  protected fresh(prefix: string): string {
    return `${prefix}${this.names++}`;
  }

  protected define(name: string, parameters: string, body: string): string {
    this.functions.push(`function ${name}(${parameters}) {\n${body}\n}`);
    return name;
  }

  protected constant(value: unknown): string {
    this.constants.push(value);
    return `c${this.constants.length - 1}`;
  }

  /** An expression for the field's default: fresh for arrays and structs, as they may be changed by whoever holds them. */
  protected defaultOf(field: Field): string {
    const value = defaultValue(field);
    if (value === null || typeof value !== "object")
      return typeof value === "bigint" ? `${value}n` : JSON.stringify(value);
    if (Array.isArray(value)) return "[]";
    if (Buffer.isBuffer(value)) return this.constant(value);
    const inner = Object.entries((field as { fields: Record<string, Field> }).fields);
    return `{${inner.map(([name, f]) => `${JSON.stringify(name)}: ${this.defaultOf(f)}`).join(", ")}}`;
  }
}

class DecoderSource extends Source {
  struct(fields: Fields): string {
    const all = fieldsInVersion(fields, this.version, this.flexible);
    const lines: string[] = [];
    const locals = new Map<string, string>();
    for (const f of all.filter((f) => f.present && f.tag === undefined)) {
      const local = this.fresh("v");
      locals.set(f.name, local);
      lines.push(...this.field(f, local));
    }
    if (this.flexible) lines.push(...this.taggedSection(all, locals));
    const properties = all.map((f) => `${JSON.stringify(f.name)}: ${locals.get(f.name) ?? this.defaultOf(f.field)}`);
    lines.push(`const o = {${properties.join(", ")}};`);
    if (this.flexible) lines.push("if (unknown !== undefined) o.unknownTaggedFields = unknown;");
    lines.push("return o;");
    return this.define(this.fresh("decode"), "r", lines.join("\n"));
  }

  private taggedSection(all: readonly FieldInVersion[], locals: Map<string, string>): string[] {
    const tagged = all.filter((f) => f.tag !== undefined);
    if (tagged.length === 0)
      return [
        "const unknown = r.buffer[r.offset] === 0 && r.offset < r.end ? (r.offset++, undefined) : r.skipTaggedFields();",
      ];
    const lines: string[] = [];
    for (const f of tagged) {
      const local = this.fresh("t");
      locals.set(f.name, local);
      lines.push(`let ${local} = ${this.defaultOf(f.field)};`);
    }
    lines.push("let unknown;", "for (let left = r.uvarint(); left > 0; left--) {");
    lines.push("const tag = r.uvarint(), end = r.taggedFieldEnd();", "switch (tag) {");
    for (const f of tagged) {
      const local = locals.get(f.name) as string;
      const value = this.fresh("v");
      lines.push(`case ${f.tag}: {`, ...this.taggedField(f, value), `${local} = ${value}; break; }`);
    }
    lines.push("default: (unknown ??= []).push(r.unknownTaggedField(tag, end));", "}", "}");
    return lines;
  }

  private taggedField(f: FieldInVersion, local: string): string[] {
    if (f.field.type !== "struct") return this.field(f, local);
    const decode = this.struct(f.field.fields);
    return [f.nullable ? `const ${local} = r.uvarint() <= 0 ? null : ${decode}(r);` : `const ${local} = ${decode}(r);`];
  }

  private field(f: FieldInVersion, local: string): string[] {
    const { field, nullable, compact } = f;
    if (field.type === "struct") {
      const decode = this.struct(field.fields);
      return [nullable ? `const ${local} = r.int8() < 0 ? null : ${decode}(r);` : `const ${local} = ${decode}(r);`];
    }
    if (field.type === "array") return this.array(field, f, local);
    const read = variableReader(field.type);
    if (read === undefined) return [`const ${local} = r.${field.type}();`];
    const length = this.fresh("n");
    const lengthSource = compact ? "r.compactLength()" : field.type === "string" ? "r.int16()" : "r.int32()";
    const absent = nullable ? "null" : `r.notNull(${JSON.stringify(f.name)})`;
    return [`const ${length} = ${lengthSource};`, `const ${local} = ${length} < 0 ? ${absent} : r.${read}(${length});`];
  }

  private array(field: ArrayField, f: FieldInVersion, local: string): string[] {
    const count = this.fresh("n");
    const element = field.element;
    let one: string;
    if (element.type === "struct") {
      one = `${this.struct(element.fields)}(r)`;
    } else {
      const read = variableReader(element.type);
      if (read === undefined) one = `r.${element.type}()`;
      else one = `${this.variableElement(element.type, read)}(r)`;
    }
    return [
      `const ${count} = ${f.compact ? "r.compactLength()" : "r.int32()"};`,
      `let ${local};`,
      `if (${count} < 0) ${local} = ${f.nullable ? "null" : `r.notNull(${JSON.stringify(f.name)})`};`,
      `else { r.count(${count}); ${local} = []; for (let i = 0; i < ${count}; i++) ${local}.push(${one}); }`,
    ];
  }

  private variableElement(type: ScalarType, read: string): string {
    const length = this.flexible ? "r.compactLength()" : type === "string" ? "r.int16()" : "r.int32()";
    const body = `const n = ${length}; return n < 0 ? r.notNull("an element") : r.${read}(n);`;
    return this.define(this.fresh("element"), "r", body);
  }
}

function variableReader(type: ScalarType): string | undefined {
  return type === "string" ? "text" : type === "bytes" ? "copy" : type === "records" ? "view" : undefined;
}

class EncoderSource extends Source {
  struct(fields: Fields): string {
    const all = fieldsInVersion(fields, this.version, this.flexible);
    const lines: string[] = [];
    for (const f of all.filter((f) => !f.present && f.field.options.ignorable !== true)) {
      const refuse = `w.notInVersion(${JSON.stringify(f.name)}, ${this.version})`;
      lines.push(`if (o.${f.name} !== undefined && !${this.defaultTest(f.field, `o.${f.name}`)}) ${refuse};`);
    }
    for (const f of all.filter((f) => f.present && f.tag === undefined)) {
      const local = this.fresh("v");
      lines.push(`let ${local} = o.${f.name};`, `if (${local} === undefined) ${local} = ${this.defaultOf(f.field)};`);
      lines.push(...this.value(f, local));
    }
    if (this.flexible) lines.push(...this.taggedSection(all));
    return this.define(this.fresh("encode"), "w, o", lines.join("\n"));
  }

  private taggedSection(all: readonly FieldInVersion[]): string[] {
    const tagged = all.filter((f) => f.tag !== undefined).sort((a, b) => (a.tag as number) - (b.tag as number));
    const lines: string[] = ["let tags = 0;"];
    for (const f of tagged) {
      lines.push(`const has${f.tag} = o.${f.name} !== undefined && !${this.defaultTest(f.field, `o.${f.name}`)};`);
      lines.push(`if (has${f.tag}) tags++;`);
    }
    lines.push("const unknown = o.unknownTaggedFields;", "if (unknown !== undefined) tags += unknown.length;");
    lines.push("w.uvarint(tags);", "if (tags === 0) return;");
    for (const f of tagged) {
      lines.push(`if (has${f.tag}) {`, `const mark = w.openTaggedField(${f.tag});`, `const t = o.${f.name};`);
      if (f.field.type === "struct") {
        const encode = `${this.struct(f.field.fields)}(w, t);`;
        lines.push(f.nullable ? `if (t === null) w.uvarint(0); else { w.uvarint(1); ${encode} }` : encode);
      } else {
        lines.push(...this.value(f, "t"));
      }
      lines.push("w.closeTaggedField(mark);", "}");
    }
    lines.push("if (unknown !== undefined) for (const field of unknown) w.unknownTaggedField(field);");
    return lines;
  }

  /** An expression that says whether a value (not undefined) is the field's default. */
  private defaultTest(field: Field, value: string): string {
    const expected = defaultValue(field);
    if (field.type === "array" || field.type === "bytes") {
      if (expected === null) return `(${value} === null)`;
      return `(${value} !== null && ${value}.length === ${(expected as { length: number }).length})`;
    }
    if (field.type === "struct") return `${this.constant((given: unknown) => isDefault(field, given))}(${value})`;
    return `(${value} === ${this.defaultOf(field)})`;
  }

  private value(f: FieldInVersion, local: string): string[] {
    const { field, nullable, compact } = f;
    const refuse = `w.notNull(${JSON.stringify(f.name)})`;
    if (field.type === "struct") {
      const encode = this.struct(field.fields);
      if (!nullable) return [`if (${local} === null) ${refuse};`, `${encode}(w, ${local});`];
      return [`if (${local} === null) w.int8(-1); else { w.int8(1); ${encode}(w, ${local}); }`];
    }
    if (field.type === "array") {
      const whenNull = !nullable ? refuse : compact ? "w.uvarint(0)" : "w.int32(-1)";
      const count = compact ? `w.uvarint(${local}.length + 1)` : `w.int32(${local}.length)`;
      const element = field.element;
      const one =
        element.type === "struct"
          ? `${this.struct(element.fields)}(w, ${local}[i]);`
          : `${writeScalar(element.type, this.flexible)}(${local}[i]);`;
      return [
        `if (${local} === null) ${whenNull};`,
        `else { ${count}; for (let i = 0; i < ${local}.length; i++) ${one} }`,
      ];
    }
    const write = `${writeScalar(field.type, compact)}(${local});`;
    if (variableReader(field.type) === undefined) return [write];
    const whenNull = !nullable
      ? refuse
      : compact
        ? "w.uvarint(0)"
        : field.type === "string"
          ? "w.int16(-1)"
          : "w.int32(-1)";
    return [`if (${local} === null) ${whenNull}; else ${write}`];
  }
}

function writeScalar(type: ScalarType, compact: boolean): string {
  if (!compact) return `w.${type}`;
  if (type === "string") return "w.compactString";
  if (type === "bytes") return "w.compactBytes";
  if (type === "records") return "w.compactRecords";
  return `w.${type}`;
}
