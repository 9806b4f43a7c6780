/**
 * A place in the text of a regular expression, by code points, and the escapes that stand for one of them.
 */
import { RegexSyntaxError } from "./syntax-tree.ts";

const MAX_CODE_POINT = 0x10ffff;
const ESCAPED_CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

export class RegexCursor {
  readonly chars: readonly string[];
  at = 0;

  constructor(text: string) {
    this.chars = [...text];
  }

  get more(): boolean {
    return this.at < this.chars.length;
  }

  /** "" at the end. */
  peek(ahead = 0): string {
    return this.chars[this.at + ahead] ?? "";
  }

  next(): string {
    return this.chars[this.at++] ?? "";
  }

  lookingAt(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.peek(i) !== text[i]) return false;
    return true;
  }

  /** Goes past the text if it comes next. */
  take(text: string): boolean {
    if (!this.lookingAt(text)) return false;
    this.at += text.length;
    return true;
  }

  /** What is left before the text, which is gone past; undefined, and nowhere gone, when it does not come. */
  takeUntil(text: string): string | undefined {
    const start = this.at;
    for (let at = start; at + text.length <= this.chars.length; at++) {
      this.at = at;
      if (!this.lookingAt(text)) continue;
      this.at = at + text.length;
      return this.chars.slice(start, at).join("");
    }
    this.at = start;
    return undefined;
  }

  takeRest(): string {
    const rest = this.chars.slice(this.at).join("");
    this.at = this.chars.length;
    return rest;
  }

  /** A decimal number without needless zeros; undefined when there is none. */
  takeInteger(): number | undefined {
    const start = this.at;
    while (/^[0-9]$/.test(this.peek())) this.at++;
    const digits = this.chars.slice(start, this.at).join("");
    if (digits === "" || (digits.length > 1 && digits.startsWith("0"))) return undefined;
    return Math.min(Number(digits), MAX_CODE_POINT);
  }

  /** The code point an escape stands for. To be called behind the backslash. */
  takeEscape(): number {
    if (!this.more) throw new RegexSyntaxError("trailing backslash at end of expression");
    const start = this.at;
    const char = this.next();
    const control = ESCAPED_CONTROLS[char];
    if (control !== undefined) return control;
    if (/^[1-7]$/.test(char) && /^[0-7]$/.test(this.peek())) return this.takeOctal(char);
    if (char === "0") return this.takeOctal(char);
    const code = char === "x" ? this.takeHex() : /^[0-9A-Za-z]$/.test(char) ? undefined : char.codePointAt(0);
    if (code !== undefined) return code;
    const text = this.chars.slice(start, Math.max(this.at, start + 1)).join("");
    throw new RegexSyntaxError(`invalid escape sequence: \`\\${text}\``);
  }

  private takeOctal(first: string): number {
    let digits = first;
    while (digits.length < 3 && /^[0-7]$/.test(this.peek())) digits += this.next();
    return Number.parseInt(digits, 8);
  }

  private takeHex(): number | undefined {
    const digits = this.take("{") ? this.takeUntil("}") : this.next() + this.next();
    if (digits === undefined || !/^[0-9A-Fa-f]+$/.test(digits)) return undefined;
    const code = Number.parseInt(digits, 16);
    return code > MAX_CODE_POINT ? undefined : code;
  }
}
