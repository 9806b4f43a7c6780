/**
 * The other brokers of the cluster, as one part of this one asks them: a connection each, where the metadata says they listen.
 *
 * Owns: that a broker that came back, or moved, gets a new connection. Leaves to whoever asks: when to try again. Parts that would
 * wait for one another's answers have connections of their own.
 */
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import type { MetadataImage } from "../metadata/metadata-image.ts";
import { RpcClient } from "./rpc-client.ts";
import type { RpcEnvironment } from "./rpc-connection.ts";
import { RpcError } from "./rpc-error.ts";

/** A broker that does not answer the dial is tried again soon. */
const CONNECT_TIMEOUT_MS = 1000;
const MAX_IN_FLIGHT = 4;

export interface PeerBrokersOptions {
  readonly environment: RpcEnvironment;
  readonly clientId: string;
  /** Name of the listener brokers use among themselves. */
  readonly listenerName: string;
  readonly image: () => MetadataImage;
}

interface Peer {
  readonly client: RpcClient;
  readonly brokerEpoch: number;
}

export class PeerBrokers {
  private readonly options: PeerBrokersOptions;
  private readonly peers = new Map<number, Peer>();
  private closed = false;

  constructor(options: PeerBrokersOptions) {
    this.options = options;
  }

  /** Asks a broker. The body is the caller's: for APIs without records. @throws RpcError, also when there is no such broker now. */
  async call<Req extends Message, Res extends Message>(
    brokerId: number,
    api: Api<Req, Res>,
    request: Encode<Req>,
    timeoutMs: number,
  ): Promise<Decode<Res>> {
    const response = await this.clientOf(brokerId).call(api, request, { timeoutMs });
    response.release();
    return response.body;
  }

  /** Fails what is under way, now and from now on. */
  close(): void {
    this.closed = true;
    for (const { client } of this.peers.values()) client.close();
    this.peers.clear();
  }

  private clientOf(brokerId: number): RpcClient {
    if (this.closed) throw new RpcError("closed", "closed from this side");
    const { environment, clientId, listenerName, image } = this.options;
    const broker = image().brokers.get(brokerId);
    const endpoint = broker?.endpoints.find(({ name }) => name === listenerName);
    if (broker === undefined || broker.fenced || endpoint === undefined) {
      this.forget(brokerId);
      throw new RpcError("disconnected", `broker ${brokerId} is not there`);
    }
    const known = this.peers.get(brokerId);
    if (known?.brokerEpoch === broker.brokerEpoch) return known.client;
    this.forget(brokerId);
    const address = { host: endpoint.host, port: endpoint.port };
    const client = new RpcClient(environment, address, {
      ...{ clientId, connectTimeoutMs: CONNECT_TIMEOUT_MS, maxInFlight: MAX_IN_FLIGHT },
      negotiates: true,
    });
    this.peers.set(brokerId, { client, brokerEpoch: broker.brokerEpoch });
    return client;
  }

  private forget(brokerId: number): void {
    this.peers.get(brokerId)?.client.close();
    this.peers.delete(brokerId);
  }
}
