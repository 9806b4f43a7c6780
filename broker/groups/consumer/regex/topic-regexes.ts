/**
 * Regular expressions among the topics of a cluster, looked up in turns of the loop: requests are answered in between.
 */
import type { Clock } from "../../../../storage/clock.ts";
import { RegexSyntaxError } from "./syntax-tree.ts";
import { TopicPattern } from "./topic-pattern.ts";

/** In one turn, at a microsecond or so each. */
const MATCHES_PER_TURN = 2000;
/** Some milliseconds' worth; one name can take a few times as much. */
const STEPS_PER_TURN = 200_000;

/** @param done gets the sorted names each expression stands for, in a later turn. */
export function resolveRegexes(
  regexes: readonly string[],
  names: readonly string[],
  clock: Clock,
  done: (topics: ReadonlyMap<string, readonly string[]>) => void,
): void {
  const found = new Map<string, string[]>(regexes.map((regex) => [regex, []]));
  let regexAt = 0;
  let nameAt = 0;
  let pattern = patternOf(regexes[0]);
  const turn = (): void => {
    let steps = pattern?.steps ?? 0;
    for (let left = MATCHES_PER_TURN; left > 0 && (pattern?.steps ?? 0) - steps < STEPS_PER_TURN; left--) {
      const regex = regexes[regexAt];
      if (regex === undefined) {
        for (const topics of found.values()) topics.sort();
        done(found);
        return;
      }
      const name = names[nameAt];
      if (name === undefined || pattern === undefined) {
        pattern = patternOf(regexes[++regexAt]);
        steps = 0;
        nameAt = 0;
        continue;
      }
      if (pattern.matches(name)) found.get(regex)?.push(name);
      nameAt++;
    }
    clock.afterPoll(turn);
  };
  clock.afterPoll(turn);
}

/** They were valid when members brought them; what another coordinator took for valid and we do not stands for nothing. */
function patternOf(regex: string | undefined): TopicPattern | undefined {
  if (regex === undefined) return undefined;
  try {
    return new TopicPattern(regex);
  } catch (error) {
    if (!(error instanceof RegexSyntaxError)) throw error;
    return undefined;
  }
}
