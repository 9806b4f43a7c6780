/**
 * DescribeConfigs, ListConfigResources and the Alter APIs, as one broker answers them.
 */
import { describe, expect, it } from "vitest";
import type { Broker } from "../../../broker/broker.ts";
import { BrokerConfigLayers } from "../../../broker/config/broker-config-layers.ts";
import { EFFECTIVE_CONFIGS } from "../../../broker/config/effective-configs.ts";
import { LoggerLevels } from "../../../broker/config/logger-levels.ts";
import { type Answer, Later } from "../../../broker/dispatch/answer.ts";
import type { RequestContext } from "../../../broker/dispatch/handler.ts";
import { handleAlterConfigs, handleIncrementalAlterConfigs } from "../../../broker/handlers/alter-configs.ts";
import { handleDescribeConfigs, handleListConfigResources } from "../../../broker/handlers/configs.ts";
import { ResourceType } from "../../../broker/metadata/metadata-image.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import {
  AlterConfigs,
  DescribeConfigs,
  IncrementalAlterConfigs,
  ListConfigResources,
} from "../../../protocol/messages/configs.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import { decode, encodeToBuffer } from "../../../protocol/schema/codec.ts";
import type { Decode, Encode, Message } from "../../../protocol/schema/message.ts";

const CONFIGS = new Map<string, ReadonlyMap<string, string>>([
  ["2:t1", new Map([["retention.ms", "5"]])],
  ["4:", new Map([["min.insync.replicas", "1"]])],
  ["16:m1", new Map([["interval.ms", "1000"]])],
  ["32:g1", new Map([["consumer.session.timeout.ms", "50000"]])],
]);

interface Node {
  readonly context: RequestContext;
  readonly forwarded: unknown[];
  readonly levels: LoggerLevels;
}

/** Node 1 with topics t1 and t2; its controller accepts everything. */
function startNode(api: Api, apiVersion: number): Node {
  const forwarded: unknown[] = [];
  const config = new BrokerConfigLayers(new Map([["node.id", "1"]]));
  config.setDynamic(CONFIGS.get("4:") as Map<string, string>, new Map());
  const levels = new LoggerLevels("INFO", () => undefined);
  const forward = async (asked: Api, version: number, request: { resources: object[] }) => {
    forwarded.push([asked.name, version, request]);
    return {
      throttleTimeMs: 0,
      responses: request.resources.map((resource) => ({ errorCode: 0, errorMessage: null, ...resource })),
    };
  };
  const image = {
    topics: new Map([
      ["t1", {}],
      ["t2", {}],
    ]),
    brokers: new Map([[1, {}]]),
    configsOf: (type: number, name: string) => CONFIGS.get(`${type}:${name}`) ?? new Map(),
    resourcesWithConfigs: (type: number) =>
      [...CONFIGS.keys()].filter((key) => key.startsWith(`${type}:`)).map((key) => key.split(":")[1] as string),
  };
  const broker = { nodeId: 1, config, loggerLevels: levels, image, controller: { forward } } as unknown as Broker;
  const connection = { principal: { type: "User", name: "ANONYMOUS" }, remoteHost: "127.0.0.1" };
  const context = { broker, connection, api, apiVersion, clientId: "test" } as unknown as RequestContext;
  return { context, forwarded, levels };
}

async function settle<T>(answer: Answer<T>): Promise<T> {
  if (!(answer instanceof Later)) return answer as T;
  return new Promise((resolve, reject) => answer.onComplete((value) => resolve(value as T), reject));
}

/** Through the wire's form, so that what handlers answer is what a client would read. */
function overTheWire<M extends Message>(message: M, version: number, value: Encode<M>): Decode<M> {
  return decode(message, version, encodeToBuffer(message, version, value));
}

async function describeConfigs(
  resources: readonly (readonly [number, string, (readonly string[] | null)?])[],
  { version = 4, synonyms = false, documentation = false } = {},
) {
  const request = {
    resources: resources.map(([resourceType, resourceName, keys = null]) => ({
      resourceType,
      resourceName,
      configurationKeys: keys === null ? null : [...keys],
    })),
    includeSynonyms: synonyms,
    includeDocumentation: documentation,
  };
  const answer = handleDescribeConfigs(request, startNode(DescribeConfigs, version).context);
  return overTheWire(DescribeConfigs.response, version, await settle(answer)).results;
}

describe("DescribeConfigs", () => {
  it("answers every kind of resource, whether it exists or not", async () => {
    const results = await describeConfigs([
      [ResourceType.TOPIC, "t1"],
      [ResourceType.BROKER, "1"],
      [ResourceType.BROKER, ""],
      [ResourceType.BROKER_LOGGER, "1"],
      [ResourceType.CLIENT_METRICS, "nobody"],
      [ResourceType.GROUP, "nobody"],
    ]);
    expect(results.map((result) => result.errorCode)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(results.map((result) => result.configs.length)).toEqual([33, 340, 1, 1, 3, 17]);
    expect(results[3]?.configs[0]).toMatchObject({ name: "root", value: "INFO", configSource: 6 });
  });

  it.each([1, 2, 3, 4])("in version %i gives what was asked for, and no more", async (version) => {
    const [all] = await describeConfigs([[ResourceType.TOPIC, "t1", []]], { version });
    expect(all?.configs).toHaveLength(33);
    const [some] = await describeConfigs([[ResourceType.TOPIC, "t1", ["retention.ms", "nope", "retention.ms"]]], {
      version,
    });
    expect(some?.configs).toEqual([
      expect.objectContaining({
        name: "retention.ms",
        value: "5",
        configSource: 1,
        synonyms: [],
        configType: version >= 3 ? 5 : 0,
      }),
    ]);
  });

  it("adds synonyms and documentation when asked", async () => {
    const [result] = await describeConfigs([[ResourceType.TOPIC, "t1", ["segment.bytes"]]], {
      synonyms: true,
      documentation: true,
    });
    expect(result?.configs[0]).toMatchObject({
      synonyms: [{ name: "log.segment.bytes", value: "1073741824", source: 5 }],
      documentation: "The size of a segment.",
    });
  });

  it("documents every config of brokers: what it does, or that it does nothing", async () => {
    const [result] = await describeConfigs([[ResourceType.BROKER, "1"]], { documentation: true });
    const told = new Map(result?.configs.map(({ name, documentation }) => [name, documentation]));
    expect([...told].filter(([, documentation]) => (documentation ?? "") === "")).toEqual([]);
    expect(told.get("num.network.threads")).toBe("Taken as Kafka takes it; nothing here depends on it.");
    expect(
      [...told].filter(([, text]) => text?.startsWith("Taken as")).filter(([name]) => EFFECTIVE_CONFIGS.has(name)),
    ).toEqual([]);
    const [undocumented] = await describeConfigs([[ResourceType.BROKER, "1"]]);
    expect(undocumented?.configs.filter(({ documentation }) => documentation !== null)).toEqual([]);
  });

  it("refuses each resource by itself", async () => {
    const results = await describeConfigs([
      [ResourceType.TOPIC, "nope"],
      [ResourceType.TOPIC, "a b"],
      [ResourceType.BROKER, "9"],
      [ResourceType.BROKER, "abc"],
      [ResourceType.BROKER_LOGGER, ""],
      [ResourceType.BROKER_LOGGER, "9"],
      [ResourceType.CLIENT_METRICS, ""],
      [ResourceType.GROUP, ""],
      [ResourceType.TOPIC, "t2"],
    ]);
    expect(results.map((result) => [result.errorCode, result.errorMessage])).toEqual([
      [3, ""],
      [
        17,
        "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
      ],
      [42, "Unexpected broker id, expected 1 or empty string, but received 9"],
      [42, "Broker id must be an integer, but it is: abc"],
      [42, "Broker id must not be empty"],
      [42, "Unexpected broker id, expected 1 but received 9"],
      [42, "Client metrics subscription name must not be empty"],
      [42, "Group name must not be empty"],
      [0, ""],
    ]);
  });

  it("refuses all resources for one of a type nobody knows", async () => {
    const results = await describeConfigs([
      [ResourceType.TOPIC, "t1"],
      [99, "x"],
      [0, "x"],
    ]);
    expect(results.map((result) => [result.errorCode, result.configs.length])).toEqual([
      [42, 0],
      [42, 0],
      [42, 0],
    ]);
  });
});

describe("ListConfigResources", () => {
  const list = async (resourceTypes: number[], version: number) => {
    const { context } = startNode(ListConfigResources, version);
    const answer = await settle(handleListConfigResources({ resourceTypes }, context));
    const response = overTheWire(ListConfigResources.response, version, answer);
    return [response.errorCode, response.configResources.map((one) => `${one.resourceType}:${one.resourceName}`)];
  };

  it("names what has configs, and what always has some", async () => {
    expect(await list([], 1)).toEqual([0, ["32:g1", "16:m1", "8:1", "4:1", "2:t1", "2:t2"]]);
    expect(await list([2, 2, 32], 1)).toEqual([0, ["32:g1", "2:t1", "2:t2"]]);
  });
  it("names client metrics alone in version 0", async () => {
    expect(await list([], 0)).toEqual([0, ["16:m1"]]);
  });
  it("refuses a type nobody knows", async () => {
    expect(await list([2, 99], 1)).toEqual([35, []]);
  });
});

describe("the Alter APIs", () => {
  const set = (name: string, value: string | null, configOperation = 0) => ({ name, value, configOperation });
  const incrementally = async (
    resources: readonly (readonly [number, string, readonly ReturnType<typeof set>[]])[],
    validateOnly = false,
  ) => {
    const node = startNode(IncrementalAlterConfigs, 1);
    const request = {
      resources: resources.map(([resourceType, resourceName, configs]) => ({
        resourceType,
        resourceName,
        configs: [...configs],
      })),
      validateOnly,
    };
    const answer = await settle(handleIncrementalAlterConfigs(request, node.context));
    const { responses } = overTheWire(IncrementalAlterConfigs.response, 1, answer);
    return { ...node, outcomes: responses.map((one) => [one.resourceType, one.resourceName, one.errorCode]) };
  };

  it("pass on what the controller judges, and only that", async () => {
    const { outcomes, forwarded } = await incrementally([
      [ResourceType.TOPIC, "t1", [set("retention.ms", "abc")]],
      [ResourceType.TOPIC, "t2", [set("retention.ms", null)]],
      [ResourceType.BROKER, "1", [set("num.partitions", "3")]],
      [ResourceType.BROKER, "1x", [set("log.retention.ms", "3")]],
      [ResourceType.GROUP, "g1", [set("consumer.session.timeout.ms", "1")]],
    ]);
    expect(outcomes).toEqual([
      [2, "t2", ErrorCode.INVALID_REQUEST],
      [4, "1", ErrorCode.INVALID_REQUEST],
      [4, "1x", ErrorCode.INVALID_REQUEST],
      [2, "t1", ErrorCode.NONE],
      [32, "g1", ErrorCode.NONE],
    ]);
    expect(forwarded).toMatchObject([
      [
        "IncrementalAlterConfigs",
        1,
        { resources: [{ resourceName: "t1" }, { resourceName: "g1" }], validateOnly: false },
      ],
    ]);
  });

  it("refuse a resource that is named twice, and let the others go on", async () => {
    const { outcomes } = await incrementally([
      [ResourceType.TOPIC, "t1", [set("retention.ms", "1")]],
      [ResourceType.TOPIC, "t1", [set("segment.ms", "1")]],
      [ResourceType.TOPIC, "t2", []],
    ]);
    expect(outcomes).toEqual([
      [2, "t1", 42],
      [2, "t1", 42],
      [2, "t2", 0],
    ]);
  });

  it("change loggers here and now", async () => {
    const { outcomes, forwarded, levels } = await incrementally([
      [ResourceType.BROKER_LOGGER, "1", [set("root", "DEBUG")]],
    ]);
    expect(outcomes).toEqual([[8, "1", 0]]);
    expect(forwarded).toEqual([]);
    expect(levels.levels.get("root")).toBe("DEBUG");
  });

  it("check a dynamic config against what runs here", async () => {
    const { outcomes } = await incrementally([
      [ResourceType.BROKER, "1", [set("num.io.threads", "17")]],
      [ResourceType.BROKER, "", [set("log.cleanup.policy", "compact", 2)]],
      [ResourceType.BROKER, "2", [set("num.io.threads", "9")]],
    ]);
    expect(outcomes).toEqual([
      [4, "1", 42],
      [4, "2", 42],
      [4, "", 0],
    ]);
  });

  it("replace all configs of a resource the old way", async () => {
    const { context, forwarded } = startNode(AlterConfigs, 2);
    const resource = (resourceType: number, resourceName: string, name: string) => ({
      resourceType,
      resourceName,
      configs: [{ name, value: "1" }],
    });
    const request = {
      resources: [resource(8, "1", "root"), resource(4, "1", "log.segment.bytes"), resource(2, "t1", "retention.ms")],
      validateOnly: true,
    };
    const answer = await settle(handleAlterConfigs(request, context));
    const { responses } = overTheWire(AlterConfigs.response, 2, answer);
    expect(responses.map((one) => [one.errorCode, one.errorMessage])).toEqual([
      [42, "Unknown resource type 8"],
      [42, "Invalid value 1 for configuration log.segment.bytes: Value must be at least 1048576"],
      [0, null],
    ]);
    expect(forwarded).toMatchObject([["AlterConfigs", 2, { resources: [{ resourceName: "t1" }], validateOnly: true }]]);
  });
});
