/**
 * Configs are described as Apache Kafka describes them: names, values, types, sources, synonyms, over every layer.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BrokerConfigLayers } from "../../../broker/config/broker-config-layers.ts";
import { NodeConfigSchema } from "../../../broker/config/config-schema.ts";
import {
  type DescribedConfig,
  describeBroker,
  describeClientMetrics,
  describeClusterDefault,
  describeGroup,
  describeTopic,
} from "../../../broker/config/describe-configs.ts";

type Row = [string, string | null, boolean, number, boolean, number, [string, string | null, number][]];

interface Golden {
  readonly static: Record<string, string>;
  readonly before: { type: number; name: string; configs: Row[] }[];
  readonly set: { type: number; name: string; configs: [string, number, string][] }[];
  readonly after: { type: number; name: string; configs: Row[] }[];
  readonly createTopics: object[];
  readonly createTopicsAfter: object[];
}

const golden = JSON.parse(readFileSync(new URL("../../golden/configs.json", import.meta.url), "utf8")) as Golden;

/** What Kafka's controller writes of its own accord on a new cluster (KIP-966). */
const ELIGIBLE_LEADER_REPLICAS = [["min.insync.replicas", "1"]] as const;
const T1 = new Map([
  ["retention.ms", " 5000 "],
  ["cleanup.policy", "compact, delete,compact"],
  ["flush.ms", "9223372036854775806"],
]);

function rowsOf(configs: readonly DescribedConfig[]): Row[] {
  return configs
    .filter(({ name }) => name !== "log.dir") // where Kafka has a folder of its own
    .map((config): Row => {
      const { name, value, readOnly, configSource, isSensitive, configType, synonyms } = config;
      const shown = synonyms.map((synonym): Row[6][number] => [synonym.name, synonym.value, synonym.source]);
      return [name, value, readOnly, configSource, isSensitive, configType, shown];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function texts(entries: Iterable<readonly [string, string]>): Map<string, string> {
  return new Map(entries);
}

function set(type: number, name: string): Map<string, string> {
  const change = golden.set.find((candidate) => candidate.type === type && candidate.name === name);
  return texts((change?.configs ?? []).map(([config, , value]) => [config, value] as const));
}

function expected(moment: "before" | "after", type: number, name: string): Row[] {
  const rows = golden[moment].find((candidate) => candidate.type === type && candidate.name === name)?.configs ?? [];
  expect(rows.length).toBeGreaterThan(0);
  return rows
    .map((row) => {
      // Kafka forgets log.retention.hours of the file once log.retention.ms is set while it runs.
      if (moment === "after" && row[0] === "log.retention.hours") return [row[0], "24", ...row.slice(2)] as Row;
      return row;
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function layersBefore(): BrokerConfigLayers {
  const layers = new BrokerConfigLayers(texts(Object.entries(golden.static)));
  layers.setDynamic(texts(ELIGIBLE_LEADER_REPLICAS), new Map());
  return layers;
}

function layersAfter(): BrokerConfigLayers {
  const layers = layersBefore();
  layers.setDynamic(texts([...ELIGIBLE_LEADER_REPLICAS, ...set(4, "")]), set(4, "1"));
  return layers;
}

describe("as started", () => {
  it("shows every config of the broker", () => {
    expect(rowsOf(describeBroker(layersBefore()))).toEqual(expected("before", 4, "1"));
  });
  it("shows what is set for all brokers", () => {
    expect(rowsOf(describeClusterDefault(layersBefore()))).toEqual(expected("before", 4, ""));
  });
  it("shows topics, with and without configs of their own", () => {
    expect(rowsOf(describeTopic(layersBefore(), T1))).toEqual(expected("before", 2, "t1"));
    expect(rowsOf(describeTopic(layersBefore(), new Map()))).toEqual(expected("before", 2, "t2"));
  });
  it("shows groups and client metrics that nobody set", () => {
    expect(rowsOf(describeGroup(layersBefore(), new Map()))).toEqual(expected("before", 32, "g1"));
    expect(rowsOf(describeClientMetrics(new Map()))).toEqual(expected("before", 16, "m1"));
  });
});

describe("with configs set while it runs", () => {
  it("shows every config of the broker, unknown ones too, and hides what may be secret", () => {
    expect(rowsOf(describeBroker(layersAfter()))).toEqual(expected("after", 4, "1"));
  });
  it("shows what is set for all brokers", () => {
    expect(rowsOf(describeClusterDefault(layersAfter()))).toEqual(expected("after", 4, ""));
  });
  it("shows topics over four layers, an internal config when it is set", () => {
    const t1 = texts([...T1, ...set(2, "t1")]);
    expect(rowsOf(describeTopic(layersAfter(), t1))).toEqual(expected("after", 2, "t1"));
    expect(rowsOf(describeTopic(layersAfter(), new Map()))).toEqual(expected("after", 2, "t2"));
  });
  it("shows groups and client metrics", () => {
    expect(rowsOf(describeGroup(layersAfter(), set(32, "g1")))).toEqual(expected("after", 32, "g1"));
    expect(rowsOf(describeClientMetrics(set(16, "m1")))).toEqual(expected("after", 16, "m1"));
  });
});

describe("CreateTopics", () => {
  const answered = (layers: BrokerConfigLayers, topic: Map<string, string>) =>
    new NodeConfigSchema(layers)
      .effectiveTopicConfigs({ topic, node: layers.dynamicOwnTexts, cluster: layers.dynamicClusterTexts })
      .map(({ name, value, source, isSensitive }) => ({
        name,
        value,
        readOnly: false,
        configSource: source,
        isSensitive,
      }));

  it("answers what will hold, over every layer", () => {
    expect(answered(layersBefore(), T1)).toEqual(golden.createTopics);
    expect(answered(layersAfter(), new Map([["segment.ms", "77"]]))).toEqual(golden.createTopicsAfter);
  });

  it("converts hours and minutes of the file", () => {
    const layers = new BrokerConfigLayers(new Map([["log.retention.minutes", "3"]]));
    expect(answered(layers, new Map()).find(({ name }) => name === "retention.ms")).toMatchObject({
      value: "180000",
      configSource: 4,
    });
  });
});
