/**
 * A cluster as the commands see it: any broker to ask, the leader of a partition, the coordinator of a group.
 *
 * Owns: connections (one a broker), what is known of brokers and leaders, and finding coordinators. Leaves to its callers what a
 * request means; to patience.ts when to try again. Speaks Kafka's protocol only: any broker of Kafka's age 2.1 or newer will do.
 */
import type { Address } from "../../broker/network/network.ts";
import { NodeNetwork } from "../../broker/network/node-network.ts";
import { RequestMemory } from "../../broker/network/request-memory.ts";
import { RpcClient } from "../../broker/network/rpc-client.ts";
import type { RpcCall, RpcEnvironment, RpcResponse } from "../../broker/network/rpc-connection.ts";
import { RpcError } from "../../broker/network/rpc-error.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { FindCoordinator } from "../../protocol/messages/find-coordinator.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import { NodeClock } from "../../storage/node-clock.ts";
import { BufferPool } from "../../storage/shared-buffer.ts";
import { CommandError } from "../command-error.ts";
import { addressText } from "./addresses.ts";
import { type Patience, patiently } from "./patience.ts";

const CONNECT_TIMEOUT_MS = 3000;
/** A broker answers within this time, or the connection is taken for dead; requests that may wait at the broker add that. */
export const ANSWER_TIMEOUT_MS = 15_000;
/** Answers that arrive together. */
const MEMORY_BYTES = 256 * 1024 * 1024;
const IDLE_BYTES = 16 * 1024 * 1024;
/** Before version 4 a coordinator is asked for one key at a time. */
const SINGLE_KEY_VERSION = 3;

export type TopicMetadata = Decode<(typeof Metadata)["response"]>["topics"][number];

export interface BrokerInfo {
  readonly id: number;
  readonly address: Address;
  readonly rack: string | null;
}

export interface ClusterView {
  readonly clusterId: string | null;
  readonly brokers: ReadonlyMap<number, BrokerInfo>;
  readonly controllerId: number;
  readonly topics: readonly TopicMetadata[];
}

export class ClusterClient implements AsyncDisposable {
  private readonly bootstrap: readonly Address[];
  private readonly environment: RpcEnvironment;
  private readonly clientId: string;
  /** By "host:port". */
  private readonly clients = new Map<string, RpcClient>();
  private brokers: ReadonlyMap<number, BrokerInfo> = new Map();
  private readonly leaders = new Map<string, ReadonlyMap<number, number>>();
  private readonly coordinators = new Map<string, number>();

  constructor(bootstrap: readonly Address[], clientId = "odradek") {
    this.bootstrap = bootstrap;
    this.clientId = clientId;
    this.environment = {
      network: new NodeNetwork(),
      clock: new NodeClock(),
      pool: new BufferPool({ maxIdleBytes: IDLE_BYTES }),
      memory: new RequestMemory(MEMORY_BYTES),
    };
  }

  /** Asks a broker, whichever answers first of those known. @throws CommandError none can be reached; RpcError; KafkaError. */
  async askAny<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    request: Encode<Req>,
    options: Partial<RpcCall> = {},
  ): Promise<Decode<Res>> {
    const known = [...this.brokers.values()].map(({ address }) => address);
    const failures: string[] = [];
    for (const address of [...known, ...this.bootstrap]) {
      try {
        return await this.call(address, api, request, options);
      } catch (error) {
        if (!(error instanceof RpcError) || error.kind !== "disconnected") throw error;
        failures.push(`${addressText(address)}${reasonOf(error)}`);
      }
    }
    const where = [...new Set(failures)].join(", ");
    throw new CommandError(`no broker answers at ${where}; \`odradek start\` starts one, --bootstrap names others`);
  }

  /** Asks one broker. @throws RpcError, also when it is not known. */
  async askBroker<Req extends Message, Res extends Message>(
    brokerId: number,
    api: Api<Req, Res>,
    request: Encode<Req>,
    options: Partial<RpcCall> = {},
  ): Promise<Decode<Res>> {
    return this.call(this.addressOf(brokerId), api, request, options);
  }

  /** As askBroker; the body may hold records, which are there until it is released. */
  async askForRecords<Req extends Message, Res extends Message>(
    brokerId: number,
    api: Api<Req, Res>,
    request: Encode<Req>,
    options: Partial<RpcCall> = {},
  ): Promise<RpcResponse<Decode<Res>>> {
    return this.clientAt(this.addressOf(brokerId)).call(api, request, { timeoutMs: ANSWER_TIMEOUT_MS, ...options });
  }

  /** Sends a request that is never answered. @throws RpcError it was not sent */
  async tell<Req extends Message>(
    brokerId: number,
    api: Api<Req>,
    request: Encode<Req>,
    options: Partial<RpcCall> = {},
  ): Promise<void> {
    await this.clientAt(this.addressOf(brokerId)).send(api, request, { timeoutMs: ANSWER_TIMEOUT_MS, ...options });
  }

  /** Asks the broker that clients take for the controller: it does what it is asked, or has it done. */
  async askController<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    request: Encode<Req>,
    options: Partial<RpcCall> = {},
  ): Promise<Decode<Res>> {
    const { controllerId, brokers } = await this.view([]);
    return brokers.has(controllerId)
      ? this.askBroker(controllerId, api, request, options)
      : this.askAny(api, request, options);
  }

  /**
   * Asks the coordinator of a group, again and again while it moves or loads.
   * @param codesOf the errors in an answer; one that passes asks again.
   */
  async askCoordinator<Req extends Message, Res extends Message>(
    groupId: string,
    api: Api<Req, Res>,
    request: Encode<Req>,
    codesOf: (answer: Decode<Res>) => Iterable<number>,
    options: Partial<RpcCall> & Patience = {},
  ): Promise<Decode<Res>> {
    const ask = async (): Promise<Decode<Res>> => {
      const answer = await this.askBroker(await this.coordinatorOf(groupId), api, request, options);
      for (const code of codesOf(answer)) if (COORDINATOR_MOVES.has(code)) throw new KafkaError(code as ErrorCode);
      return answer;
    };
    return patiently(ask, () => this.coordinators.delete(groupId), options);
  }

  /** The broker that coordinates a group. @throws KafkaError none does, for now. */
  async coordinatorOf(groupId: string): Promise<number> {
    const known = this.coordinators.get(groupId);
    if (known !== undefined && this.brokers.has(known)) return known;
    const answer = await this.askAny(FindCoordinator, { key: groupId, keyType: 0 }, { maxVersion: SINGLE_KEY_VERSION });
    if (answer.errorCode !== ErrorCode.NONE) throw kafkaError(answer.errorCode, answer.errorMessage);
    const { nodeId, host, port } = answer;
    this.brokers = new Map(this.brokers).set(nodeId, { id: nodeId, address: { host, port }, rack: null });
    this.coordinators.set(groupId, nodeId);
    return nodeId;
  }

  /** Brokers and topics as a broker knows them now; null asks for every topic. Creates none unless told to. */
  async view(topics: readonly string[] | null, create = false): Promise<ClusterView> {
    const answer = await this.askAny(Metadata, {
      topics: topics === null ? null : topics.map((name) => ({ name })),
      allowAutoTopicCreation: create,
      includeTopicAuthorizedOperations: false,
    });
    if (answer.errorCode !== ErrorCode.NONE) throw kafkaError(answer.errorCode, null);
    this.brokers = new Map(
      answer.brokers.map(({ nodeId, host, port, rack }) => [nodeId, { id: nodeId, address: { host, port }, rack }]),
    );
    for (const topic of answer.topics) this.learnLeaders(topic);
    const { clusterId, controllerId } = answer;
    return { clusterId, brokers: this.brokers, controllerId, topics: answer.topics };
  }

  /** One topic. @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION and others that Metadata answers. */
  async topic(name: string, create = false): Promise<TopicMetadata> {
    const { topics } = await this.view([name], create);
    const [topic] = topics;
    if (topic === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    if (topic.errorCode !== ErrorCode.NONE) throw kafkaError(topic.errorCode, null);
    return topic;
  }

  /** The broker that leads a partition, as far as known. @throws KafkaError there is none now. */
  async leaderOf(topic: string, partition: number): Promise<number> {
    const known = this.leaders.get(topic)?.get(partition);
    if (known !== undefined && this.brokers.has(known)) return known;
    const { partitions } = await this.topic(topic);
    const found = partitions.find(({ partitionIndex }) => partitionIndex === partition);
    if (found === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    if (!this.brokers.has(found.leaderId)) throw new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE);
    return found.leaderId;
  }

  /** What is known of a topic's leaders, or of all, may no longer be true. */
  forgetLeaders(topic?: string): void {
    if (topic === undefined) this.leaders.clear();
    else this.leaders.delete(topic);
  }

  forgetCoordinator(groupId: string): void {
    this.coordinators.delete(groupId);
  }

  /** Another client of the same cluster, on connections of its own: for what must not wait behind a request that is parked. */
  another(): ClusterClient {
    return new ClusterClient(this.bootstrap, this.clientId);
  }

  /** Fails what is under way, and closes every connection. */
  close(): void {
    for (const client of this.clients.values()) client.close();
    this.clients.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  private learnLeaders(topic: TopicMetadata): void {
    if (topic.name === null || topic.errorCode !== ErrorCode.NONE) return;
    const led = topic.partitions.filter(({ leaderId }) => leaderId >= 0);
    this.leaders.set(topic.name, new Map(led.map(({ partitionIndex, leaderId }) => [partitionIndex, leaderId])));
  }

  private async call<Req extends Message, Res extends Message>(
    address: Address,
    api: Api<Req, Res>,
    request: Encode<Req>,
    options: Partial<RpcCall>,
  ): Promise<Decode<Res>> {
    const response = await this.clientAt(address).call(api, request, { timeoutMs: ANSWER_TIMEOUT_MS, ...options });
    response.release();
    return response.body;
  }

  private addressOf(brokerId: number): Address {
    const broker = this.brokers.get(brokerId);
    if (broker === undefined) throw new RpcError("disconnected", `there is no broker ${brokerId}`);
    return broker.address;
  }

  private clientAt(address: Address): RpcClient {
    const key = addressText(address);
    let client = this.clients.get(key);
    if (client === undefined) {
      const options = { clientId: this.clientId, connectTimeoutMs: CONNECT_TIMEOUT_MS, negotiates: true };
      client = new RpcClient(this.environment, address, options);
      this.clients.set(key, client);
    }
    return client;
  }
}

/** Another broker has the group, or this one has it soon. */
const COORDINATOR_MOVES: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
]);

/** An error of an answer; a broker's own words go before the code's name. */
export function kafkaError(code: number, message: string | null | undefined): KafkaError {
  return new KafkaError(code as ErrorCode, message === null || message === "" ? undefined : message);
}

function reasonOf(error: RpcError): string {
  const { cause } = error;
  const kind = (cause as { kind?: string } | undefined)?.kind;
  return kind === undefined ? "" : ` (${kind})`;
}
