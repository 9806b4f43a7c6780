/**
 * Regular expressions among the topics of a cluster, looked up in turns of the loop: requests are answered in between.
 */
import type { Clock } from "../../../../storage/clock.ts";
import { RegexSyntaxError } from "./syntax-tree.ts";
import { TopicPattern } from "./topic-pattern.ts";

/** Names matched in one turn, at a microsecond or so each. */
const MATCHES_PER_TURN = 2000;

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
    for (let left = MATCHES_PER_TURN; left > 0; left--) {
      const regex = regexes[regexAt];
      if (regex === undefined) {
        for (const topics of found.values()) topics.sort();
        done(found);
        return;
      }
      const name = names[nameAt];
      if (name === undefined || pattern === undefined) {
        pattern = patternOf(regexes[++regexAt]);
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
