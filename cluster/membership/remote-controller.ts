/**
 * The active controller over the network: found among the quorum's addresses, asked again elsewhere when it is gone.
 *
 * Owns: which address is asked, retries until the caller's time is up, and Envelopes. Leaves to RpcClient: connections.
 * Several of these stand side by side, each with a connection of its own, so that a slow request holds no heartbeat back.
 */
import type { Address } from "../../broker/network/network.ts";
import { RpcClient } from "../../broker/network/rpc-client.ts";
import type { RpcEnvironment } from "../../broker/network/rpc-connection.ts";
import { RpcError } from "../../broker/network/rpc-error.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { Envelope } from "../../protocol/messages/envelope.ts";
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import type { ControllerCall, ControllerChannel } from "./controller-channel.ts";
import { ENVELOPE_VERSION, openResponse, sealRequest } from "./envelope.ts";

/** Who the controllers are, and which of them leads as far as is known here. */
export interface ControllerAddresses {
  /** The leader's, or, while it is unknown, another one each time. */
  next(): Address;
  /** Whoever was asked does not lead. */
  notLeader(asked: Address): void;
}

export interface RemoteControllerOptions {
  readonly addresses: ControllerAddresses;
  readonly environment: RpcEnvironment;
  readonly clientId: string;
  /** controller.socket.timeout.ms */
  readonly defaultTimeoutMs: number;
}

const RETRY_MS = 20;
const MAX_RETRY_MS = 100;
/** What a connection that hangs may take of the caller's time before another is tried. */
const CONNECT_TIMEOUT_MS = 1000;

export class RemoteController implements ControllerChannel {
  private readonly options: RemoteControllerOptions;
  onLost: (() => void) | undefined;
  private client: RpcClient | undefined;
  private closed = false;

  constructor(options: RemoteControllerOptions) {
    this.options = options;
  }

  async send<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
    call: ControllerCall = {},
  ): Promise<Decode<Res>> {
    const { clock } = this.options.environment;
    const deadlineMs = clock.monotonicMs() + (call.timeoutMs ?? this.options.defaultTimeoutMs);
    for (let delayMs = RETRY_MS; ; delayMs = Math.min(delayMs * 2, MAX_RETRY_MS)) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0 || this.closed) throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT);
      const client = this.currentClient();
      try {
        const answer = await this.ask(client, api, version, request, call, leftMs);
        if (answer !== undefined) return answer;
        this.options.addresses.notLeader(client.address);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        if (error.kind === "timeout") throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, undefined, { cause: error });
        if (error.kind === "unsupported-version") throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION);
        this.options.addresses.notLeader(client.address);
      }
      await new Promise<void>((resolve) => clock.after(Math.min(delayMs, Math.max(0, leftMs)), resolve));
    }
  }

  close(): void {
    this.closed = true;
    this.client?.close();
  }

  private currentClient(): RpcClient {
    const address = this.options.addresses.next();
    const { client } = this;
    if (client !== undefined && client.address.host === address.host && client.address.port === address.port)
      return client;
    client?.close();
    const { environment, clientId } = this.options;
    const next = new RpcClient(environment, address, {
      ...{ clientId, connectTimeoutMs: CONNECT_TIMEOUT_MS },
      onConnection: (isThere) => {
        if (!isThere) this.onLost?.();
      },
    });
    this.client = next;
    return next;
  }

  /** Undefined: whoever was asked is not the active controller. */
  private async ask<Req extends Message, Res extends Message>(
    client: RpcClient,
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
    call: ControllerCall,
    timeoutMs: number,
  ): Promise<Decode<Res> | undefined> {
    if (call.onBehalfOf === undefined) {
      const response = await client.call(api, request, { version, timeoutMs });
      response.release();
      const { errorCode } = response.body as { errorCode?: number };
      return errorCode === ErrorCode.NOT_CONTROLLER ? undefined : response.body;
    }
    const envelope = sealRequest(api, version, request, call.onBehalfOf);
    const response = await client.call(Envelope, envelope, { version: ENVELOPE_VERSION, timeoutMs });
    response.release();
    const { errorCode, responseData } = response.body;
    if (errorCode === ErrorCode.NOT_CONTROLLER) return undefined;
    if (errorCode !== ErrorCode.NONE || responseData === null) {
      throw new KafkaError(errorCode === ErrorCode.UNSUPPORTED_VERSION ? errorCode : ErrorCode.UNKNOWN_SERVER_ERROR);
    }
    return openResponse(api, version, responseData);
  }
}
