/**
 * One client's connection: its requests in order, its answers in the same order.
 *
 * Owns: when a request may be handled, when its answer may leave, and how the connection ends. Leaves to FrameAssembler: bytes
 * into frames; to the Dispatcher: frames into answers.
 * Invariant: requests are handled one at a time, as in Kafka, save that Produces which follow each other are handled on arrival
 * and wait for replication together. Handlers never run inside one another: what an answer makes possible happens at the end
 * of the turn.
 */
import { Produce } from "../../protocol/messages/produce.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import type { BufferPool, SharedBuffer } from "../../storage/shared-buffer.ts";
import type { Exchange } from "../dispatch/exchange.ts";
import type { ClientConnection } from "../dispatch/handler.ts";
import { ConnectedClient } from "./connected-client.ts";
import { type ConnectionSigns, ConnectionWatch } from "./connection-watch.ts";
import { FrameAssembler, type FrameSink } from "./frame-assembler.ts";
import type { Connection, Receiver } from "./network.ts";
import { OutgoingBytes } from "./outgoing-bytes.ts";
import type { RequestLimits } from "./request-limits.ts";
import type { RequestMemory } from "./request-memory.ts";
import { describeBadSize } from "./strange-bytes.ts";
import type { TurnShare } from "./turn-share.ts";

/** What the connections of a node share. */
export interface RequestEnvironment {
  readonly clock: Clock;
  /** Limited: it is told what peers cause. */
  readonly log: Logger;
  readonly pool: BufferPool;
  readonly memory: RequestMemory;
  readonly limits: RequestLimits;
}

/** Who turns frames into exchanges: a Dispatcher. */
export interface RequestHandler {
  /** Undefined: the frame was refused, and the connection is to be closed once what came before is answered. */
  dispatch(
    connection: ClientConnection,
    buffer: Buffer,
    start: number,
    end: number,
    frame: SharedBuffer | undefined,
  ): Exchange | undefined;
}

export interface RequestConnectionOptions {
  readonly listenerName: string;
  readonly authenticated: boolean;
  readonly handler: RequestHandler;
  readonly environment: RequestEnvironment;
  /** Of the listener's connections. */
  readonly largeRequests: TurnShare;
  readonly onGone: (connection: RequestConnection) => void;
}

/** Memory a quiet connection need not keep at hand. */
const TRIM_AFTER_MS = 5_000;
/** How long requests that came together are handled in one turn, so that others are heard in between. */
const MAX_TURN_MS = 4;
/** The clock is read once for so many requests. */
const REQUESTS_PER_LOOK = 8;

export class RequestConnection implements Receiver, FrameSink {
  readonly client: ConnectedClient;
  private state: ConnectionSigns["state"] = "open";
  private readonly connection: Connection;
  private readonly handler: RequestHandler;
  private readonly environment: RequestEnvironment;
  private readonly largeRequests: TurnShare;
  private readonly onGone: (connection: RequestConnection) => void;
  private readonly assembler: FrameAssembler;
  private readonly outgoing: OutgoingBytes;
  private readonly watch: ConnectionWatch;
  /** Handled and not answered, or answered behind one that is not; in order. */
  private readonly inFlight: Exchange[] = [];
  private bytesInFlight = 0;
  private handledRequests = 0;
  private paused = false;
  private turnEndIsDue = false;
  /** Requests handled in this turn, and when the first of them were. */
  private handledInTurn = 0;
  private turnStartMs = 0;
  private peerEnded = false;
  private leaving = false;

  constructor(connection: Connection, options: RequestConnectionOptions) {
    this.client = new ConnectedClient(options.listenerName, connection.remoteAddress, options.authenticated);
    this.connection = connection;
    this.handler = options.handler;
    this.environment = options.environment;
    this.largeRequests = options.largeRequests;
    this.onGone = options.onGone;
    const { pool, memory, clock } = options.environment;
    this.assembler = new FrameAssembler(this, pool, memory);
    this.outgoing = new OutgoingBytes(connection, memory, () => this.flushed());
    this.watch = new ConnectionWatch(clock.monotonicMs());
    connection.receive(this);
  }

  get maxFrameBytes(): number {
    const { limits } = this.environment;
    return this.client.authenticated ? limits.maxRequestBytes : limits.maxUnauthenticatedRequestBytes;
  }

  target(): Buffer {
    return this.assembler.target();
  }

  received(sizeBytes: number): boolean {
    this.handledInTurn = 0;
    const goOn = this.assembler.received(sizeBytes);
    this.paused = !goOn;
    this.outgoing.flush();
    return goOn;
  }

  ended(): void {
    this.peerEnded = true;
    this.endIfDone();
  }

  frame(buffer: Buffer, start: number, end: number, owner: SharedBuffer | undefined): boolean {
    const sizeBytes = end - start;
    const isProduce = sizeBytes >= 2 && buffer.readInt16BE(start) === Produce.key;
    if (!this.mayHandle(isProduce, sizeBytes)) return false;
    if (owner !== undefined && this.largeRequests.isUsedUp) {
      this.environment.clock.afterPoll(() => this.proceed());
      return false;
    }
    this.handledRequests++;
    const exchange =
      owner === undefined
        ? this.handler.dispatch(this.client, buffer, start, end, undefined)
        : this.largeRequests.count(() => this.handler.dispatch(this.client, buffer, start, end, owner));
    if (exchange === undefined) {
      this.endAfterAnswers();
    } else if (exchange.outcome !== undefined && this.inFlight.length === 0) {
      this.conclude(exchange);
    } else {
      exchange.sizeBytes = sizeBytes;
      this.bytesInFlight += sizeBytes;
      this.environment.memory.add(sizeBytes);
      this.inFlight.push(exchange);
      if (exchange.outcome === undefined) exchange.whenItMoves(this.moved);
    }
    return true;
  }

  private mayHandle(isProduce: boolean, sizeBytes: number): boolean {
    const { limits } = this.environment;
    if (this.state !== "open" || this.outgoing.unsentBytes > limits.maxUnsentBytes) return false;
    if (this.turnIsLong()) return false;
    const last = this.inFlight[this.inFlight.length - 1];
    if (last === undefined) return true;
    if (!isProduce || last.api.key !== Produce.key || last.holdsConnection) return false;
    return (
      this.inFlight.length < limits.maxRequestsInFlight && this.bytesInFlight + sizeBytes <= limits.maxBytesInFlight
    );
  }

  /** True once a client's requests have had their share of a turn; they go on after the others were heard. */
  private turnIsLong(): boolean {
    if (++this.handledInTurn % REQUESTS_PER_LOOK !== 0) return false;
    const { clock } = this.environment;
    const nowMs = clock.monotonicMs();
    if (this.handledInTurn === REQUESTS_PER_LOOK) this.turnStartMs = nowMs;
    if (nowMs - this.turnStartMs < MAX_TURN_MS) return false;
    clock.afterPoll(() => this.proceed());
    return true;
  }

  badSize(size: number, received: Buffer): void {
    this.tell(describeBadSize(size, received, this.maxFrameBytes), "closing a connection: it sent no request");
    this.endAfterAnswers();
  }

  roomFreed(): void {
    this.atTurnEnd();
  }

  private resumeReading(): void {
    this.paused = false;
    this.connection.resume();
  }

  /** An answer has come, or what held the connection is done. Called from within handlers of any connection. */
  private readonly moved = (): void => {
    let first = this.inFlight[0];
    while (first?.outcome !== undefined) {
      this.takeFirst();
      this.conclude(first);
      first = this.inFlight[0];
    }
    this.atTurnEnd();
  };

  private takeFirst(): Exchange | undefined {
    const first = this.inFlight.shift();
    if (first === undefined) return undefined;
    this.bytesInFlight -= first.sizeBytes;
    this.environment.memory.give(first.sizeBytes);
    return first;
  }

  /** The answer's turn has come. */
  private conclude(exchange: Exchange): void {
    const { outcome, whenSent } = exchange;
    if (outcome === "close") {
      // What was handled behind it is not answered either.
      for (let next = this.takeFirst(); next !== undefined; next = this.takeFirst()) next.abandon();
      this.endAfterAnswers();
    }
    if (typeof outcome === "object") this.outgoing.add(outcome, whenSent);
    else whenSent?.();
  }

  private atTurnEnd(): void {
    if (this.turnEndIsDue) return;
    this.turnEndIsDue = true;
    queueMicrotask(() => {
      this.turnEndIsDue = false;
      this.proceed();
    });
  }

  /** Sends what is answered and handles what had to wait. */
  private proceed(): void {
    if (this.state === "gone") return;
    if (this.state === "open" && (this.paused || this.assembler.frameIsWaiting)) {
      this.handledInTurn = 0;
      const goOn = this.assembler.proceed();
      if (goOn && this.paused) this.resumeReading();
    }
    this.outgoing.flush();
    this.endIfDone();
  }

  private flushed(): void {
    if (this.leaving || this.assembler.frameIsWaiting) this.proceed();
  }

  /** Takes no more requests, and leaves once those that are handled are answered. */
  leave(): void {
    this.leaving = true;
    if (this.state === "open") this.state = "draining";
    this.endIfDone();
  }

  /** Ends once what came before is answered; whatever else comes is dropped. */
  private endAfterAnswers(): void {
    this.assembler.stop();
    if (this.state === "open") this.state = "draining";
    this.atTurnEnd();
  }

  private endIfDone(): void {
    if (this.state === "gone" || this.inFlight.length > 0) return;
    if (this.state === "open" && (!this.peerEnded || this.assembler.frameIsWaiting)) return;
    this.outgoing.flush();
    if (this.leaving && this.outgoing.unsentBytes === 0) this.destroy();
    if (this.state === "ended") return;
    this.assembler.stop();
    this.connection.end();
    this.state = "ended";
    if (this.paused) this.resumeReading(); // the peer's end is still to be seen
  }

  /** Closes at once, without goodbye. `reset` as a killed process does. */
  destroy(options?: { readonly reset?: boolean }): void {
    if (this.state === "gone") return;
    this.state = "ended";
    this.assembler.stop();
    this.connection.destroy(options);
  }

  closed(error: Error | undefined): void {
    this.state = "gone";
    this.assembler.stop();
    for (let next = this.takeFirst(); next !== undefined; next = this.takeFirst()) next.abandon();
    this.outgoing.drop();
    this.environment.log.debug({ client: this.client.remoteHost, reason: error?.message }, "connection closed");
    this.client.close();
    this.onGone(this);
  }

  /** To be called once a second: closes the connection when nothing has happened for too long. */
  sweep(nowMs: number): void {
    const { limits, memory } = this.environment;
    const reason = this.watch.check(nowMs, this.signs(), limits, memory.waiting > 0);
    if (reason === undefined) {
      if (nowMs - this.watch.idleSinceMs >= TRIM_AFTER_MS) this.assembler.trim();
      return;
    }
    if (reason !== "") this.tell(reason, "closing a connection: nothing happens on it");
    this.destroy();
  }

  /** Answers that have waited for the peer since the last sweep, in bytes. */
  get stuckBytes(): number {
    return this.watch.hasFlushedSince(this.outgoing.flushes) ? 0 : this.outgoing.unsentBytes;
  }

  private signs(): ConnectionSigns {
    return {
      state: this.state,
      peerEnded: this.peerEnded,
      handledRequests: this.handledRequests,
      receivedBytes: this.assembler.receivedBytes,
      flushes: this.outgoing.flushes,
      inFlight: this.inFlight.length,
      unsentBytes: this.outgoing.unsentBytes,
      waitsForRoom: this.assembler.waitsForRoom,
      heldBytes: this.assembler.heldBytes,
    };
  }

  tell(reason: string, message: string): void {
    const { remoteHost, listenerName } = this.client;
    this.environment.log.warn({ reason, client: remoteHost, listener: listenerName }, message);
  }
}
