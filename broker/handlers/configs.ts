/**
 * DescribeConfigs (32), ListConfigResources (74): what is set, and where something is set.
 *
 * Owns: which resource answers what; each resource succeeds or fails alone. Leaves to broker/config: values, sources, synonyms;
 * to alter-configs.ts: changes.
 * KIP-226 (dynamic configs), KIP-412 (loggers), KIP-569 (types and documentation), KIP-1142 (all kinds of resources listed).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type {
  DescribeConfigs,
  DescribeConfigsRequest,
  DescribeConfigsResponse,
  ListConfigResources,
  ListConfigResourcesResponse,
} from "../../protocol/messages/configs.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { Broker } from "../broker.ts";
import { documentationOf } from "../config/config-documentation.ts";
import {
  ConfigSource,
  type DescribedConfig,
  describeBroker,
  describeClientMetrics,
  describeClusterDefault,
  describeGroup,
  describeTopic,
} from "../config/describe-configs.ts";
import type { Handler } from "../dispatch/handler.ts";
import { ResourceType } from "../metadata/metadata-image.ts";
import { illegalTopicName } from "../metadata/topic-name.ts";

type DescribedResource = Decode<typeof DescribeConfigsRequest>["resources"][number];
type DescribeResult = Encode<typeof DescribeConfigsResponse>["results"][number];
type ShownConfig = DescribeResult["configs"][number];

const KNOWN_TYPES: readonly number[] = Object.values(ResourceType);

export const handleDescribeConfigs: Handler<typeof DescribeConfigs> = (request, { broker }) => {
  // A type nobody knows fails the whole request, each resource of it.
  const unknownType = request.resources.some(({ resourceType }) => !KNOWN_TYPES.includes(resourceType));
  const describer = new ResourceDescriber(request, broker);
  return {
    throttleTimeMs: 0,
    results: request.resources.map((resource): DescribeResult => {
      const { resourceType, resourceName } = resource;
      try {
        if (unknownType) throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown resource type in the request`);
        const configs = describer.configsOf(resource);
        return { errorCode: ErrorCode.NONE, errorMessage: "", resourceType, resourceName, configs };
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        // An unknown topic is answered without a message.
        const errorMessage = error.code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION ? "" : error.message;
        return { errorCode: error.code, errorMessage, resourceType, resourceName, configs: [] };
      }
    }),
  };
};

/**
 * The configs of the resources of one request. Resources for which nothing is set, and one that is named a hundred thousand
 * times, share one list: what is worked out follows what there is, not what is asked for.
 */
class ResourceDescriber {
  private readonly request: Decode<typeof DescribeConfigsRequest>;
  private readonly broker: Broker;
  private readonly known = new Map<string, ShownConfig[]>();

  constructor(request: Decode<typeof DescribeConfigsRequest>, broker: Broker) {
    this.request = request;
    this.broker = broker;
  }

  /** @throws KafkaError the resource cannot be described. */
  configsOf(resource: DescribedResource): ShownConfig[] {
    const { resourceType: type, configurationKeys: keys } = resource;
    const name = this.checkedName(resource);
    const key = `${type}/${name}`;
    let configs = this.known.get(key);
    if (configs === undefined) {
      configs = this.describe(type, name).map(({ synonyms, ...config }) => ({
        ...config,
        synonyms: this.request.includeSynonyms ? [...synonyms] : [],
        documentation: this.request.includeDocumentation ? documentationOf(type, config.name) : null,
      }));
      this.known.set(key, configs);
    }
    if (keys === null || keys.length === 0) return configs;
    const wanted = new Set(keys);
    return configs.filter((config) => wanted.has(config.name));
  }

  /** The name to describe: "" stands for every resource of its type for which nothing is set. */
  private checkedName({ resourceType: type, resourceName: name }: DescribedResource): string {
    const { image, nodeId } = this.broker;
    const invalid = (detail: string): KafkaError => new KafkaError(ErrorCode.INVALID_REQUEST, detail);
    switch (type) {
      case ResourceType.TOPIC: {
        const illegal = illegalTopicName(name);
        if (illegal !== undefined)
          throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${illegal}`);
        if (!image.topics.has(name)) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        break;
      }
      case ResourceType.BROKER:
        if (name === "") return "";
        requireThisBroker(name, nodeId, `${nodeId} or empty string,`);
        return String(nodeId);
      case ResourceType.BROKER_LOGGER:
        if (name === "") throw invalid("Broker id must not be empty");
        requireThisBroker(name, nodeId, String(nodeId));
        return String(nodeId);
      case ResourceType.CLIENT_METRICS:
        if (name === "") throw invalid("Client metrics subscription name must not be empty");
        break;
      case ResourceType.GROUP:
        if (name === "") throw invalid("Group name must not be empty");
        break;
      default:
        throw invalid(`Unsupported resource type: ${type}`);
    }
    return image.configsOf(type, name).size === 0 ? "" : name;
  }

  private describe(type: number, name: string): readonly DescribedConfig[] {
    const { config: layers, image, loggerLevels } = this.broker;
    switch (type) {
      case ResourceType.TOPIC:
        return describeTopic(layers, image.configsOf(ResourceType.TOPIC, name));
      case ResourceType.BROKER:
        return name === "" ? describeClusterDefault(layers) : describeBroker(layers);
      case ResourceType.CLIENT_METRICS:
        return describeClientMetrics(image.configsOf(ResourceType.CLIENT_METRICS, name));
      case ResourceType.GROUP:
        return describeGroup(layers, image.configsOf(ResourceType.GROUP, name));
      default:
        return [...loggerLevels.levels].map(([logger, level]) => ({
          name: logger,
          value: level,
          readOnly: false,
          configSource: ConfigSource.DYNAMIC_BROKER_LOGGER,
          isSensitive: false,
          synonyms: [],
          configType: 0,
        }));
    }
  }
}

function requireThisBroker(name: string, nodeId: number, expected: string): void {
  if (!/^[+-]?\d+$/.test(name))
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Broker id must be an integer, but it is: ${name}`);
  if (Number(name) !== nodeId)
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unexpected broker id, expected ${expected} but received ${name}`);
}

/** v0 knows client metrics only. */
const LISTED_TYPES: readonly ResourceType[] = [
  ResourceType.GROUP,
  ResourceType.CLIENT_METRICS,
  ResourceType.BROKER_LOGGER,
  ResourceType.BROKER,
  ResourceType.TOPIC,
];

export const handleListConfigResources: Handler<typeof ListConfigResources> = (request, { apiVersion, broker }) => {
  const asked = apiVersion === 0 ? [ResourceType.CLIENT_METRICS] : request.resourceTypes;
  if (asked.some((type) => !KNOWN_TYPES.includes(type)))
    return { throttleTimeMs: 0, errorCode: ErrorCode.UNSUPPORTED_VERSION, configResources: [] };
  const types = asked.length === 0 ? LISTED_TYPES : LISTED_TYPES.filter((type) => asked.includes(type));
  const configResources: Encode<typeof ListConfigResourcesResponse>["configResources"] = types.flatMap((type) =>
    namesOf(type, broker).map((resourceName) => ({ resourceType: type, resourceName })),
  );
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, configResources };
};

function namesOf(type: ResourceType, { image }: Broker): string[] {
  if (type === ResourceType.TOPIC) return [...image.topics.keys()];
  if (type === ResourceType.BROKER || type === ResourceType.BROKER_LOGGER) return [...image.brokers.keys()].map(String);
  return [...image.resourcesWithConfigs(type)];
}
