/**
 * The tables as a controller asks them.
 */
import { describe, expect, it } from "vitest";
import type { BrokerSettings } from "../../../broker/broker.ts";
import { BrokerConfigLayers } from "../../../broker/config/broker-config-layers.ts";
import { NodeConfigSchema } from "../../../broker/config/config-schema.ts";
import { ResourceType } from "../../../broker/metadata/metadata-image.ts";

const layers = new BrokerConfigLayers(new Map([["min.insync.replicas", " 2 "]]));
// What handlers ask for, the table gives: the compiler says so.
const schema = new NodeConfigSchema(layers);
const settings: BrokerSettings = layers.settings;

describe("the schema", () => {
  it("knows lists and defaults of topics and brokers", () => {
    expect(schema.isList(ResourceType.TOPIC, "cleanup.policy")).toBe(true);
    expect(schema.isList(ResourceType.TOPIC, "retention.ms")).toBe(false);
    expect(schema.isList(ResourceType.BROKER, "listeners")).toBe(true);
    // Kafka's controller takes these lists for none.
    expect(schema.isList(ResourceType.CLIENT_METRICS, "metrics")).toBe(false);
    expect(schema.isList(ResourceType.GROUP, "constructor")).toBe(false);
    expect(schema.defaultOf(ResourceType.TOPIC, "cleanup.policy")).toBe("delete");
    expect(schema.defaultOf(ResourceType.TOPIC, "flush.ms")).toBe("9223372036854775807");
    expect(schema.defaultOf(ResourceType.BROKER, "log.retention.ms")).toBeNull();
    expect(schema.defaultOf(ResourceType.BROKER, "nobody.knows")).toBeNull();
  });

  it("tells what the node was started with", () => {
    expect(schema.staticMinInSyncReplicas).toBe(2);
    expect(settings.autoCreateTopicsEnable).toBe(true);
  });

  it("refuses names and values, each with its code", () => {
    const refused =
      (type: number, name: string, configs: Record<string, string> = {}) =>
      () =>
        schema.validate(type as ResourceType, name, new Map(Object.entries(configs)));
    expect(refused(ResourceType.TOPIC, "a/b")).toThrow(/^Topic name is invalid: 'a\/b'/);
    expect(refused(ResourceType.TOPIC, "")).toThrow("Default topic resources are not allowed.");
    expect(refused(ResourceType.GROUP, "")).toThrow("Default group resources are not allowed.");
    expect(refused(ResourceType.BROKER, "x")).toThrow("Unable to parse broker name as a base 10 number.");
    expect(refused(ResourceType.BROKER, "-1")).toThrow("Invalid negative broker ID.");
    expect(refused(99, "x")).toThrow("Unknown resource type 99");
    expect(refused(ResourceType.TOPIC, "t", { "retention.ms": "x" })).toThrow("Not a number of type LONG");
    expect(refused(ResourceType.BROKER, "", { anything: "goes" })).not.toThrow();
  });
});
