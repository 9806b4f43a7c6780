/**
 * A connection over a way that may be cut or slow.
 *
 * Owns: both directions, at the end that knows who is at the other. What is sent while a direction is cut stays here, as a kernel
 * keeps it to send it again: it arrives when the way is healed and both sides still hold the connection, and vanishes otherwise.
 * A cut never resets: neither side hears of the other's end before it is healed.
 */
import type { Address, Connection, Receiver } from "../../broker/network/network.ts";
import { GatedReceiver } from "../life/gated-receiver.ts";
import type { Direction, Links } from "./links.ts";

/** The two directions of a connection, from this side. */
export interface LinkPair {
  readonly out: Direction;
  readonly in: Direction;
}

interface Departure {
  readonly dueMs: number;
  readonly pieces: readonly Buffer[] | undefined;
  readonly flushed: (() => void) | undefined;
  readonly sizeBytes: number;
}

export class LinkConnection implements Connection {
  private readonly inner: Connection;
  private readonly links: Links;
  /** Undefined: nothing is known to be wrong with the way, or could be. */
  private readonly link: () => LinkPair | undefined;
  private readonly onClosed: () => void;
  private gated: GatedReceiver | undefined;
  private departures: Departure[] = [];
  private departingBytes = 0;
  private scheduled = false;
  private gone = false;

  /** @param onClosed the connection is really gone. */
  constructor(inner: Connection, links: Links, link: () => LinkPair | undefined, onClosed: () => void = () => {}) {
    this.inner = inner;
    this.links = links;
    this.link = link;
    this.onClosed = onClosed;
  }

  get remoteAddress(): Address {
    return this.inner.remoteAddress;
  }

  get localAddress(): Address {
    return this.inner.localAddress;
  }

  get unsentBytes(): number {
    return this.inner.unsentBytes + this.departingBytes;
  }

  receive(receiver: Receiver): void {
    const { links, link } = this;
    const gate = {
      get isShut() {
        return link()?.in.cut === true;
      },
      get delayMs() {
        return link()?.in.delayMs ?? 0;
      },
      whenOpen: (run: () => void) => {
        const direction = link()?.in;
        if (direction === undefined) run();
        else direction.whenHealed(run);
      },
      after: (delayMs: number, run: () => void) => void links.after(delayMs, run),
      nowMs: () => links.nowMs(),
    };
    this.gated = new GatedReceiver(receiver, gate, () => this.inner.resume());
    const { gated } = this;
    this.inner.receive({
      target: () => gated.target(),
      received: (sizeBytes) => gated.received(sizeBytes),
      ended: () => gated.ended(),
      closed: (error) => {
        this.onClosed();
        this.drop();
        gated.closed(error);
      },
    });
  }

  resume(): void {
    this.gated?.resume();
  }

  write(pieces: readonly Buffer[], flushed?: () => void): void {
    if (this.departures.length === 0 && this.link()?.out.isClear !== false) {
      this.inner.write(pieces, flushed);
      return;
    }
    if (this.gone) {
      if (flushed !== undefined) queueMicrotask(flushed);
      return;
    }
    this.depart(pieces, flushed);
  }

  end(): void {
    if (this.departures.length === 0 && this.link()?.out.isClear !== false) this.inner.end();
    else this.depart(undefined, undefined);
  }

  destroy(options?: { readonly reset?: boolean }): void {
    if (this.gone) return;
    this.drop();
    const out = this.link()?.out;
    if (out?.cut !== true) {
      this.inner.destroy(options);
      return;
    }
    // The other side must not hear of it yet; on this side it is over.
    out.whenHealed(() => this.inner.destroy(options));
    queueMicrotask(() => this.gated?.close(undefined));
  }

  /** What has not left never will. */
  private drop(): void {
    this.gone = true;
    const { departures } = this;
    this.departures = [];
    this.departingBytes = 0;
    for (const { flushed } of departures) if (flushed !== undefined) queueMicrotask(flushed);
  }

  private depart(pieces: readonly Buffer[] | undefined, flushed: (() => void) | undefined): void {
    const sizeBytes = (pieces ?? []).reduce((sum, piece) => sum + piece.length, 0);
    const dueMs = this.links.nowMs() + (this.link()?.out.delayMs ?? 0);
    this.departures.push({ dueMs, pieces, flushed, sizeBytes });
    this.departingBytes += sizeBytes;
    this.proceed();
  }

  private proceed(): void {
    for (let next = this.departures[0]; next !== undefined; next = this.departures[0]) {
      const out = this.link()?.out;
      const leftMs = next.dueMs - this.links.nowMs();
      if (out?.cut === true) {
        this.schedule((run) => out.whenHealed(run));
        return;
      }
      // A direction that was healed is as fast as before, also for what is on its way.
      if (leftMs > 0 && out?.isClear === false) {
        this.schedule((run) => void this.links.after(leftMs, run));
        return;
      }
      this.departures.shift();
      this.departingBytes -= next.sizeBytes;
      if (next.pieces === undefined) this.inner.end();
      else this.inner.write(next.pieces, next.flushed);
    }
  }

  private schedule(how: (run: () => void) => void): void {
    if (this.scheduled) return;
    this.scheduled = true;
    how(() => {
      this.scheduled = false;
      this.proceed();
    });
  }
}
