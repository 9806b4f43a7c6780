/**
 * What to say of a setting that nobody knows: which one may have been meant.
 */
import { BROKER_CONFIG_KEYS } from "./broker-configs.ts";
import { BROKER_SYNONYMS, TOPIC_CONFIG_KEYS } from "./topic-configs.ts";

export function unknownSetting(name: string): string {
  const forAllTopics = BROKER_SYNONYMS.get(name)?.[0]?.name;
  if (forAllTopics !== undefined) return `${name} is a config of topics; for all of them set ${forAllTopics}`;
  if (TOPIC_CONFIG_KEYS.has(name)) return `${name} is a config of topics, not of nodes`;
  const similar = similarSetting(name);
  return `unknown setting ${name}${similar === undefined ? "" : `; did you mean ${similar}?`}`;
}

/** The known name with the fewest letters to change, if they are few. */
function similarSetting(name: string): string | undefined {
  let best: string | undefined;
  let fewest = Math.max(2, Math.floor(name.length / 5)) + 1;
  for (const known of BROKER_CONFIG_KEYS.keys()) {
    const letters = lettersToChange(name.toLowerCase(), known);
    if (letters < fewest) [best, fewest] = [known, letters];
  }
  return best;
}

/** Letters to add, drop or replace (Levenshtein's distance), row by row. */
function lettersToChange(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
