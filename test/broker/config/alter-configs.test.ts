/**
 * Changes of configs are accepted and refused as Apache Kafka accepts and refuses them, code and message.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { afterOperations, checkBrokerConfigs, checkBrokerName } from "../../../broker/config/alter-broker-configs.ts";
import {
  alterIncrementally,
  alterWholly,
  type ConfigOperation,
  changesOfReplacement,
  checkOperations,
  checkResourceName,
  checkTopicConfigs,
  withChanges,
} from "../../../broker/config/alter-configs.ts";
import { BrokerConfigLayers } from "../../../broker/config/broker-config-layers.ts";
import { LoggerLevels } from "../../../broker/config/logger-levels.ts";
import { ResourceType } from "../../../broker/metadata/metadata-image.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";

interface Alteration {
  readonly api: "IncrementalAlterConfigs" | "AlterConfigs" | "CreateTopics";
  readonly type: number;
  readonly name: string;
  readonly configs: readonly (readonly [string, number, string | null] | readonly [string, string | null])[];
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

const golden = JSON.parse(readFileSync(new URL("../../golden/configs.json", import.meta.url), "utf8")) as {
  readonly static: Record<string, string>;
  readonly alterations: readonly Alteration[];
};

const layers = new BrokerConfigLayers(new Map(Object.entries(golden.static)));
const T1 = new Map([
  ["retention.ms", " 5000 "],
  ["cleanup.policy", "compact, delete,compact"],
]);

/** The way of a change through a broker and its controller. */
function alter({ api, type, name, configs }: Alteration): void {
  const operations = configs.map((config): ConfigOperation => {
    const [config_, second, third] = config;
    return api === "IncrementalAlterConfigs"
      ? { name: config_, configOperation: second as number, value: third as string | null }
      : { name: config_, configOperation: 0, value: second as string | null };
  });
  if (api === "CreateTopics") {
    checkTopicConfigs(new Map(operations.map((operation) => [operation.name, operation.value])), layers.settings);
    return;
  }
  checkOperations(operations);
  if (type === ResourceType.BROKER_LOGGER && api === "IncrementalAlterConfigs") {
    if (name !== "1") throw new KafkaError(ErrorCode.INVALID_REQUEST);
    new LoggerLevels("WARN", () => undefined).alter(operations, true);
    return;
  }
  if (type === ResourceType.BROKER) {
    checkBrokerName(name, layers.nodeId);
    checkBrokerConfigs(name === "", afterOperations(new Map(), operations), layers);
  }
  if (type === ResourceType.BROKER_LOGGER) throw new KafkaError(ErrorCode.INVALID_REQUEST, "Unknown resource type 8");
  checkResourceName(type, name);
  if (type === ResourceType.TOPIC && name !== "t1")
    throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`);
  const current =
    type === ResourceType.TOPIC
      ? T1
      : new Map(type === ResourceType.BROKER && name === "" ? [["min.insync.replicas", "1"]] : []);
  const resource = {
    type: type as ResourceType,
    name,
    current,
    settings: layers.settings,
    eligibleLeaderReplicas: true,
  };
  if (api === "AlterConfigs") alterWholly(resource, operations);
  else alterIncrementally(resource, operations);
}

function outcomeOf(alteration: Alteration): [number, string | null] {
  try {
    alter(alteration);
    return [ErrorCode.NONE, null];
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return [error.code, error.message];
  }
}

/** Where ours differs, and what it answers there. */
const OURS = new Map<string, [number, RegExp]>([
  ['2 ["retention.ms",9,"5"]', [ErrorCode.INVALID_REQUEST, /^Unknown operation type 9$/]],
  ['4 ["listeners",0,"PLAINTEXT://:1"]', [ErrorCode.INVALID_REQUEST, /^(listeners cannot be changed|Cannot update)/]],
  ['4 ["max.connections.per.ip.overrides",0,"x"]', [ErrorCode.INVALID_REQUEST, /^Error parsing configuration/]],
  // Numbers in Java's hexadecimal form.
  ['2 ["min.cleanable.dirty.ratio",0,"0x1p-1"]', [ErrorCode.INVALID_CONFIG, /Not a number of type DOUBLE$/]],
]);

describe("what Apache Kafka answered", () => {
  it.each(golden.alterations)("$api $type $name $configs: $errorCode", (alteration) => {
    const [code, message] = outcomeOf(alteration);
    const ours = OURS.get(`${alteration.type} ${JSON.stringify(alteration.configs[0])}`);
    if (ours !== undefined) {
      expect(code).toBe(ours[0]);
      expect(message).toMatch(ours[1]);
      return;
    }
    expect(code).toBe(alteration.errorCode);
    if (alteration.type === ResourceType.BROKER_LOGGER && alteration.name !== "1") return;
    // Threads and voters: Kafka wraps its own message in a second one.
    const expected = alteration.errorMessage
      ?.replace("Invalid value org.apache.kafka.common.config.ConfigException: ", "")
      .replace(" for configuration Invalid dynamic configuration", "");
    expect(message).toBe(expected ?? null);
  });
});

describe("changes", () => {
  const resource = {
    type: ResourceType.TOPIC,
    name: "t",
    current: new Map([["cleanup.policy", "delete"]]),
    settings: layers.settings,
    eligibleLeaderReplicas: false,
  };

  it("append to what is set, or to the default", () => {
    const append = { name: "cleanup.policy", configOperation: 2, value: "compact" };
    expect(alterIncrementally(resource, [append])).toEqual(new Map([["cleanup.policy", "delete,compact"]]));
    expect(alterIncrementally({ ...resource, current: new Map() }, [append])).toEqual(
      new Map([["cleanup.policy", "delete,compact"]]),
    );
  });

  it("leave out what is as it was", () => {
    const set = { name: "cleanup.policy", configOperation: 0, value: "delete" };
    const append = { name: "cleanup.policy", configOperation: 2, value: "delete" };
    const remove = { name: "retention.ms", configOperation: 1, value: null };
    expect(alterIncrementally(resource, [set, remove])).toEqual(new Map());
    expect(alterIncrementally(resource, [append])).toEqual(new Map());
  });

  it("of a replacement remove what it does not name", () => {
    const changes = changesOfReplacement(resource.current, [{ name: "retention.ms", value: "5" }]);
    expect(changes).toEqual(
      new Map([
        ["cleanup.policy", null],
        ["retention.ms", "5"],
      ]),
    );
    expect(withChanges(resource.current, changes)).toEqual(new Map([["retention.ms", "5"]]));
  });

  it("take names like __proto__ for what they are: unknown", () => {
    expect(() => alterIncrementally(resource, [{ name: "__proto__", configOperation: 0, value: "x" }])).toThrow(
      "Unknown topic config name: __proto__",
    );
  });
});

describe("loggers", () => {
  it("change all or nothing, and not when it is only a question", () => {
    const applied: string[] = [];
    const levels = new LoggerLevels("INFO", (level) => applied.push(level));
    const debug = { name: "root", configOperation: 0, value: "DEBUG" };
    levels.alter([debug], true);
    expect(() => levels.alter([debug, { name: "other", configOperation: 0, value: "DEBUG" }], false)).toThrow(
      KafkaError,
    );
    expect(levels.levels.get("root")).toBe("INFO");
    levels.alter([debug], false);
    expect(levels.levels.get("root")).toBe("DEBUG");
    expect(applied).toEqual(["DEBUG"]);
  });
});
