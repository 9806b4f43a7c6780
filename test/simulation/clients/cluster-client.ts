/**
 * What every simulated client shares: what it knows of the cluster, and a connection to each broker.
 *
 * Owns: metadata as real clients keep it (never back to an older leader epoch of the same topic), asked for again when something
 * was wrong or it is old. Leaves to producers and consumers: what they ask brokers.
 */
import type { Address, Network } from "../../../broker/network/network.ts";
import { RequestMemory } from "../../../broker/network/request-memory.ts";
import { RpcClient } from "../../../broker/network/rpc-client.ts";
import { RpcError } from "../../../broker/network/rpc-error.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Metadata } from "../../../protocol/messages/metadata.ts";
import type { Clock, Timer } from "../../../storage/clock.ts";
import type { BufferPool } from "../../../storage/shared-buffer.ts";
import type { SeededRandom } from "../seeded-random.ts";

export interface ClientEnvironment {
  readonly name: string;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly network: Network;
  readonly pool: BufferPool;
  readonly bootstrap: readonly Address[];
}

export interface ClientSettings {
  readonly requestTimeoutMs: number;
  readonly retryBackoffMs: number;
  readonly metadataMaxAgeMs: number;
}

/** As librdkafka's and Java's, but for their patience: a simulated minute is short. */
export const CLIENT_SETTINGS: ClientSettings = {
  requestTimeoutMs: 5000,
  retryBackoffMs: 100,
  metadataMaxAgeMs: 10_000,
};

export interface LeaderView {
  readonly leader: number;
  readonly leaderEpoch: number;
}

export interface TopicView {
  readonly name: string;
  readonly id: string;
  readonly partitions: readonly LeaderView[];
}

const METADATA_VERSION = 12;
const CONNECT_TIMEOUT_MS = 1000;
const MEMORY_BYTES = 64 * 1024 * 1024;

export class ClusterClient {
  readonly environment: ClientEnvironment;
  readonly settings: ClientSettings;
  readonly topics = new Map<string, TopicView>();
  readonly brokers = new Map<number, Address>();
  /** Called after every answer. */
  onMetadata: (() => void) | undefined;
  private readonly wanted: readonly string[];
  private readonly clients = new Map<string, RpcClient>();
  private readonly memory = new RequestMemory(MEMORY_BYTES);
  private timer: Timer | undefined;
  private dueMs = Number.POSITIVE_INFINITY;
  private asking = false;
  private closed = false;
  private turn = 0;

  constructor(environment: ClientEnvironment, topics: readonly string[], settings: ClientSettings = CLIENT_SETTINGS) {
    this.environment = environment;
    this.settings = settings;
    this.wanted = topics;
  }

  start(): void {
    this.refreshIn(0);
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    for (const client of this.clients.values()) client.close();
    this.clients.clear();
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Something was wrong: asks anew, after the usual pause. */
  refresh(): void {
    this.refreshIn(this.settings.retryBackoffMs);
  }

  /** The connection to a broker; undefined while its address is not known. */
  brokerAt(id: number): RpcClient | undefined {
    const address = this.brokers.get(id);
    return address === undefined || this.closed ? undefined : this.clientAt(address);
  }

  /** A broker said who leads a partition (KIP-951). */
  leaderMoved(topic: string, partition: number, now: LeaderView, address: Address | undefined): void {
    const known = this.topics.get(topic);
    const before = known?.partitions[partition];
    if (known === undefined || before === undefined || before.leaderEpoch >= now.leaderEpoch) return;
    if (address !== undefined) this.brokers.set(now.leader, address);
    this.topics.set(topic, { ...known, partitions: known.partitions.with(partition, now) });
    this.onMetadata?.();
  }

  private clientAt(address: Address): RpcClient {
    const key = `${address.host}:${address.port}`;
    let client = this.clients.get(key);
    if (client === undefined) {
      const { network, clock, pool, name } = this.environment;
      const rpc = { network, clock, pool, memory: this.memory };
      client = new RpcClient(rpc, address, { clientId: name, connectTimeoutMs: CONNECT_TIMEOUT_MS });
      this.clients.set(key, client);
    }
    return client;
  }

  private refreshIn(delayMs: number): void {
    const { clock } = this.environment;
    const dueMs = clock.monotonicMs() + delayMs;
    if (this.closed || this.asking || (this.timer !== undefined && dueMs >= this.dueMs)) return;
    this.timer?.cancel();
    this.dueMs = dueMs;
    this.timer = clock.after(delayMs, () => {
      this.timer = undefined;
      void this.ask();
    });
  }

  private async ask(): Promise<void> {
    this.asking = true;
    let nextMs = this.settings.metadataMaxAgeMs;
    try {
      const request = {
        topics: this.wanted.map((name) => ({ name })),
        allowAutoTopicCreation: false,
        includeTopicAuthorizedOperations: false,
      };
      const timeoutMs = this.settings.requestTimeoutMs;
      const { body } = await this.nextClient().call(Metadata, request, { version: METADATA_VERSION, timeoutMs });
      this.take(body);
      if (this.topics.size < this.wanted.length) nextMs = this.settings.retryBackoffMs;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      nextMs = this.settings.retryBackoffMs;
    }
    this.asking = false;
    this.refreshIn(nextMs);
  }

  private nextClient(): RpcClient {
    const { bootstrap } = this.environment;
    const all = [...this.brokers.values()];
    const addresses = all.length === 0 ? bootstrap : all;
    return this.clientAt(addresses[this.turn++ % addresses.length] as Address);
  }

  private take(body: {
    readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
    readonly topics: readonly {
      readonly errorCode: number;
      readonly name: string | null;
      readonly topicId: string;
      readonly partitions: readonly { partitionIndex: number; leaderId: number; leaderEpoch: number }[];
    }[];
  }): void {
    if (this.closed) return;
    if (body.brokers.length > 0) this.brokers.clear();
    for (const { nodeId, host, port } of body.brokers) this.brokers.set(nodeId, { host, port });
    for (const { errorCode, name, topicId, partitions } of body.topics) {
      if (name === null) continue;
      if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) this.topics.delete(name);
      if (errorCode !== ErrorCode.NONE) continue;
      const known = this.topics.get(name);
      const views: LeaderView[] = [];
      for (const { partitionIndex, leaderId, leaderEpoch } of partitions) {
        const before = known?.id === topicId ? known.partitions[partitionIndex] : undefined;
        const isOlder = before !== undefined && before.leaderEpoch > leaderEpoch;
        views[partitionIndex] = isOlder ? before : { leader: leaderId, leaderEpoch };
      }
      this.topics.set(name, { name, id: topicId, partitions: views });
    }
    this.onMetadata?.();
  }
}
