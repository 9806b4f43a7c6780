/**
 * Writes the encoding rules of interpret.ts as JavaScript source, one function per (message, version), for production.
 *
 * Owns: speed. Neighbours of fixed size are reserved once and written through a DataView. In the source, `w` is the Writer and
 * `o` the struct that is written.
 */
import type { ArrayField, Field, Fields, ScalarType } from "./field.ts";
import { DATA_VIEW_NAMES, fixedSize, GeneratedSource, runsOf } from "./generated-source.ts";
import type { Encoder } from "./interpret.ts";
import { defaultValue, type FieldInVersion, fieldsInVersion, isFlexible, type Message } from "./message.ts";

export function compileEncoder(message: Message, version: number): Encoder {
  const source = new EncoderSource(version, isFlexible(message, version));
  return source.build(source.struct(message.fields)) as Encoder;
}

class EncoderSource extends GeneratedSource {
  /** Defines the function that encodes a struct, and gives its name. */
  struct(fields: Fields): string {
    const all = fieldsInVersion(fields, this.version, this.flexible);
    const lines: string[] = [];
    for (const { name, field, present } of all) {
      if (present || field.options.ignorable === true) continue;
      const refuse = `w.notInVersion(${JSON.stringify(name)}, ${this.version});`;
      lines.push(`if (!${this.isDefault(field, `o.${name}`)}) ${refuse}`);
    }
    for (const run of runsOf(all)) {
      if (Array.isArray(run)) lines.push(...this.fixedRun(run));
      else lines.push(...this.field(run as FieldInVersion));
    }
    if (this.flexible) lines.push(...this.taggedSection(all));
    return this.define(this.fresh("encode"), "w, o", lines);
  }

  /** Reads a field into a local, its default where it is left out. */
  private local({ name, field }: FieldInVersion, local: string): string {
    return `let ${local} = o.${name}; if (${local} === undefined) ${local} = ${this.defaultOf(field)};`;
  }

  private fixedRun(run: readonly FieldInVersion[]): string[] {
    const at = this.fresh("p");
    const data = this.fresh("d");
    const lines: string[] = [];
    let size = 0;
    for (const f of run) {
      const local = this.fresh("v");
      lines.push(this.local(f, local), writeAt(f.field.type as ScalarType, data, `${at} + ${size}`, local));
      size += fixedSize(f.field.type) as number;
    }
    return [`const ${at} = w.reserve(${size}), ${data} = w.data;`, ...lines];
  }

  private field(f: FieldInVersion): string[] {
    const local = this.fresh("v");
    return [this.local(f, local), ...this.value(f, local)];
  }

  /** Statements that write a value which is not undefined. */
  private value(f: FieldInVersion, local: string): string[] {
    const { field, nullable, compact } = f;
    const refuse = `w.notNull(${JSON.stringify(f.name)});`;
    if (field.type === "struct") {
      const encode = `${this.struct(field.fields)}(w, ${local});`;
      if (!nullable) return [`if (${local} === null) ${refuse}`, encode];
      return [`if (${local} === null) w.int8(-1); else { w.int8(1); ${encode} }`];
    }
    if (fixedSize(field.type) !== undefined) return [`w.${field.type}(${local});`];
    const noLength = compact ? "w.uvarint(0);" : field.type === "string" ? "w.int16(-1);" : "w.int32(-1);";
    const write =
      field.type === "array" ? this.elements(field, compact, local) : `w.${writerOf(field.type, compact)}(${local});`;
    return [`if (${local} === null) ${nullable ? noLength : refuse}`, `else { ${write} }`];
  }

  /** Statements that write the count of an array and its elements. */
  private elements(field: ArrayField, compact: boolean, array: string): string {
    const { element } = field;
    const count = `const n = ${array}.length; ${compact ? "w.uvarint(n + 1);" : "w.int32(n);"}`;
    const loop = (write: string) => `for (let i = 0; i < n; i++) ${write}`;
    if (element.type === "struct") return `${count} ${loop(`${this.struct(element.fields)}(w, ${array}[i]);`)}`;
    const size = fixedSize(element.type);
    if (size === undefined) return `${count} ${loop(`w.${writerOf(element.type, this.flexible)}(${array}[i]);`)}`;
    const one = writeAt(element.type, "d", `p + ${size} * i`, `${array}[i]`);
    return `${count} const p = w.reserve(${size} * n), d = w.data; ${loop(one)}`;
  }

  private taggedSection(all: readonly FieldInVersion[]): string[] {
    const tagged = all.filter((f) => f.tag !== undefined).sort((a, b) => (a.tag as number) - (b.tag as number));
    const lines: string[] = ["let tags = 0;"];
    for (const f of tagged) {
      lines.push(`const has${f.tag} = !${this.isDefault(f.field, `o.${f.name}`)};`, `if (has${f.tag}) tags++;`);
    }
    lines.push("const unknown = o.unknownTaggedFields;", "if (unknown !== undefined) tags += unknown.length;");
    lines.push("w.uvarint(tags);", "if (tags === 0) return;", "let next = 0;");
    for (const f of tagged) {
      lines.push(`if (has${f.tag}) {`);
      lines.push(`if (unknown !== undefined) next = w.unknownTaggedFields(unknown, next, ${f.tag});`);
      lines.push(`const mark = w.openTaggedField(${f.tag});`, `const t = o.${f.name};`, ...this.taggedValue(f));
      lines.push("w.closeTaggedField(mark);", "}");
    }
    lines.push("if (unknown !== undefined) w.unknownTaggedFields(unknown, next, Infinity);");
    return lines;
  }

  private taggedValue(f: FieldInVersion): string[] {
    if (f.field.type !== "struct") return this.value(f, "t");
    const encode = `${this.struct(f.field.fields)}(w, t);`;
    if (f.nullable) return [`if (t === null) w.uvarint(0); else { w.uvarint(1); ${encode} }`];
    return [`if (t === null) w.notNull(${JSON.stringify(f.name)});`, encode];
  }

  /** An expression that says whether a value is undefined or the field's default. */
  private isDefault(field: Field, value: string): string {
    const expected = defaultValue(field);
    if (expected === null) return `(${value} === undefined || ${value} === null)`;
    if (field.type === "array" || field.type === "bytes")
      return `(${value} === undefined || (${value} !== null && ${value}.length === 0))`;
    if (field.type === "struct") return `${this.isDefaultStruct(field.fields)}(${value})`;
    return `(${value} === undefined || ${value} === ${this.defaultOf(field)})`;
  }

  private isDefaultStruct(fields: Fields): string {
    const inner = Object.entries(fields as Record<string, Field>).map(([name, f]) => this.isDefault(f, `s.${name}`));
    return this.define(this.fresh("isDefault"), "s", [
      "if (s === undefined) return true;",
      "if (s === null || (s.unknownTaggedFields !== undefined && s.unknownTaggedFields.length > 0)) return false;",
      `return ${["true", ...inner].join(" && ")};`,
    ]);
  }
}

/** A statement that writes a type of fixed size at a position that was reserved. */
function writeAt(type: ScalarType, data: string, at: string, value: string): string {
  if (type === "bool") return `${data}.setInt8(${at}, ${value} ? 1 : 0);`;
  if (type === "int64" || type === "uuid") return `w.${type}At(${at}, ${value});`;
  return `${data}.set${DATA_VIEW_NAMES[type]}(${at}, ${value});`;
}

function writerOf(type: ScalarType, compact: boolean): string {
  return compact ? `compact${(type[0] as string).toUpperCase()}${type.slice(1)}` : type;
}
