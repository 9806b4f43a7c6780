/**
 * A regular expression as instructions, to be followed along every path at once.
 */
import type { CharSet } from "./char-set.ts";
import { type Assertion, type Regex, RegexSyntaxError } from "./syntax-tree.ts";

export type Instruction =
  /** Takes one character, and goes on. */
  | { readonly op: "chars"; readonly set: CharSet; readonly next: number }
  | { readonly op: "assertion"; readonly holds: Assertion; readonly next: number }
  | { readonly op: "either"; readonly next: number[] }
  | { readonly op: "matched" };

export interface Program {
  readonly instructions: readonly Instruction[];
  readonly start: number;
}

/**
 * Differs from Kafka: a subscription whose regular expression stands for more than 20,000 steps, counted repetitions written out, is
 * refused with INVALID_REGULAR_EXPRESSION; Kafka lets it take memory without limit.
 */
export const MAX_INSTRUCTIONS = 20_000;
/** Repetitions of nothing make no instructions, and take time. */
const MAX_VISITS = 10 * MAX_INSTRUCTIONS;

/** @throws RegexSyntaxError when it is too large. */
export function compileRegex(regex: Regex): Program {
  const instructions: Instruction[] = [{ op: "matched" }];
  const add = (instruction: Instruction): number => {
    if (instructions.length >= MAX_INSTRUCTIONS) throw new RegexSyntaxError("expression too large");
    return instructions.push(instruction) - 1;
  };

  let visits = 0;
  /** Instructions that match the expression and go on at `next`; returns where they begin. */
  const compile = (part: Regex, next: number): number => {
    if (++visits > MAX_VISITS) throw new RegexSyntaxError("expression too large");
    switch (part.kind) {
      case "chars":
        return add({ op: "chars", set: part.set, next });
      case "assertion":
        return add({ op: "assertion", holds: part.holds, next });
      case "sequence":
        return part.parts.reduceRight((then, each) => compile(each, then), next);
      case "choice":
        return add({ op: "either", next: part.parts.map((each) => compile(each, next)) });
      case "repetition":
        return compileRepetition(part, next);
    }
  };

  const compileRepetition = ({ of, min, max }: Extract<Regex, { kind: "repetition" }>, next: number): number => {
    let start = next;
    if (max === Number.POSITIVE_INFINITY) {
      const choices = [next];
      start = add({ op: "either", next: choices });
      choices.push(compile(of, start));
    } else {
      for (let i = min; i < max; i++) start = add({ op: "either", next: [compile(of, start), next] });
    }
    for (let i = 0; i < min; i++) start = compile(of, start);
    return start;
  };

  return { start: compile(regex, 0), instructions };
}
