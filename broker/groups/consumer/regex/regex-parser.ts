/**
 * The syntax of regular expressions as RE2 has it, errors included.
 *
 * Owns: what is an expression. It is read in one pass without recursion, so that no nesting, however deep, does harm.
 */
import { ANY_CHAR, charRange } from "./char-set.ts";
import { parseBrackets, parseClassEscape } from "./class-parser.ts";
import { RegexCursor } from "./regex-cursor.ts";
import { type Assertion, EMPTY, type Regex, RegexSyntaxError } from "./syntax-tree.ts";

const MAX_REPEAT = 1000;
/** Deeper ones are no expressions that people write. */
const MAX_DEPTH = 1000;

/** What is open: the alternatives read so far, the one being read. */
interface Group {
  readonly alternatives: Regex[];
  parts: Regex[];
  /** Of the text around the group, which holds again behind it. */
  readonly foldsCaseOutside: boolean;
}

const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  A: "begin",
  z: "end",
  b: "wordBoundary",
  B: "noWordBoundary",
};

/** @throws RegexSyntaxError */
export function parseRegex(text: string): Regex {
  return new RegexParser(text).parse();
}

class RegexParser {
  private readonly cursor: RegexCursor;
  private readonly groups: Group[] = [{ alternatives: [], parts: [], foldsCaseOutside: false }];
  private readonly names = new Set<string>();
  private foldsCase = false;
  /** A repetition ended here: another one must not follow. */
  private repeatedAt = -1;

  constructor(text: string) {
    this.cursor = new RegexCursor(text);
  }

  parse(): Regex {
    const { cursor } = this;
    while (cursor.more) this.parseNext(cursor.peek());
    if (this.groups.length > 1) throw new RegexSyntaxError(`missing closing ): \`${cursor.chars.join("")}\``);
    return whole(this.top);
  }

  private get top(): Group {
    return this.groups.at(-1) as Group;
  }

  private parseNext(char: string): void {
    const { cursor } = this;
    switch (char) {
      case "(":
        this.open();
        break;
      case "|":
        cursor.next();
        this.top.alternatives.push(sequence(this.top.parts));
        this.top.parts = [];
        break;
      case ")":
        this.close();
        break;
      case "^":
      case "$":
        cursor.next();
        this.push({ kind: "assertion", holds: char === "^" ? "begin" : "end" });
        break;
      case ".":
        cursor.next();
        this.push({ kind: "chars", set: ANY_CHAR });
        break;
      case "[":
        cursor.next();
        this.push({ kind: "chars", set: parseBrackets(cursor, this.foldsCase) });
        break;
      case "*":
      case "+":
      case "?":
        cursor.next();
        this.repeat(char === "+" ? 1 : 0, char === "?" ? 1 : Number.POSITIVE_INFINITY, cursor.at - 1);
        break;
      case "{":
        this.parseCount();
        break;
      case "\\":
        this.parseBackslash();
        break;
      default:
        cursor.next();
        this.pushLiteral(char.codePointAt(0) as number);
    }
  }

  private push(regex: Regex): void {
    this.top.parts.push(regex);
  }

  private pushLiteral(code: number): void {
    this.push({ kind: "chars", set: charRange(code, code, this.foldsCase) });
  }

  // Groups.

  private open(): void {
    const { cursor } = this;
    const start = cursor.at;
    cursor.next();
    const outside = this.foldsCase;
    if (cursor.take("?")) {
      if (cursor.take("P<") || cursor.take("<")) this.parseName(start);
      else if (!this.parseFlags(start)) return;
    }
    if (this.groups.length > MAX_DEPTH) throw new RegexSyntaxError("expression nests too deeply");
    this.groups.push({ alternatives: [], parts: [], foldsCaseOutside: outside });
  }

  private parseName(start: number): void {
    const { cursor, names } = this;
    const name = cursor.takeUntil(">");
    if (name === undefined || !/^[0-9A-Za-z_]+$/.test(name)) {
      throw new RegexSyntaxError(`invalid named capture: \`${cursor.chars.slice(start, cursor.at).join("")}\``);
    }
    if (names.has(name)) throw new RegexSyntaxError(`duplicate capture group name: \`${name}\``);
    names.add(name);
  }

  /** `(?i)`, `(?i-s:`; false when no group was opened. */
  private parseFlags(start: number): boolean {
    const { cursor } = this;
    let foldsCase = this.foldsCase;
    let negated = false;
    let sawFlag = false;
    for (;;) {
      const char = cursor.next();
      if ("imsU".includes(char) && char !== "") {
        if (char === "i") foldsCase = !negated;
        sawFlag = true;
      } else if (char === "-" && !negated) {
        negated = true;
        sawFlag = false;
      } else if ((char === ":" || char === ")") && (!negated || sawFlag)) {
        this.foldsCase = foldsCase;
        return char === ":";
      } else {
        const text = cursor.chars.slice(start, cursor.at).join("");
        throw new RegexSyntaxError(`invalid or unsupported Perl syntax: \`${text}\``);
      }
    }
  }

  private close(): void {
    const { cursor, groups } = this;
    if (groups.length === 1) throw new RegexSyntaxError(`unexpected ): \`${cursor.chars.join("")}\``);
    cursor.next();
    const group = groups.pop() as Group;
    this.foldsCase = group.foldsCaseOutside;
    this.push(whole(group));
  }

  // Repetitions.

  /** @param start where the operator begins. */
  private repeat(min: number, max: number, start: number): void {
    const { cursor, top } = this;
    cursor.take("?");
    const operator = cursor.chars.slice(start, cursor.at).join("");
    const of = top.parts.pop();
    if (of === undefined) throw new RegexSyntaxError(`missing argument to repetition operator: \`${operator}\``);
    if (this.repeatedAt === start) throw new RegexSyntaxError(`invalid nested repetition operator: \`${operator}\``);
    top.parts.push({ kind: "repetition", of, min, max });
    this.repeatedAt = cursor.at;
  }

  /** `{2}`, `{2,}`, `{2,5}`; any other brace is a character. */
  private parseCount(): void {
    const { cursor } = this;
    const start = cursor.at;
    cursor.next();
    const min = cursor.takeInteger();
    let max = min;
    if (min !== undefined && cursor.take(",")) {
      max = cursor.peek() === "}" ? Number.POSITIVE_INFINITY : cursor.takeInteger();
    }
    if (min === undefined || max === undefined || !cursor.take("}")) {
      cursor.at = start + 1;
      this.pushLiteral("{".charCodeAt(0));
      // A repetition must not follow it all the same: so it is in the library that Kafka uses.
      this.repeatedAt = cursor.at;
      return;
    }
    if (min > MAX_REPEAT || (Number.isFinite(max) && max > MAX_REPEAT) || min > max) {
      throw new RegexSyntaxError(`invalid repeat count: \`${cursor.chars.slice(start, cursor.at).join("")}\``);
    }
    this.repeat(min, max, start);
  }

  // Escapes.

  private parseBackslash(): void {
    const { cursor } = this;
    const holds = ASSERTIONS[cursor.peek(1)];
    if (holds !== undefined) {
      cursor.at += 2;
      this.push({ kind: "assertion", holds });
      return;
    }
    if (cursor.take("\\Q")) {
      const literal = cursor.takeUntil("\\E") ?? cursor.takeRest();
      for (const char of literal) this.pushLiteral(char.codePointAt(0) as number);
      return;
    }
    const set = parseClassEscape(cursor, this.foldsCase);
    if (set !== undefined) {
      this.push({ kind: "chars", set });
      return;
    }
    cursor.next();
    this.pushLiteral(cursor.takeEscape());
  }
}

function sequence(parts: readonly Regex[]): Regex {
  return parts.length === 1 ? (parts[0] as Regex) : parts.length === 0 ? EMPTY : { kind: "sequence", parts };
}

function whole({ alternatives, parts }: Group): Regex {
  const last = sequence(parts);
  return alternatives.length === 0 ? last : { kind: "choice", parts: [...alternatives, last] };
}
