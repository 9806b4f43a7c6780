/**
 * Which layer of a broker's configs wins, and what follows for topics.
 */
import { describe, expect, it } from "vitest";
import { BrokerConfigLayers } from "../../../broker/config/broker-config-layers.ts";
import { BROKER_CONFIGS, dynamicModeOf, isBrokerConfigName } from "../../../broker/config/broker-configs.ts";
import { camelCase } from "../../../broker/config/config-key.ts";
import { ConfigError } from "../../../broker/config/config-value.ts";
import { logConfig, topicConfig } from "../../../broker/config/topic-config.ts";
import { DEFAULT_LOG_CONFIG } from "../../../storage/log-config.ts";

const NONE = new Map<string, string>();
const started = (texts: Record<string, string> = {}): BrokerConfigLayers =>
  new BrokerConfigLayers(new Map(Object.entries(texts)));

describe("settings", () => {
  it("have a field for every config, named in camel case", () => {
    const { settings } = started();
    expect(Object.keys(settings).sort()).toEqual(Object.keys(BROKER_CONFIGS).map(camelCase).sort());
    expect(settings.logSegmentBytes).toBe(1_073_741_824);
    expect(settings.logRetentionMs).toBeNull();
    expect(settings.groupConsumerAssignors).toEqual(["uniform", "range"]);
  });

  it("follow the layers: own, all brokers', static, default; and go back", () => {
    const layers = started({ "message.max.bytes": "1" });
    const { settings } = layers;
    const changes: string[][] = [];
    layers.whenChanged((changed) => changes.push([...changed]));
    layers.setDynamic(new Map([["message.max.bytes", "2"]]), new Map([["message.max.bytes", " 3 "]]));
    expect(settings.messageMaxBytes).toBe(3);
    layers.setDynamic(new Map([["message.max.bytes", "2"]]), NONE);
    expect(settings.messageMaxBytes).toBe(2);
    layers.setDynamic(NONE, NONE);
    expect(settings.messageMaxBytes).toBe(1);
    layers.setDynamic(NONE, NONE);
    expect(changes).toEqual([["message.max.bytes"], ["message.max.bytes"], ["message.max.bytes"]]);
  });

  it("do not follow what may not change while a broker runs, and pass over what is no value", () => {
    const layers = started({ "num.partitions": "2" });
    const refused = layers.setDynamic(
      new Map([["log.segment.bytes", "2097152"]]),
      new Map([
        ["num.partitions", "9"],
        ["log.segment.bytes", "5"],
        ["nobody.knows", "1"],
      ]),
    );
    expect(layers.settings.numPartitions).toBe(2);
    expect(layers.settings.logSegmentBytes).toBe(2_097_152);
    expect(refused.map((error) => error.message)).toEqual([
      "Invalid value 5 for configuration log.segment.bytes: Value must be at least 1048576",
    ]);
  });

  it("take node.id for broker.id and the other way round", () => {
    expect(started({ "node.id": "7" }).settings.brokerId).toBe(7);
    expect(started({ "broker.id": "7" }).nodeId).toBe(7);
    expect(() => started({ "broker.id": "7", "node.id": "8" })).toThrow("You must set `node.id` to the same value");
  });

  it.each([
    [{ "num.partitions": "0" }, "Invalid value 0 for configuration num.partitions: Value must be at least 1"],
    [{ "log.retention.hours": "0" }, "log.retention.ms must be unlimited (-1) or, greater than or equal to 1"],
    [{ "log.roll.ms": "0" }, "log.roll.ms must be greater than or equal to 1"],
    [{ "replica.fetch.wait.max.ms": "40000" }, "replica.socket.timeout.ms should always be at least"],
    [{ "queued.max.request.bytes": "5" }, "queued.max.request.bytes must be larger or equal"],
    [{ "max.connections.per.ip": "0" }, "max.connections.per.ip can be set to zero only if"],
    [
      { "group.consumer.min.session.timeout.ms": "70000" },
      "group.consumer.max.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
    ],
    [
      { "group.share.session.timeout.ms": "70000" },
      "group.share.session.timeout.ms must be less than or equal to group.share.max.session.timeout.ms",
    ],
  ])("are refused: %j", (texts, message) => {
    expect(() => started(texts as unknown as Record<string, string>)).toThrow(ConfigError);
    expect(() => started(texts as unknown as Record<string, string>)).toThrow(message);
  });
});

describe("names", () => {
  it("are those of the table, of listeners and of plugins", () => {
    expect(["log.dirs", "listener.name.internal.ssl.client.auth", "rsm.config.a"].map(isBrokerConfigName)).toEqual([
      true,
      true,
      true,
    ]);
    expect(["log.dir.", "__proto__", "constructor", "listener.name.", ""].map(isBrokerConfigName)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it("say who may change them", () => {
    expect(dynamicModeOf("num.partitions")).toBe("read-only");
    expect(dynamicModeOf("log.retention.ms")).toBe("cluster-wide");
    expect(dynamicModeOf("listener.name.a.ssl.keystore.type")).toBe("per-broker");
    expect(dynamicModeOf("leader.replication.throttled.rate")).toBe("cluster-wide");
  });
});

describe("topics", () => {
  const of = (broker: Record<string, string>, topic: Record<string, string> = {}) =>
    topicConfig(new Map(Object.entries(topic)), started(broker).settings);

  it("have Kafka's defaults", () => {
    expect(logConfig(of({}))).toEqual(DEFAULT_LOG_CONFIG);
  });

  it("take what they do not set from their broker, hours and minutes converted, the most exact first", () => {
    expect(of({ "log.retention.hours": "2" }).retentionMs).toBe(7_200_000);
    expect(of({ "log.retention.hours": "2", "log.retention.minutes": "3" }).retentionMs).toBe(180_000);
    expect(of({ "log.retention.hours": "2", "log.retention.ms": "4" }).retentionMs).toBe(4);
    expect(of({ "log.retention.minutes": "-1" }).retentionMs).toBe(-1);
    expect(of({ "log.roll.hours": "1", "log.roll.jitter.hours": "1" })).toMatchObject({
      segmentMs: 3_600_000,
      segmentJitterMs: 3_600_000,
    });
    expect(of({ "log.flush.scheduler.interval.ms": "9" }).flushMs).toBe(9);
    expect(of({ "message.max.bytes": "5", "min.insync.replicas": "2" })).toMatchObject({
      maxMessageBytes: 5,
      minInsyncReplicas: 2,
    });
  });

  it("have their own configs first, those of disks too that no longer pass", () => {
    expect(of({ "log.retention.ms": "4" }, { "retention.ms": "5" }).retentionMs).toBe(5);
    expect(of({ "log.retention.ms": "4" }, { "retention.ms": "abc", unknown: "1" }).retentionMs).toBe(4);
    expect(logConfig(of({}, { "internal.segment.bytes": "10" })).segmentBytes).toBe(10);
    expect(logConfig(of({}, { "cleanup.policy": "" }))).toMatchObject({ cleanupDelete: false, cleanupCompact: false });
  });

  it("follow their broker's dynamic configs", () => {
    const layers = started({ "log.cleanup.policy": "compact" });
    expect(topicConfig(NONE, layers.settings).cleanupPolicy).toEqual(["compact"]);
    layers.setDynamic(NONE, new Map([["log.cleanup.policy", "delete,compact"]]));
    expect(topicConfig(NONE, layers.settings).cleanupPolicy).toEqual(["delete", "compact"]);
  });
});
