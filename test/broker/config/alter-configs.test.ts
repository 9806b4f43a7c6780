/**
 * Changes of configs are accepted and refused as Apache Kafka accepts and refuses them, code and message.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { afterOperations, checkBrokerConfigs, checkBrokerName } from "../../../broker/config/alter-broker-configs.ts";
import { BrokerConfigLayers } from "../../../broker/config/broker-config-layers.ts";
import {
  appended,
  type ConfigOperation,
  checkOperations,
  subtracted,
} from "../../../broker/config/config-operation.ts";
import { NodeConfigSchema } from "../../../broker/config/config-schema.ts";
import { LoggerLevels } from "../../../broker/config/logger-levels.ts";
import { checkTopicConfigs } from "../../../broker/config/resource-checks.ts";
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

/** The way of a change through a broker, and of its values through the checks of the controller. */
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
  if (type === ResourceType.TOPIC && name === "nope")
    throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`);
  const schema = new NodeConfigSchema(layers);
  const after = new Map(api === "AlterConfigs" || type !== ResourceType.TOPIC ? [] : T1);
  for (const operation of operations) {
    const verb = (["", "", "APPEND", "SUBTRACT"] as const)[operation.configOperation];
    if (verb && !schema.isList(type as ResourceType, operation.name))
      throw new KafkaError(
        ErrorCode.INVALID_CONFIG,
        `Can't ${verb} to key ${operation.name} because its type is not LIST.`,
      );
    const before = after.get(operation.name) ?? schema.defaultOf(type as ResourceType, operation.name);
    if (operation.configOperation === 1) after.delete(operation.name);
    else if (verb === "APPEND") after.set(operation.name, appended(before, operation.value as string));
    else if (verb === "SUBTRACT") after.set(operation.name, subtracted(before, operation.value as string));
    else after.set(operation.name, operation.value as string);
  }
  schema.validate(type as ResourceType, name, after);
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

/** What the controller itself guards. */
const GUARDED = /while ELR is enabled/;

describe("what Apache Kafka answered", () => {
  it.each(golden.alterations.filter(({ errorMessage }) => !GUARDED.test(errorMessage ?? "")))(
    "$api $type $name $configs: $errorCode",
    (alteration) => {
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
    },
  );
});

it("takes names like __proto__ for what they are: unknown", () => {
  expect(() => checkTopicConfigs(new Map([["__proto__", "x"]]), layers.settings)).toThrow(
    "Unknown topic config name: __proto__",
  );
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
