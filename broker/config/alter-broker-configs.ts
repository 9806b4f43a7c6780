/**
 * What a running broker lets be changed of itself, and of all brokers: checked by the broker that is asked, before the controller is.
 *
 * Owns: dynamic modes and the checks of values against what runs here. Leaves to the controller: what is kept.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { BrokerConfigLayers, ConfigTexts } from "./broker-config-layers.ts";
import { BROKER_CONFIG_KEYS, type BrokerConfigName, dynamicModeOf, settingOf } from "./broker-configs.ts";
import { defaultText } from "./config-key.ts";
import { appended, type ConfigOperation, ConfigOperationType, subtracted } from "./config-operation.ts";
import { ConfigError } from "./config-value.ts";

/**
 * The configs of a broker, or with the name "" of all, once operations are done.
 * @throws KafkaError INVALID_CONFIG adding to, or taking from, what is no list
 */
export function afterOperations(current: ConfigTexts, operations: readonly ConfigOperation[]): Map<string, string> {
  const after = new Map(current);
  for (const { name, configOperation, value } of operations) {
    if (configOperation === ConfigOperationType.DELETE) after.delete(name);
    else if (configOperation === ConfigOperationType.SET) after.set(name, value as string);
    else {
      const key = BROKER_CONFIG_KEYS.get(name);
      const isAppend = configOperation === ConfigOperationType.APPEND;
      if (key === undefined) throw new KafkaError(ErrorCode.INVALID_CONFIG, `Unknown config name: ${name}`);
      if (key.type !== "LIST")
        throw new KafkaError(
          ErrorCode.INVALID_CONFIG,
          `Config value ${isAppend ? "append" : "subtract"} is not allowed for config key: ${name}`,
        );
      const before = after.get(name) ?? defaultText(key);
      after.set(name, isAppend ? appended(before, value as string) : subtracted(before, value as string));
    }
  }
  return after;
}

/** Names the broker, or all with "". @throws KafkaError INVALID_REQUEST */
export function checkBrokerName(name: string, nodeId: number): void {
  if (name === "") return;
  if (!/^[+-]?\d+$/.test(name))
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Node id must be an integer, but it is: ${name}`);
  if (Number(name) !== nodeId)
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unexpected broker id, expected ${nodeId}, but received ${name}`);
}

/** Only with the prefix of a listener may these change while a broker runs. */
const PER_LISTENER_ONLY: ReadonlySet<string> = new Set([
  "ssl.truststore.location",
  "ssl.truststore.certificates",
  "ssl.truststore.password",
  "ssl.truststore.type",
  "ssl.keystore.location",
  "ssl.keystore.password",
  "ssl.keystore.certificate.chain",
  "ssl.keystore.key",
  "ssl.keystore.type",
  "ssl.key.password",
]);

/** Kafka's pools of threads: never more than doubled or less than halved at once. */
const THREAD_COUNTS: readonly BrokerConfigName[] = [
  "num.io.threads",
  "num.network.threads",
  "num.replica.fetchers",
  "num.recovery.threads.per.data.dir",
  "background.threads",
];

/** Whether these may be the dynamic configs of this broker, or of all. @throws KafkaError INVALID_REQUEST */
export function checkBrokerConfigs(forAll: boolean, texts: ConfigTexts, layers: BrokerConfigLayers): void {
  const names = [...texts.keys()];
  refuse("Cannot update these configs dynamically", names.filter(isReadOnly));
  refuse(
    "These security configs can be dynamically updated only per-listener using the listener prefix",
    names.filter((name) => PER_LISTENER_ONLY.has(name)),
  );
  if (forAll)
    refuse(
      "Cannot update these configs at default cluster level, broker id must be specified",
      names.filter((name) => dynamicModeOf(name) === "per-broker"),
    );
  // Differs from Kafka: `listeners` cannot be changed while a broker runs; Kafka can add and remove those of clients.
  if (texts.has("listeners") && texts.get("listeners") !== layers.dynamicOwnTexts.get("listeners"))
    throw new KafkaError(ErrorCode.INVALID_REQUEST, "listeners cannot be changed while the broker runs");
  try {
    const settings = forAll
      ? layers.settingsWith(texts, layers.dynamicOwnTexts)
      : layers.settingsWith(layers.dynamicClusterTexts, texts);
    const cleaners = layers.settings.logCleanerThreads;
    if (settings.logCleanerThreads > cleaners * 2)
      throw new ConfigError(
        `Log cleaner threads cannot be increased to more than double the current value ${cleaners}`,
      );
    if (settings.logCleanerThreads < cleaners / 2)
      throw new ConfigError(`Log cleaner threads cannot be reduced to less than half the current value ${cleaners}`);
    for (const name of THREAD_COUNTS) {
      const before = settingOf(layers.settings, name) as number;
      const after = settingOf(settings, name) as number;
      const failed = `Dynamic thread count update validation failed for ${name}=${after}, value should`;
      if (after < before / 2) throw new ConfigError(`${failed} be at least half the current value ${before}`);
      if (after > before * 2) throw new ConfigError(`${failed} not be greater than double the current value ${before}`);
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new KafkaError(ErrorCode.INVALID_REQUEST, error.message, { cause: error });
  }
}

/** An unknown name is kept, as in Kafka: a plugin may know it. */
function isReadOnly(name: string): boolean {
  return BROKER_CONFIG_KEYS.has(name) && dynamicModeOf(name) === "read-only";
}

function refuse(reason: string, names: readonly string[]): void {
  if (names.length > 0) throw new KafkaError(ErrorCode.INVALID_REQUEST, `${reason}: [${names.join(", ")}]`);
}
