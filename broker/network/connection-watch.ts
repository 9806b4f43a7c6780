/**
 * Tells when a connection has been without a sign of life for too long, and why that is too long.
 *
 * It looks once a second at counters that only grow, so that a request costs no reading of the clock.
 */
import type { RequestLimits } from "./request-limits.ts";

export interface ConnectionSigns {
  readonly state: "open" | "draining" | "ended" | "gone";
  /** The peer has ended its side, and may be gone altogether. */
  readonly peerEnded: boolean;
  readonly handledRequests: number;
  readonly receivedBytes: number;
  readonly flushes: number;
  readonly inFlight: number;
  readonly unsentBytes: number;
  /** It does not read, because the node has no room for the rest of its request. */
  readonly waitsForRoom: boolean;
  /** Bytes of requests that are not complete. */
  readonly heldBytes: number;
}

/** How long a connection that we have ended may take to end on the other side. */
const LINGER_MS = 2_000;
/** How long a peer that has ended its side is waited for. */
const HALF_OPEN_MS = 30_000;
/** Bytes of a request under way that count as a sign of life. */
const ALIVE_BYTES = 16 * 1024;
/** While others wait for room, an incomplete request must grow by ALIVE_BYTES in this time. */
const STALLED_MS = 10_000;

export class ConnectionWatch {
  private readonly openedMs: number;
  private lastActiveMs: number;
  private activity = 0;
  private flushes = -1;
  private endingSinceMs: number | undefined;
  private halfOpenSinceMs: number | undefined;

  constructor(nowMs: number) {
    this.openedMs = nowMs;
    this.lastActiveMs = nowMs;
  }

  /** Since when nothing has happened, to the second. */
  get idleSinceMs(): number {
    return this.lastActiveMs;
  }

  /** Whether the kernel has taken answers since the last look; true before the first. */
  hasFlushedSince(flushes: number): boolean {
    return flushes !== this.flushes;
  }

  /** Why the connection is to be closed now; "" for no reason worth a line, undefined to leave it open. */
  check(nowMs: number, signs: ConnectionSigns, limits: RequestLimits, othersWait: boolean): string | undefined {
    const activity = signs.handledRequests + signs.flushes + Math.floor(signs.receivedBytes / ALIVE_BYTES);
    this.flushes = signs.flushes;
    if (activity !== this.activity || signs.waitsForRoom) {
      this.activity = activity;
      this.lastActiveMs = nowMs;
    }
    if (signs.state === "ended" && signs.unsentBytes === 0) {
      this.endingSinceMs ??= nowMs;
      if (nowMs - this.endingSinceMs >= LINGER_MS) return "";
    }
    if (signs.peerEnded) {
      this.halfOpenSinceMs ??= nowMs;
      if (nowMs - this.halfOpenSinceMs >= HALF_OPEN_MS) return "";
    }
    const quietMs = nowMs - this.lastActiveMs;
    if (othersWait && signs.heldBytes > 0 && quietMs >= STALLED_MS) {
      return `${signs.heldBytes} bytes of a request and then nothing, while others wait for memory`;
    }
    if (signs.handledRequests === 0 && nowMs - this.openedMs >= limits.firstRequestTimeoutMs) {
      return `no complete request within ${limits.firstRequestTimeoutMs} ms`;
    }
    if (quietMs >= limits.idleTimeoutMs && (signs.inFlight === 0 || signs.unsentBytes > 0)) {
      return `idle for ${limits.idleTimeoutMs} ms`;
    }
    return undefined;
  }
}
