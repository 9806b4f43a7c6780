/**
 * Metadata that a broker fetches as an observer of the quorum, and keeps a copy of in its own directory.
 */
import type { Address } from "../../broker/network/network.ts";
import { RpcClient } from "../../broker/network/rpc-client.ts";
import type { RpcEnvironment } from "../../broker/network/rpc-connection.ts";
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import type { ClusterDelta, ClusterImage } from "../metadata/cluster-image.ts";
import type { MetadataLog } from "../raft/metadata-log.ts";
import { MetadataObserver, type ObserverOptions, type ObserverSurroundings } from "../raft/metadata-observer.ts";
import type { ObserverChannel } from "../raft/observer-channel.ts";
import type { MetadataSource } from "./metadata-source.ts";
import type { QuorumAddresses } from "./quorum-addresses.ts";

export interface ObservedMetadataOptions {
  readonly around: ObserverSurroundings;
  readonly metadataLog: MetadataLog;
  readonly addresses: QuorumAddresses;
  readonly rpc: RpcEnvironment;
  readonly clientId: string;
  /** controller.quorum.request.timeout.ms */
  readonly requestTimeoutMs: number;
  readonly observer: ObserverOptions;
}

export class ObservedMetadata implements MetadataSource {
  private readonly options: ObservedMetadataOptions;
  private readonly observer: MetadataObserver;
  private readonly channel: QuorumChannel;
  onFailure: ((error: unknown) => void) | undefined;

  constructor(options: ObservedMetadataOptions) {
    this.options = options;
    this.channel = new QuorumChannel(options);
    this.observer = new MetadataObserver(options.around, options.metadataLog, this.channel, options.observer);
    this.observer.onFailure = (error) => this.onFailure?.(error);
  }

  get image(): ClusterImage {
    return this.observer.copy.image;
  }

  async start(onDelta: (delta: ClusterDelta) => void): Promise<void> {
    this.observer.copy.onDelta = onDelta;
    await this.observer.start();
  }

  async stop(): Promise<void> {
    this.channel.close();
    await this.observer.stop();
    await this.options.metadataLog.log.close();
  }
}

/** Requests to the quorum, on a connection of their own. */
class QuorumChannel implements ObserverChannel {
  private readonly options: ObservedMetadataOptions;
  private client: RpcClient | undefined;

  constructor(options: ObservedMetadataOptions) {
    this.options = options;
  }

  async send<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
    leaderId: number | undefined,
  ): Promise<Decode<Res>> {
    const { addresses, requestTimeoutMs, rpc } = this.options;
    const client = this.clientFor(leaderId === undefined ? addresses.next() : addresses.of(leaderId));
    const response = await client.call(api, request, { version, timeoutMs: requestTimeoutMs });
    // The observer takes records in before the turn is over.
    if (response.frame !== undefined) rpc.clock.afterPoll(() => response.release());
    return response.body;
  }

  leaderIs(leaderId: number, address: Address | undefined): void {
    this.options.addresses.leaderIs(leaderId, address);
  }

  close(): void {
    this.client?.close();
  }

  private clientFor(address: Address): RpcClient {
    const { client } = this;
    if (client !== undefined && client.address.host === address.host && client.address.port === address.port)
      return client;
    client?.close();
    const { rpc, clientId, requestTimeoutMs } = this.options;
    this.client = new RpcClient(rpc, address, { clientId, connectTimeoutMs: requestTimeoutMs });
    return this.client;
  }
}
