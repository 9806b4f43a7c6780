/**
 * One request from the frame it came in to the bytes that answer it.
 *
 * Owns: what handlers are told of the request, and how far its answer is. Leaves to the dispatcher: how the answer comes
 * about; to the connection: when its bytes may leave.
 * Invariant: settled once; `whenSent` of an answer runs once, whatever becomes of the connection.
 */
import { strict as assert } from "node:assert";
import type { Api } from "../../protocol/schema/api.ts";
import type { SharedBuffer } from "../../storage/shared-buffer.ts";
import type { Later } from "./answer.ts";
import type { AdvertisedApi, ClientConnection, RequestInfo } from "./handler.ts";

/** What becomes of a request: bytes to send, silence, or the end of the connection. */
export type Outcome = readonly Buffer[] | "silent" | "close";

export class Exchange implements RequestInfo {
  readonly connection: ClientConnection;
  readonly api: Api;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string;
  readonly frame: SharedBuffer | undefined;
  readonly advertisedApis: readonly AdvertisedApi[];
  /** Of the frame; set by the connection for what is in flight. */
  sizeBytes = 0;
  /** Undefined while the answer is to come. */
  outcome: Outcome | undefined;
  whenSent: (() => void) | undefined;
  /** What the handler parked. */
  later: Later<unknown> | undefined;
  private onSettled: (() => void) | undefined;

  constructor(
    connection: ClientConnection,
    api: Api,
    apiVersion: number,
    correlationId: number,
    clientId: string,
    frame: SharedBuffer | undefined,
    advertisedApis: readonly AdvertisedApi[],
  ) {
    this.connection = connection;
    this.api = api;
    this.apiVersion = apiVersion;
    this.correlationId = correlationId;
    this.clientId = clientId;
    this.frame = frame;
    this.advertisedApis = advertisedApis;
    this.outcome = undefined;
    this.whenSent = undefined;
    this.later = undefined;
    this.onSettled = undefined;
  }

  /** True while nothing behind this request may be handled, not even a Produce behind a Produce. */
  get holdsConnection(): boolean {
    return this.outcome === undefined && this.later?.holdsConnection === true;
  }

  settle(outcome: Outcome, whenSent?: () => void): void {
    assert(this.outcome === undefined, "a request is answered twice");
    this.outcome = outcome;
    this.whenSent = whenSent;
    this.onSettled?.();
  }

  /** Calls back when an answer that was to come is there, or when it no longer holds the connection. */
  whenItMoves(onMove: () => void): void {
    this.onSettled = onMove;
    this.later?.whenReleased(onMove);
  }

  /** The connection is gone: frees what is parked, or what the unsent answer refers to. */
  abandon(): void {
    this.onSettled = undefined;
    if (this.outcome === undefined) {
      this.outcome = "close";
      this.later?.cancel();
    } else {
      const { whenSent } = this;
      this.whenSent = undefined;
      whenSent?.();
    }
  }
}
