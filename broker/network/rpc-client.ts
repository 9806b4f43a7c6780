/**
 * Another node as one that answers requests: connects when it is first asked something, and again after the connection was lost.
 *
 * Owns: one connection at a time, its opening and negotiation shared by all who wait for it. Leaves to the caller: when to try
 * again after a failure, and what a request that got no answer may have done.
 */
import type { ApiVersions } from "../../protocol/messages/api-versions.ts";
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import type { Address } from "./network.ts";
import {
  type RpcCall,
  RpcConnection,
  type RpcEnvironment,
  type RpcOptions,
  type RpcResponse,
} from "./rpc-connection.ts";
import { RpcError } from "./rpc-error.ts";

export interface RpcClientOptions extends RpcOptions {
  /** Asks which versions the other node speaks before anything else. Not needed between nodes of one version. */
  readonly negotiates?: boolean;
  /** A connection is there, or is lost; not told of one that this side closes. */
  onConnection?(isThere: boolean): void;
}

export class RpcClient {
  readonly address: Address;
  private readonly environment: RpcEnvironment;
  private readonly options: RpcClientOptions;
  private connection: RpcConnection | undefined;
  private opening: Promise<RpcConnection> | undefined;
  private isClosed = false;
  /** What the other node said when it was last asked. */
  apiVersions: Decode<(typeof ApiVersions)["response"]> | undefined;

  constructor(environment: RpcEnvironment, address: Address, options: RpcClientOptions) {
    this.environment = environment;
    this.address = address;
    this.options = options;
  }

  get isConnected(): boolean {
    return this.connection !== undefined;
  }

  /** Sends a request, connecting first where there is no connection. The timeout counts from then on. @throws RpcError. */
  async call<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    request: Encode<Req>,
    options: RpcCall,
  ): Promise<RpcResponse<Decode<Res>>> {
    const connection = this.connection ?? (await this.connect(options.timeoutMs));
    return connection.call(api, request, options);
  }

  /** Sends a request that is never answered: a Produce with acks=0. @throws RpcError it was not sent */
  async send<Req extends Message>(api: Api<Req>, request: Encode<Req>, options: RpcCall): Promise<void> {
    const connection = this.connection ?? (await this.connect(options.timeoutMs));
    connection.send(api, request, options);
  }

  private connect(timeoutMs: number): Promise<RpcConnection> {
    if (this.isClosed) return Promise.reject(new RpcError("closed", "closed from this side"));
    this.opening ??= this.open(timeoutMs).finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  private async open(timeoutMs: number): Promise<RpcConnection> {
    const connection = await RpcConnection.open(this.environment, this.address, this.options);
    if (this.isClosed) {
      connection.close();
      throw new RpcError("closed", "closed from this side");
    }
    if (this.options.negotiates === true) this.apiVersions = await connection.negotiate(timeoutMs);
    if (connection.isClosed) throw new RpcError("disconnected", "the connection is lost");
    connection.onClosed = () => {
      if (this.connection === connection) this.connection = undefined;
      if (!this.isClosed) this.options.onConnection?.(false);
    };
    this.connection = connection;
    this.options.onConnection?.(true);
    return connection;
  }

  /** Fails what is under way, now and from now on. */
  close(): void {
    this.isClosed = true;
    this.connection?.close();
  }
}
