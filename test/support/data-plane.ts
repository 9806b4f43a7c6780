/**
 * A broker whose answers are compared with what Apache Kafka answers: ours with metadata written by hand, or Apache Kafka itself,
 * on which the expectations are tried.
 */
import { isInternalTopic } from "../../broker/metadata/internal-topics.ts";
import { collisionKey } from "../../broker/metadata/topic-name.ts";
import type { Address } from "../../broker/network/network.ts";
import type { ControllerPort } from "../../broker/ports.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { CreateTopics, type CreateTopicsRequest } from "../../protocol/messages/topics.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import { FixedBroker, type FixedBrokerOptions } from "./fixed-broker.ts";

export interface DataPlane extends AsyncDisposable {
  readonly address: Address;
  readonly isApacheKafka: boolean;
  /** Makes a topic of one replica per partition; its id. */
  createTopic(name: string, partitionCount?: number, configs?: Readonly<Record<string, string>>): Promise<string>;
}

/** @param options with a controller of their own, topics are not made because somebody asks for them. */
export async function startDataPlane(options: FixedBrokerOptions = {}): Promise<DataPlane & { fixed: FixedBroker }> {
  const fixed: FixedBroker = new FixedBroker({ controller: creatingController(() => fixed), ...options });
  const address = await fixed.start();
  return {
    fixed,
    address,
    isApacheKafka: false,
    createTopic: async (name, partitionCount = 1, configs = {}) =>
      fixed.createTopic(name, partitionCount, { configs }).id,
    [Symbol.asyncDispose]: () => fixed.close(),
  };
}

/** Of a topic that is made because somebody asks for it, with whatever numbers. */
const MAX_PARTITIONS = 10;

/** As much of a controller as makes topics on the one broker there is; those of the brokers themselves have one partition. */
function creatingController(broker: () => FixedBroker): ControllerPort {
  return {
    forward: async (api, _version, request) => {
      if (api.key !== CreateTopics.key) throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT);
      const { topics } = request as unknown as Decode<typeof CreateTopicsRequest>;
      const taken = new Set(broker().topics.map(({ name }) => collisionKey(name)));
      const answers = topics.map(({ name, numPartitions, replicationFactor }) => {
        const isOwn = isInternalTopic(name);
        if (!isOwn && replicationFactor > 1) return { name, ...tooFewBrokers(replicationFactor) };
        const count = isOwn ? 1 : Math.min(Math.max(1, numPartitions), MAX_PARTITIONS);
        if (!taken.has(collisionKey(name))) broker().createTopic(name, count);
        return { name, errorCode: ErrorCode.NONE, errorMessage: null };
      });
      return { topics: answers } as never;
    },
    allocateProducerIds: () => Promise.resolve({ firstProducerId: 1000, count: 1000 }),
  };
}

/** As the real one says it. */
function tooFewBrokers(replicas: number) {
  const because = `The target replication factor of ${replicas} cannot be reached because only 1 broker(s) are registered.`;
  return {
    errorCode: ErrorCode.INVALID_REPLICATION_FACTOR,
    errorMessage: `Unable to replicate the partition ${replicas} time(s): ${because}`,
  };
}

/** A topic of its own for one case; its name, and its id. */
export async function newTopic(
  plane: DataPlane,
  options: { readonly partitionCount?: number; readonly configs?: Readonly<Record<string, string>> } = {},
): Promise<{ readonly name: string; readonly topicId: string }> {
  const name = `topic-${++made}`;
  return { name, topicId: await plane.createTopic(name, options.partitionCount, options.configs) };
}

let made = 0;

/** Where we answer otherwise than Apache Kafka, on purpose. */
export function differs<T>(plane: DataPlane, apacheKafka: T, ours: T): T {
  return plane.isApacheKafka ? apacheKafka : ours;
}
