/**
 * Classes of characters in a regular expression: brackets, and the escapes that stand for a class.
 */
import {
  type CharSet,
  charRange,
  charSet,
  DIGIT,
  inverted,
  POSIX_CLASSES,
  SPACE,
  unicodeClass,
  union,
  WORD,
} from "./char-set.ts";
import type { RegexCursor } from "./regex-cursor.ts";
import { RegexSyntaxError } from "./syntax-tree.ts";

const PERL_CLASSES: ReadonlyMap<string, CharSet> = new Map([
  ["d", DIGIT],
  ["s", SPACE],
  ["w", WORD],
]);

/** `[...]`; the cursor is behind the bracket. */
export function parseBrackets(cursor: RegexCursor, foldsCase: boolean): CharSet {
  const start = cursor.at - 1;
  const negated = cursor.take("^");
  const sets: CharSet[] = [];
  // A bracket that comes first is a character.
  for (let first = true; first || cursor.peek() !== "]"; first = false) {
    if (!cursor.more) throw new RegexSyntaxError(`missing closing ]: \`${cursor.chars.slice(start).join("")}\``);
    sets.push(
      parsePosixClass(cursor, foldsCase) ?? parseClassEscape(cursor, foldsCase) ?? parseRange(cursor, foldsCase),
    );
  }
  cursor.next();
  const set = union(sets);
  return negated ? inverted(set) : set;
}

/** `[:alpha:]` inside of brackets. */
function parsePosixClass(cursor: RegexCursor, foldsCase: boolean): CharSet | undefined {
  const start = cursor.at;
  if (!cursor.take("[:")) return undefined;
  const name = cursor.takeUntil(":]");
  if (name === undefined) {
    cursor.at = start;
    return undefined;
  }
  const negated = name.startsWith("^");
  const set = POSIX_CLASSES.get(negated ? name.slice(1) : name);
  if (set === undefined) throw new RegexSyntaxError(`invalid character class range: \`[:${name}:]\``);
  return classOf(set, negated, foldsCase);
}

/** `\d`, `\pL`, `\p{Greek}` and the like; undefined when something else comes next. */
export function parseClassEscape(cursor: RegexCursor, foldsCase: boolean): CharSet | undefined {
  if (cursor.peek() !== "\\") return undefined;
  const letter = cursor.peek(1);
  const set = PERL_CLASSES.get(letter.toLowerCase());
  if (set !== undefined) {
    cursor.at += 2;
    return PERL_CLASSES.has(letter) ? set : inverted(set);
  }
  return letter === "p" || letter === "P" ? parseUnicodeClass(cursor, foldsCase) : undefined;
}

function parseUnicodeClass(cursor: RegexCursor, foldsCase: boolean): CharSet {
  const start = cursor.at;
  cursor.at++;
  let negated = cursor.next() === "P";
  const said = cursor.take("{") ? cursor.takeUntil("}") : cursor.next();
  let name = said ?? "";
  if (name.startsWith("^")) {
    negated = !negated;
    name = name.slice(1);
  }
  const set = unicodeClass(name);
  if (set === undefined) {
    throw new RegexSyntaxError(`invalid character class range: \`${cursor.chars.slice(start, cursor.at).join("")}\``);
  }
  return classOf(set, negated, foldsCase);
}

function classOf(set: CharSet, negated: boolean, foldsCase: boolean): CharSet {
  const folded = foldsCase ? charSet((char) => has(set, char.toLowerCase()) || has(set, char.toUpperCase())) : set;
  return negated ? inverted(folded) : folded;
}

function has(set: CharSet, char: string): boolean {
  return set[char.charCodeAt(0)] === 1;
}

function parseRange(cursor: RegexCursor, foldsCase: boolean): CharSet {
  const start = cursor.at;
  const low = takeChar(cursor);
  let high = low;
  // A dash before the closing bracket is a character.
  if (cursor.peek() === "-" && cursor.peek(1) !== "]" && cursor.peek(1) !== "") {
    cursor.next();
    high = takeChar(cursor);
  }
  if (high < low) {
    throw new RegexSyntaxError(`invalid character class range: \`${cursor.chars.slice(start, cursor.at).join("")}\``);
  }
  return charRange(low, high, foldsCase);
}

function takeChar(cursor: RegexCursor): number {
  return cursor.take("\\") ? cursor.takeEscape() : (cursor.next().codePointAt(0) as number);
}
