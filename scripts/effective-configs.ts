/**
 * broker/config/effective-configs.ts, which says what settings have an effect here: those that some source reads as a field, and
 * those that stand behind a topic's. `npm run readme` writes it, tidy.ts checks that it is in step.
 */
import { BROKER_CONFIGS } from "../broker/config/broker-configs.ts";
import { camelCase } from "../broker/config/config-key.ts";
import { BROKER_SYNONYMS, type TopicConfigName } from "../broker/config/topic-configs.ts";
import type { ProjectFile } from "./project-files.ts";
import type { Finding } from "./tidy-rules.ts";

export const EFFECTIVE_CONFIGS_PATH = "broker/config/effective-configs.ts";

/** Configs of topics that act on nothing here, though brokers have a config behind them. */
const INERT_TOPIC_CONFIGS: readonly TopicConfigName[] = ["local.retention.bytes", "local.retention.ms"];

/** Where a table or a check names a field without anything following from it. */
const READS_NOTHING =
  /^broker\/config\/(?:tables\/|broker-configs\.ts|settings-checks\.ts|group-configs\.ts|alter-broker-configs\.ts|effective-configs\.ts)/;

/** Names of the broker configs that have an effect, in the order of the alphabet. */
export function effectiveConfigs(files: readonly ProjectFile[]): string[] {
  const sources = files
    .filter(({ path }) => /^(?:storage|broker|cluster|console|cli)\/.*\.ts$/.test(path) && !READS_NOTHING.test(path))
    .map(({ text }) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ""));
  const words = new Set(sources.flatMap((text) => text.match(/\b[a-z][A-Za-z0-9]*\b/g) ?? []));
  const behindTopics = new Set(
    [...BROKER_SYNONYMS]
      .filter(([name]) => !INERT_TOPIC_CONFIGS.includes(name as TopicConfigName))
      .flatMap(([, synonyms]) => synonyms.map((synonym) => synonym.name)),
  );
  return Object.keys(BROKER_CONFIGS)
    .filter((name) => behindTopics.has(name) || words.has(camelCase(name)))
    .sort();
}

export function renderEffectiveConfigs(files: readonly ProjectFile[]): string {
  return `/**
 * The broker configs that have an effect here. The others are accepted, shown, and do nothing. Written by \`npm run readme\`.
 */
export const EFFECTIVE_CONFIGS: ReadonlySet<string> = new Set([
${effectiveConfigs(files)
  .map((name) => `  ${JSON.stringify(name)},\n`)
  .join("")}]);
`;
}

/** Nothing when the file says what the sources say. */
export function findStaleEffectiveConfigs(files: readonly ProjectFile[]): Finding[] {
  const file = files.find(({ path }) => path === EFFECTIVE_CONFIGS_PATH);
  return file?.text === renderEffectiveConfigs(files)
    ? []
    : [{ path: EFFECTIVE_CONFIGS_PATH, problem: "is not what the sources say: npm run readme" }];
}
