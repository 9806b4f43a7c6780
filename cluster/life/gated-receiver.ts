/**
 * A receiver behind a gate: while the gate is shut nothing of the connection reaches it, and while the way is long it comes later.
 *
 * Owns: bytes that were read already when the gate shut, in order with what follows, and not reading on meanwhile, so that the
 * rest stays with the peer as on a socket nobody reads. Leaves to its maker: when the gate opens.
 * Bytes are copied only where they are held back: targets are memory that receivers share.
 */
import type { Receiver } from "../../broker/network/network.ts";

export interface Gate {
  /** Nothing passes. */
  readonly isShut: boolean;
  /** What passes takes so long. */
  readonly delayMs: number;
  /** Calls back when the gate has opened: it was shut when something came. */
  whenOpen(run: () => void): void;
  /** Calls back after a while. */
  after(delayMs: number, run: () => void): void;
  nowMs(): number;
}

interface Arrival {
  readonly dueMs: number;
  readonly bytes: Buffer | undefined;
  /** What ends instead. */
  readonly pass: (() => void) | undefined;
  taken: number;
}

/** Reads that come while nothing passes: one is under way when the gate shuts. */
const SHUT_READ_BYTES = 4 * 1024;
const DELAYED_READ_BYTES = 64 * 1024;
/** What may be on a long way at once. */
const WINDOW_BYTES = 4 * 1024 * 1024;

export class GatedReceiver implements Receiver {
  private readonly receiver: Receiver;
  private readonly gate: Gate;
  private readonly goOnReading: () => void;
  private readonly arrivals: Arrival[] = [];
  private heldBytes = 0;
  /** What the receiver named for its next bytes. */
  private theirs: Buffer | undefined;
  /** Memory of our own, where the next bytes may not go to the receiver's. */
  private ours: Buffer | undefined;
  private refused = false;
  private reading = true;
  private scheduled = false;
  private proceeding = false;
  private isClosed = false;

  /** @param goOnReading after received() returned false. */
  constructor(receiver: Receiver, gate: Gate, goOnReading: () => void) {
    this.receiver = receiver;
    this.gate = gate;
    this.goOnReading = goOnReading;
  }

  private get isClear(): boolean {
    return this.arrivals.length === 0 && !this.gate.isShut && this.gate.delayMs === 0;
  }

  target(): Buffer {
    if (this.isClear) {
      this.ours = undefined;
      this.theirs ??= this.receiver.target();
      return this.theirs;
    }
    this.ours = Buffer.allocUnsafeSlow(this.gate.delayMs > 0 ? DELAYED_READ_BYTES : SHUT_READ_BYTES);
    return this.ours;
  }

  received(sizeBytes: number): boolean {
    if (this.isClosed) return true;
    const { ours } = this;
    if (this.isClear && ours === undefined) {
      this.theirs = undefined;
      this.reading = this.receiver.received(sizeBytes);
      this.refused = !this.reading;
      return this.reading;
    }
    const from = ours ?? (this.theirs as Buffer);
    this.arrive(ours === undefined ? Buffer.from(from.subarray(0, sizeBytes)) : ours.subarray(0, sizeBytes), undefined);
    this.reading = !this.refused && !this.gate.isShut && this.heldBytes < WINDOW_BYTES;
    return this.reading;
  }

  ended(): void {
    if (this.isClosed) return;
    if (this.isClear) this.receiver.ended();
    else this.arrive(undefined, () => this.receiver.ended());
  }

  closed(error: Error | undefined): void {
    if (this.isClosed) return;
    if (this.isClear) this.close(error);
    else this.arrive(undefined, () => this.close(error));
  }

  /** Tells the receiver that the connection is gone, whatever is still on its way. */
  close(error: Error | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.arrivals.length = 0;
    this.receiver.closed(error);
  }

  /** The receiver takes more, after it refused. */
  resume(): void {
    this.refused = false;
    this.proceed();
  }

  private arrive(bytes: Buffer | undefined, pass: (() => void) | undefined): void {
    this.arrivals.push({ dueMs: this.gate.nowMs() + this.gate.delayMs, bytes, pass, taken: 0 });
    this.heldBytes += bytes?.length ?? 0;
    this.proceed();
  }

  private proceed(): void {
    if (this.proceeding) return;
    this.proceeding = true;
    this.pass();
    this.proceeding = false;
    if (this.isClosed || this.refused || this.reading || this.gate.isShut || this.heldBytes >= WINDOW_BYTES) return;
    this.reading = true;
    this.goOnReading();
  }

  private pass(): void {
    while (!this.isClosed && !this.refused) {
      const next = this.arrivals[0];
      if (next === undefined) return;
      if (this.gate.isShut) {
        this.schedule((run) => this.gate.whenOpen(run));
        return;
      }
      const leftMs = next.dueMs - this.gate.nowMs();
      if (leftMs > 0) {
        this.schedule((run) => this.gate.after(leftMs, run));
        return;
      }
      if (next.bytes === undefined) {
        this.arrivals.shift();
        next.pass?.();
      } else {
        this.deliver(next, next.bytes);
      }
    }
  }

  private deliver(arrival: Arrival, bytes: Buffer): void {
    const target = this.theirs ?? this.receiver.target();
    this.theirs = undefined;
    const sizeBytes = bytes.copy(target, 0, arrival.taken);
    arrival.taken += sizeBytes;
    this.heldBytes -= sizeBytes;
    if (arrival.taken === bytes.length) this.arrivals.shift();
    this.refused = !this.receiver.received(sizeBytes);
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
