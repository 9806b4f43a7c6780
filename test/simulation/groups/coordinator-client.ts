/**
 * A client of a group's coordinator: finds it, has a connection to it of its own, and forgets it when it does not answer.
 *
 * Owns: which broker is asked, and whether that is the one which coordinates the group by what the controller has committed: others
 * may still answer as if they did, until they hear of it.
 */
import { InternalTopic } from "../../../broker/metadata/internal-topics.ts";
import { RequestMemory } from "../../../broker/network/request-memory.ts";
import { RpcClient } from "../../../broker/network/rpc-client.ts";
import { RpcError } from "../../../broker/network/rpc-error.ts";
import { partitionOfKey } from "../../../broker/state-machine/key-partition.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../../protocol/schema/message.ts";
import { type ClientEnvironment, ClusterClient } from "../clients/cluster-client.ts";
import type { SimulatedCluster } from "../world/simulated-cluster.ts";

export interface Answer<Body> {
  readonly body: Body;
  readonly sentAtMs: number;
  /** Events before it was sent, and before it came. */
  readonly sentAt: number;
  readonly cameAt: number;
  /** Whoever answered coordinated the group all the while. */
  readonly trusted: boolean;
}

const MEMORY_BYTES = 16 * 1024 * 1024;
const FIND_VERSION = 3;

export class CoordinatorClient {
  readonly cluster: ClusterClient;
  readonly environment: ClientEnvironment;
  private readonly world: SimulatedCluster;
  private readonly groupId: string;
  private readonly memory = new RequestMemory(MEMORY_BYTES);
  private readonly connections = new Map<string, RpcClient>();
  private coordinator: number | undefined;

  constructor(environment: ClientEnvironment, world: SimulatedCluster, groupId: string, topics: readonly string[]) {
    this.environment = environment;
    this.world = world;
    this.groupId = groupId;
    this.cluster = new ClusterClient(environment, topics);
    this.cluster.start();
  }

  get isClosed(): boolean {
    return this.cluster.isClosed;
  }

  close(): void {
    this.cluster.close();
    for (const client of this.connections.values()) client.close();
    this.connections.clear();
  }

  /** Events so far: what orders what members see. */
  get events(): number {
    return this.world.simulation.scheduler.eventCount;
  }

  get nowMs(): number {
    return this.world.simulation.scheduler.nowMs;
  }

  pause(forMs: number): Promise<void> {
    return new Promise((resolve) => void this.environment.clock.after(forMs, resolve));
  }

  /** Looks for the coordinator anew. */
  forget(): void {
    this.coordinator = undefined;
  }

  /** Asks the coordinator once; undefined when there was no answer, whatever it may have done. */
  async ask<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
    timeoutMs = this.cluster.settings.requestTimeoutMs,
  ): Promise<Answer<Decode<Res>> | undefined> {
    const broker = await this.find();
    const client = broker === undefined ? undefined : this.connectionTo(broker);
    if (broker === undefined || client === undefined) {
      this.coordinator = undefined;
      this.cluster.refresh();
      return undefined;
    }
    const [sentAt, sentAtMs, epoch] = [this.events, this.nowMs, this.epochOf(broker)];
    try {
      const { body } = await client.call(api, request, { version, timeoutMs });
      const trusted = epoch !== undefined && epoch === this.epochOf(broker);
      return this.isClosed ? undefined : { body, sentAt, sentAtMs, cameAt: this.events, trusted };
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.coordinator = undefined;
      return undefined;
    }
  }

  /** After an answer that says so, another broker is asked; the same after one that asks for patience. */
  heed(errorCode: ErrorCode): void {
    if (errorCode === ErrorCode.NOT_COORDINATOR || errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE) this.forget();
  }

  /** The epoch in which the broker leads the group's partition; undefined when it does not. */
  private epochOf(broker: number): number | undefined {
    const partitions = this.world.running.image.topics.get(InternalTopic.CONSUMER_OFFSETS)?.partitions ?? [];
    if (partitions.length === 0) return undefined;
    const partition = partitions[partitionOfKey(this.groupId, partitions.length)];
    return partition?.leader === broker ? partition.leaderEpoch : undefined;
  }

  private async find(): Promise<number | undefined> {
    if (this.coordinator !== undefined) return this.coordinator;
    const brokers = [...this.cluster.brokers.keys()];
    const any = brokers.length === 0 ? undefined : this.cluster.brokerAt(this.environment.random.pick(brokers));
    if (any === undefined) return undefined;
    try {
      const timeoutMs = this.cluster.settings.requestTimeoutMs;
      const { body } = await any.call(
        FindCoordinator,
        { keyType: 0, key: this.groupId },
        { version: FIND_VERSION, timeoutMs },
      );
      if (body.errorCode === ErrorCode.NONE) this.coordinator = body.nodeId;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
    }
    return this.coordinator;
  }

  private connectionTo(broker: number): RpcClient | undefined {
    const address = this.cluster.brokers.get(broker);
    if (address === undefined || this.isClosed) return undefined;
    const key = `${address.host}:${address.port}`;
    let client = this.connections.get(key);
    if (client === undefined) {
      const { network, clock, pool, name } = this.environment;
      client = new RpcClient({ network, clock, pool, memory: this.memory }, address, {
        ...{ clientId: name, connectTimeoutMs: 1000 },
      });
      this.connections.set(key, client);
    }
    return client;
  }
}
