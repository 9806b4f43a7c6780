/**
 * What a handler is, and what it is told about the request besides its body.
 */
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { SharedBuffer } from "../../storage/shared-buffer.ts";
import type { Broker } from "../broker.ts";
import type { Answer } from "./answer.ts";

export interface Principal {
  readonly type: string;
  readonly name: string;
}

/** One client's connection, as handlers see it. */
export interface ClientConnection {
  /** Unique in the process. */
  readonly id: number;
  readonly listenerName: string;
  readonly remoteHost: string;
  readonly remotePort: number;
  /** User:ANONYMOUS until security exists. */
  principal: Principal;
  /** False: requests are held to the smaller size limit of strangers. Always true on listeners without authentication. */
  authenticated: boolean;
  /** From ApiVersions v3+; "" before. */
  clientSoftwareName: string;
  clientSoftwareVersion: string;
  readonly closed: boolean;
  /** Runs when the connection has gone: frees what was kept for it (fetch sessions, ...). */
  onClosed(run: () => void): void;
}

/** One API as ApiVersions lists it. */
export interface AdvertisedApi {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** What every listener tells about a request, whatever node answers it. */
export interface RequestInfo {
  readonly connection: ClientConnection;
  readonly api: Api;
  readonly apiVersion: number;
  readonly correlationId: number;
  /** "" when null came. */
  readonly clientId: string;
  /**
   * Owner of the frame that `records` fields are views of; to be retained by whoever keeps them past this turn. Undefined:
   * the views are good for this turn only, and what is kept must be copied.
   */
  readonly frame: SharedBuffer | undefined;
  /** What this listener serves, in the order of keys. */
  readonly advertisedApis: readonly AdvertisedApi[];
}

/** A request on a broker's listener. */
export interface RequestContext extends RequestInfo {
  readonly broker: Broker;
}

/**
 * Answers one request: a synchronous function that changes what it changes in the turn that calls it. A KafkaError it throws
 * becomes the API's own error response; anything else UNKNOWN_SERVER_ERROR, logged loudly.
 */
export type Handler<A extends Api, C = RequestContext> = (
  request: Decode<A["request"]>,
  context: C,
) => Answer<Encode<A["response"]>>;
