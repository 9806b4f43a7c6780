/**
 * Which topics a regular expression stands for: those whose whole name matches.
 *
 * Owns: matching in time linear in the length of the name. All paths are followed at once; where they lead from a set of places
 * by one character is remembered.
 */
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { KafkaError } from "../../../../protocol/kafka-error.ts";
import { isWordChar } from "./char-set.ts";
import { compileRegex, type Program } from "./program.ts";
import { parseRegex } from "./regex-parser.ts";
import { type Assertion, RegexSyntaxError } from "./syntax-tree.ts";

/** Sets of places remembered for one expression, and how many they hold together; most have a few dozen of a few. */
const MAX_SETS = 1000;
const MAX_PLACES = 100_000;
const END = -1;

/** A set of instructions that come next, before assertions are looked at. */
interface Places {
  readonly starts: readonly number[];
  readonly atBegin: boolean;
  readonly behindWord: boolean;
  /** By the code of the next character; null: no path goes on. */
  readonly onward: Map<number, Places | null>;
  matchesHere: boolean | undefined;
}

/** @throws KafkaError INVALID_REGULAR_EXPRESSION. */
export function requireRegex(regex: string): void {
  try {
    compileRegex(parseRegex(regex));
  } catch (error) {
    if (!(error instanceof RegexSyntaxError)) throw error;
    const detail = `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${error.message}.`;
    throw new KafkaError(ErrorCode.INVALID_REGULAR_EXPRESSION, detail);
  }
}

export class TopicPattern {
  private readonly program: Program;
  /** Instructions looked at so far: what matching has cost. */
  steps = 0;
  private known = new Map<string, Places>();
  private knownPlaces = 0;
  private begin: Places;
  private readonly visited: Uint32Array;
  private visit = 0;

  /** @throws RegexSyntaxError */
  constructor(regex: string) {
    this.program = compileRegex(parseRegex(regex));
    this.visited = new Uint32Array(this.program.instructions.length);
    this.begin = newPlaces([this.program.start], true, false);
  }

  matches(name: string): boolean {
    let places = this.begin;
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i);
      let next = places.onward.get(code);
      if (next === undefined) {
        next = this.step(places, code);
        places.onward.set(code, next);
      }
      if (next === null) return false;
      places = next;
    }
    places.matchesHere ??= this.reached(places, END).matched;
    return places.matchesHere;
  }

  private step(places: Places, code: number): Places | null {
    const starts: number[] = [];
    for (const at of this.reached(places, code).chars) {
      const instruction = this.program.instructions[at];
      if (instruction?.op === "chars" && instruction.set[code] === 1) starts.push(instruction.next);
    }
    if (starts.length === 0) return null;
    const sorted = [...new Set(starts)].sort((a, b) => a - b);
    const behindWord = isWordChar(code);
    const key = `${behindWord} ${sorted.join()}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    if (this.known.size >= MAX_SETS || this.knownPlaces + sorted.length > MAX_PLACES) this.forget();
    const next = newPlaces(sorted, false, behindWord);
    this.known.set(key, next);
    this.knownPlaces += sorted.length;
    return next;
  }

  /** An expression that leads to ever new places is followed without memory of them. */
  private forget(): void {
    this.known = new Map();
    this.knownPlaces = 0;
    this.begin = newPlaces([this.program.start], true, false);
  }

  /** Where paths lead without taking a character. @param code of the character that comes next, or END. */
  private reached({ starts, atBegin, behindWord }: Places, code: number): { chars: number[]; matched: boolean } {
    const { visited } = this;
    const { instructions } = this.program;
    this.visit++;
    const chars: number[] = [];
    let matched = false;
    const boundary = behindWord !== (code !== END && isWordChar(code));
    const holds = (assertion: Assertion): boolean => {
      if (assertion === "begin") return atBegin;
      if (assertion === "end") return code === END;
      return assertion === "wordBoundary" ? boundary : !boundary;
    };
    const open = [...starts];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      this.steps++;
      if (visited[at] === this.visit) continue;
      visited[at] = this.visit;
      const instruction = instructions[at];
      if (instruction === undefined) continue;
      if (instruction.op === "chars") chars.push(at);
      else if (instruction.op === "matched") matched = true;
      else if (instruction.op === "either") for (const next of instruction.next) open.push(next);
      else if (holds(instruction.holds)) open.push(instruction.next);
    }
    return { chars, matched };
  }
}

function newPlaces(starts: readonly number[], atBegin: boolean, behindWord: boolean): Places {
  return { starts, atBegin, behindWord, onward: new Map(), matchesHere: undefined };
}
