/**
 * Where a broker's requests to the active controller go: in a combined node to the controller beside it, elsewhere over the
 * network to whoever leads the quorum.
 */
import type { ForwardedFor } from "../../broker/ports.ts";
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";

export interface ControllerCall {
  /** How long to look for an active controller and wait for its answer; controller.socket.timeout.ms when left out. */
  readonly timeoutMs?: number;
  /** The client it is asked for: the request travels in an Envelope (KIP-590). */
  readonly onBehalfOf?: ForwardedFor;
}

export interface ControllerChannel {
  /** Told when a connection to a controller is lost, on channels that have one. */
  onLost?: (() => void) | undefined;
  /**
   * Sends one request to the active controller and brings its answer. Looks for the controller again and retries when the one
   * asked is gone or says that it is not active.
   * @throws KafkaError REQUEST_TIMED_OUT; UNSUPPORTED_VERSION when the controller does not know the version.
   */
  send<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
    call?: ControllerCall,
  ): Promise<Decode<Res>>;
  close(): void;
}
