/**
 * The configs of one broker, layer over layer: defaults, what it was started with, what is set for all brokers while they run,
 * what is set for this one. The settings are live: they follow the dynamic layers.
 *
 * Owns: which layer wins. Leaves to topic-config.ts: what follows for a topic; to describe-configs.ts: how it is shown.
 * Invariant: a setting always holds a valid value; a dynamic value that is none is passed over, as if it were not there.
 */
import { BROKER_CONFIG_KEYS, type BrokerConfig, type BrokerConfigName } from "./broker-configs.ts";
import { type ConfigKey, camelCase, parseConfig } from "./config-key.ts";
import { ConfigError, type ConfigValue } from "./config-value.ts";
import { checkSettingsTogether } from "./settings-checks.ts";

/** Texts by Kafka's name. */
export type ConfigTexts = ReadonlyMap<string, string>;

const NONE: ConfigTexts = new Map();

/** Names that mean the same to a broker; setting one sets the other. */
const ALIASES: readonly (readonly [string, string])[] = [
  ["node.id", "broker.id"],
  ["broker.id", "node.id"],
];

type MutableSettings = { -readonly [K in keyof BrokerConfig]: ConfigValue };

export class BrokerConfigLayers {
  /** Every setting as it is now. The object stays the same; its fields change with the dynamic layers. */
  readonly settings: BrokerConfig;
  readonly staticTexts: ConfigTexts;
  private clusterTexts: ConfigTexts = NONE;
  private ownTexts: ConfigTexts = NONE;
  private readonly values: MutableSettings;
  private readonly onChange: ((changed: readonly BrokerConfigName[]) => void)[] = [];

  /**
   * @param staticTexts what the broker was started with. Names that no table knows are kept and shown, as Kafka does.
   * @throws ConfigError a value is refused, or some together.
   */
  constructor(staticTexts: ConfigTexts = NONE) {
    this.staticTexts = withAliases(staticTexts);
    this.values = {} as MutableSettings;
    for (const [name, key] of BROKER_CONFIG_KEYS) {
      const text = this.staticTexts.get(name);
      this.values[camelCase(name) as keyof BrokerConfig] =
        text === undefined ? key.defaultValue : parseConfig(name, key, text);
    }
    this.settings = this.values as BrokerConfig;
    checkSettingsTogether(this.settings);
  }

  get nodeId(): number {
    return this.settings.nodeId ?? -1;
  }

  /** What is set for all brokers, as texts. */
  get dynamicClusterTexts(): ConfigTexts {
    return this.clusterTexts;
  }

  /** What is set for this broker, as texts. */
  get dynamicOwnTexts(): ConfigTexts {
    return this.ownTexts;
  }

  /** Runs after settings changed; with their names. */
  whenChanged(run: (changed: readonly BrokerConfigName[]) => void): void {
    this.onChange.push(run);
  }

  /** Takes over the dynamic layers: all that is set for all brokers, and for this one. Returns what could not be used, for the log. */
  setDynamic(cluster: ConfigTexts, own: ConfigTexts): readonly ConfigError[] {
    const names = new Set([...this.clusterTexts.keys(), ...this.ownTexts.keys(), ...cluster.keys(), ...own.keys()]);
    this.clusterTexts = new Map(cluster);
    this.ownTexts = new Map(own);
    const changed: BrokerConfigName[] = [];
    const refused: ConfigError[] = [];
    for (const name of names) {
      const key = BROKER_CONFIG_KEYS.get(name);
      if (key === undefined || key.dynamic === "read-only") continue;
      const field = camelCase(name) as keyof BrokerConfig;
      const value = this.resolve(name, key, refused);
      if (isSame(value, this.values[field])) continue;
      this.values[field] = value;
      changed.push(name as BrokerConfigName);
    }
    if (changed.length > 0) for (const run of this.onChange) run(changed);
    return refused;
  }

  /** What the settings would be with other texts of this broker's own; the rest as it is. @throws ConfigError */
  settingsWith(cluster: ConfigTexts, own: ConfigTexts): BrokerConfig {
    const other = new BrokerConfigLayers(this.staticTexts);
    const [refused] = other.setDynamic(cluster, own);
    if (refused !== undefined) throw refused;
    checkSettingsTogether(other.settings);
    return other.settings;
  }

  private resolve(name: string, key: ConfigKey, refused: ConfigError[]): ConfigValue {
    for (const layer of [this.ownTexts, this.clusterTexts, this.staticTexts]) {
      const text = layer.get(name);
      if (text === undefined) continue;
      try {
        return parseConfig(name, key, text);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        refused.push(error);
      }
    }
    return key.defaultValue;
  }
}

function withAliases(texts: ConfigTexts): ConfigTexts {
  const all = new Map(texts);
  for (const [name, alias] of ALIASES) {
    const text = texts.get(name);
    if (text !== undefined && !all.has(alias)) all.set(alias, text);
  }
  return all;
}

function isSame(a: ConfigValue, b: ConfigValue): boolean {
  return Array.isArray(a) && Array.isArray(b) ? a.join() === b.join() : Object.is(a, b);
}
