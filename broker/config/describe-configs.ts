/**
 * Configs as DescribeConfigs shows them: value, where it comes from, what stands behind it.
 *
 * Owns: sources and synonyms, in Kafka's order. Leaves to handlers/configs.ts: which resources and keys are asked for.
 * Invariant: the value of a password, and of a config nobody knows, is never shown.
 */
import type { BrokerConfigLayers, ConfigTexts } from "./broker-config-layers.ts";
import { BROKER_CONFIG_KEYS, type BrokerConfigName, dynamicModeOf, settingOf } from "./broker-configs.ts";
import { CLIENT_METRICS_CONFIG_KEYS } from "./client-metrics-configs.ts";
import { type ConfigKey, defaultText, shownText } from "./config-key.ts";
import { CONFIG_TYPE_ID, formatValue } from "./config-value.ts";
import { brokerSynonymOfGroupConfig, GROUP_CONFIG_KEYS } from "./group-configs.ts";
import { topicDefault } from "./topic-config.ts";
import { BROKER_SYNONYMS, TOPIC_CONFIG_KEYS } from "./topic-configs.ts";

export const ConfigSource = {
  TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
  DYNAMIC_BROKER_LOGGER: 6,
  CLIENT_METRICS: 7,
  GROUP: 8,
} as const;
export type ConfigSource = (typeof ConfigSource)[keyof typeof ConfigSource];

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigSource;
}

export interface DescribedConfig {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly configSource: ConfigSource;
  readonly isSensitive: boolean;
  readonly synonyms: readonly ConfigSynonym[];
  /** 0: not known. */
  readonly configType: number;
}

/** Every config of a topic. */
export function describeTopic(layers: BrokerConfigLayers, overrides: ConfigTexts): DescribedConfig[] {
  return described(TOPIC_CONFIG_KEYS, overrides, ConfigSource.TOPIC, (name, key) => {
    const synonym = BROKER_SYNONYMS.get(name)?.[0]?.name;
    return {
      value: formatValue(key.type, topicDefault(name, key, layers.settings)),
      synonyms: synonym === undefined ? [] : brokerSynonyms(layers, synonym),
    };
  });
}

/** Every config of a group; it need not exist. */
export function describeGroup(layers: BrokerConfigLayers, overrides: ConfigTexts): DescribedConfig[] {
  return described(GROUP_CONFIG_KEYS, overrides, ConfigSource.GROUP, (name, key) => {
    const synonym = brokerSynonymOfGroupConfig(name);
    if (synonym !== undefined)
      return {
        value: formatValue(key.type, settingOf(layers.settings, synonym)),
        synonyms: brokerSynonyms(layers, synonym),
      };
    const value = defaultText(key);
    return { value, synonyms: [{ name, value, source: ConfigSource.DEFAULT }] };
  });
}

/** Every config of a client metrics subscription; it need not exist. */
export function describeClientMetrics(overrides: ConfigTexts): DescribedConfig[] {
  return described(CLIENT_METRICS_CONFIG_KEYS, overrides, ConfigSource.CLIENT_METRICS, (_name, key) => ({
    value: defaultText(key),
    synonyms: [],
  }));
}

/** Every config of the broker, those it was given without knowing them too. */
export function describeBroker(layers: BrokerConfigLayers): DescribedConfig[] {
  const names = new Set([
    ...BROKER_CONFIG_KEYS.keys(),
    ...layers.staticTexts.keys(),
    ...layers.dynamicClusterTexts.keys(),
    ...layers.dynamicOwnTexts.keys(),
  ]);
  return [...names].flatMap((name) => {
    const key = keyOf(name);
    const synonyms = brokerSynonyms(layers, name);
    if (key?.internal === true && synonyms[0]?.source !== ConfigSource.STATIC_BROKER) return [];
    const isSensitive = isHidden(key);
    return {
      name,
      value:
        key === undefined || isSensitive
          ? null
          : BROKER_CONFIG_KEYS.has(name)
            ? shownSetting(layers, name as BrokerConfigName, key, synonyms[0]?.value)
            : (synonyms[0]?.value ?? null),
      readOnly: isReadOnly(name),
      configSource: synonyms[0]?.source ?? ConfigSource.DEFAULT,
      isSensitive,
      synonyms,
      configType: typeId(key),
    };
  });
}

/** What is set for all brokers while they run, and nothing else. */
export function describeClusterDefault(layers: BrokerConfigLayers): DescribedConfig[] {
  return [...layers.dynamicClusterTexts].map(([name, text]) => {
    const key = keyOf(name);
    const isSensitive = isHidden(key);
    const value = isSensitive ? null : text;
    const source = ConfigSource.DYNAMIC_DEFAULT_BROKER;
    return {
      name,
      value,
      readOnly: isReadOnly(name),
      configSource: source,
      isSensitive,
      synonyms: [{ name, value, source }],
      configType: typeId(key),
    };
  });
}

function described(
  keys: ReadonlyMap<string, ConfigKey>,
  overrides: ConfigTexts,
  ownSource: ConfigSource,
  behind: (name: string, key: ConfigKey) => { value: string | null; synonyms: readonly ConfigSynonym[] },
): DescribedConfig[] {
  return [...keys].flatMap(([name, key]) => {
    const text = overrides.get(name);
    if (text === undefined && key.internal) return [];
    const { value, synonyms } = behind(name, key);
    const own = text === undefined ? undefined : shownText(name, key, text);
    const all = own === undefined ? synonyms : [{ name, value: own, source: ownSource }, ...synonyms];
    return {
      name,
      value: own ?? value,
      readOnly: false,
      configSource: all[0]?.source ?? ConfigSource.DEFAULT,
      isSensitive: false,
      synonyms: all,
      configType: typeId(key),
    };
  });
}

/** Broker configs that say the same in other units, most exact first. */
const FAMILIES: readonly (readonly string[])[] = [
  ["log.roll.ms", "log.roll.hours"],
  ["log.roll.jitter.ms", "log.roll.jitter.hours"],
  ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
  ["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
];

/** All that is set for a broker config and its family, what wins first; nothing where the config itself is not set anywhere. */
function brokerSynonyms(layers: BrokerConfigLayers, name: string): ConfigSynonym[] {
  const unprefixed = withoutListener(name);
  const family = FAMILIES.find((names) => names.includes(name)) ?? [...new Set([name, unprefixed])];
  const isSensitive = isHidden(keyOf(name));
  const defaults = new Map<string, string>();
  for (const member of family) {
    const key = BROKER_CONFIG_KEYS.get(member);
    const text = key === undefined ? null : defaultText(key);
    if (text !== null) defaults.set(member, text);
  }
  const sources = [
    [layers.dynamicOwnTexts, ConfigSource.DYNAMIC_BROKER],
    [layers.dynamicClusterTexts, ConfigSource.DYNAMIC_DEFAULT_BROKER],
    [layers.staticTexts, ConfigSource.STATIC_BROKER],
    [defaults, ConfigSource.DEFAULT],
  ] as const;
  const synonyms = sources.flatMap(([texts, source]) =>
    family.flatMap((member) => {
      const text = texts.get(member);
      return text === undefined ? [] : [{ name: member, value: isSensitive ? null : text, source }];
    }),
  );
  const first = synonyms.findIndex((synonym) => synonym.name === name);
  return first < 0 ? [] : synonyms.slice(first);
}

/** The setting as it is; from its text where that says more than the number does. */
function shownSetting(
  layers: BrokerConfigLayers,
  name: BrokerConfigName,
  key: ConfigKey,
  text: string | null | undefined,
): string | null {
  const value = settingOf(layers.settings, name);
  const isSaturated = value === Number.MAX_SAFE_INTEGER || value === Number.MIN_SAFE_INTEGER;
  return isSaturated && text !== null && text !== undefined ? shownText(name, key, text) : formatValue(key.type, value);
}

/** `listener.name.internal.ssl.keystore.type` is, for one listener, `ssl.keystore.type`. */
function withoutListener(name: string): string {
  return name.replace(/^listener\.name\.[^.]+\./, "");
}

function keyOf(name: string): ConfigKey | undefined {
  return BROKER_CONFIG_KEYS.get(withoutListener(name));
}

/** A config of one listener counts as read-only here, though it may be changed, as in Kafka. */
function isReadOnly(name: string): boolean {
  return dynamicModeOf(name) === "read-only" || name.startsWith("listener.name.");
}

/** Passwords are not shown, nor what nobody knows: it may be one. */
function isHidden(key: ConfigKey | undefined): boolean {
  return key === undefined || key.type === "PASSWORD";
}

function typeId(key: ConfigKey | undefined): number {
  return key === undefined ? 0 : CONFIG_TYPE_ID[key.type];
}
