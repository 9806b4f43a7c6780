/**
 * One end of a simulated connection, and the stream of bytes that leaves it.
 *
 * Owns: the order of bytes and endings, how they are cut and joined on the way, back-pressure, and what each end learns of the other's
 * death. Leaves to SimulatedNetwork: which ways are open.
 * Invariant: bytes arrive in order, each once, as long as neither end is gone; `closed` is told once.
 */
import type { Address, Connection, Receiver } from "../../../broker/network/network.ts";
import { NetworkError } from "../../../broker/network/network.ts";
import type { Timer } from "../../../storage/clock.ts";
import type { EventOwner } from "../event-heap.ts";
import type { SimulatedNetwork } from "./simulated-network.ts";

interface Piece {
  readonly bytes: Buffer;
  /** Of the bytes, how many have been read. */
  taken: number;
  readonly arrivesMs: number;
  /** What comes instead of bytes. */
  readonly ending: "fin" | "reset" | undefined;
}

interface Write {
  pieces: readonly Buffer[];
  flushed: (() => void) | undefined;
}

const NOTHING = Buffer.alloc(0);

export class SimulatedConnection implements Connection {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  private readonly network: SimulatedNetwork;
  private readonly owner: EventOwner;
  private peer!: SimulatedConnection;
  private receiver: Receiver | undefined;
  private target: Buffer | undefined;
  private paused = false;
  /** No call back to the receiver but `closed`, which may still be on its way. */
  private gone = false;
  private told = false;
  private ended = false;
  private peerEnded = false;
  /** Given to write() and not taken by the kernel: the window is full. */
  private readonly unsent: Write[] = [];
  unsentBytes = 0;
  /** On the way to this end, or arrived and unread. */
  private readonly arriving: Piece[] = [];
  private arrivingBytes = 0;
  private lastArrivalMs = 0;
  private delivery: { readonly atMs: number; readonly timer: Timer } | undefined;
  private readonly flushes: (() => void)[] = [];
  private flushIsDue = false;

  constructor(network: SimulatedNetwork, owner: EventOwner, localAddress: Address, remoteAddress: Address) {
    this.network = network;
    this.owner = owner;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
  }

  /** Only for SimulatedNetwork. */
  join(peer: SimulatedConnection): void {
    this.peer = peer;
    peer.peer = this;
  }

  get hostName(): string {
    return this.owner.name;
  }

  get peerHostName(): string {
    return this.peer.owner.name;
  }

  get isGone(): boolean {
    return this.gone;
  }

  receive(receiver: Receiver): void {
    this.receiver = receiver;
    if (this.gone) {
      this.tellClosed(undefined);
      return;
    }
    this.target = receiver.target();
    if (this.arriving.length > 0) this.deliverIn(0);
  }

  resume(): void {
    if (this.gone || !this.paused) return;
    this.paused = false;
    if (this.arriving.length > 0) this.deliverIn(0);
  }

  write(pieces: readonly Buffer[], flushed?: () => void): void {
    if (this.gone || this.ended) {
      if (flushed !== undefined) this.flushLater(flushed);
      return;
    }
    for (const piece of pieces) this.unsentBytes += piece.length;
    this.unsent.push({ pieces, flushed });
    this.send();
  }

  end(): void {
    if (this.gone || this.ended) return;
    this.ended = true;
    this.send();
    this.closeIfBothEnded();
  }

  destroy(options?: { readonly reset?: boolean }): void {
    if (this.gone) return;
    // Unread bytes make a goodbye a reset, as in TCP.
    if (options?.reset === true || this.arrivingBytes > 0) this.peer.arriveEnding("reset");
    else if (!this.ended || this.unsentBytes > 0) this.peer.arriveEnding("fin");
    this.die(undefined);
  }

  /** The connection breaks under both ends: each learns of it, a while apart, or once the way is open. What was on the way is lost. */
  break(): void {
    for (const end of [this, this.peer] as const) {
      if (end.gone) continue;
      end.arriving.length = 0;
      end.arrivingBytes = 0;
      end.arrive({ bytes: NOTHING, taken: 0, arrivesMs: end.peer.arrivalMs(), ending: "reset" });
    }
  }

  /** The machine has lost its power: this end is gone, and tells nobody. */
  vanish(): void {
    if (!this.gone) this.die(undefined);
  }

  /** Moves into the kernel what the window has room for. */
  private send(): void {
    const { network, peer } = this;
    let room = network.habits.windowBytes - peer.arrivingBytes;
    let piecesOut: Buffer[] = [];
    let outBytes = 0;
    while (room > 0) {
      const write = this.unsent[0];
      if (write === undefined) break;
      const taken: Buffer[] = [];
      const left: Buffer[] = [];
      for (const piece of write.pieces) {
        const fits = Math.min(piece.length, room);
        if (fits > 0) taken.push(fits === piece.length ? piece : piece.subarray(0, fits));
        if (fits < piece.length) left.push(piece.subarray(fits));
        room -= fits;
        outBytes += fits;
      }
      piecesOut = piecesOut.length === 0 ? taken : piecesOut.concat(taken);
      if (left.length > 0) {
        write.pieces = left;
        break;
      }
      this.unsent.shift();
      if (write.flushed !== undefined) this.flushLater(write.flushed);
    }
    if (outBytes > 0) {
      this.unsentBytes -= outBytes;
      if (network.loses()) {
        this.break();
        return;
      }
      peer.arrive({
        bytes: Buffer.concat(piecesOut, outBytes),
        taken: 0,
        arrivesMs: this.arrivalMs(),
        ending: undefined,
      });
    }
    if (this.ended && this.unsent.length === 0) peer.arriveEnding("fin");
  }

  /** When what is sent now arrives: never before what was sent before it. */
  private arrivalMs(): number {
    const { scheduler, links } = this.network;
    const atMs = scheduler.nowMs + links.delayMs(this.owner.name, this.peer.owner.name);
    this.peer.lastArrivalMs = Math.max(this.peer.lastArrivalMs, atMs);
    return this.peer.lastArrivalMs;
  }

  private arriveEnding(ending: "fin" | "reset"): void {
    const last = this.arriving[this.arriving.length - 1];
    if (last?.ending !== undefined) return;
    // A reset is sent once; where the way is cut it is lost, and this end learns of the other's death only when it writes.
    if (ending === "reset" && this.network.links.isCut(this.peer.owner.name, this.owner.name)) return;
    this.arrive({ bytes: NOTHING, taken: 0, arrivesMs: this.peer.arrivalMs(), ending });
  }

  private arrive(piece: Piece): void {
    this.arriving.push(piece);
    this.arrivingBytes += piece.bytes.length;
    this.deliverAt(piece.arrivesMs);
  }

  private deliverIn(delayMs: number): void {
    this.deliverAt(this.network.scheduler.nowMs + delayMs);
  }

  private deliverAt(atMs: number): void {
    if (this.delivery !== undefined) {
      if (this.delivery.atMs <= atMs) return;
      this.delivery.timer.cancel();
    }
    const { scheduler } = this.network;
    const delayMs = atMs - scheduler.nowMs;
    this.delivery = {
      atMs,
      timer: scheduler.schedule({ node: this.owner, kind: "bytes", delayMs, run: this.deliver }),
    };
  }

  private readonly deliverAgain = (): void => this.deliverIn(0);

  private readonly deliver = (): void => {
    this.delivery = undefined;
    const { network, peer, arriving } = this;
    if (arriving.length === 0) return;
    if (!network.isOpenWay(peer.owner.name, this.owner.name, this.deliverAgain)) return;
    if (this.gone) {
      this.answerTheDead();
      return;
    }
    const nowMs = network.scheduler.nowMs;
    for (let piece = arriving[0]; piece !== undefined && !this.gone; piece = arriving[0]) {
      if (piece.arrivesMs > nowMs) {
        this.deliverAt(piece.arrivesMs);
        return;
      }
      if (piece.ending === "reset") {
        this.die(new NetworkError("reset", "the other end is gone"));
        return;
      }
      if (this.receiver === undefined || this.paused) {
        // A reset does not wait behind unread bytes.
        const reset = arriving.find(({ ending }) => ending === "reset");
        if (reset !== undefined && reset.arrivesMs <= nowMs)
          this.die(new NetworkError("reset", "the other end is gone"));
        else if (reset !== undefined) this.deliverAt(reset.arrivesMs);
        return;
      }
      if (piece.ending === "fin") {
        arriving.shift();
        this.peerEnded = true;
        this.receiver.ended();
        this.closeIfBothEnded();
        continue;
      }
      if (!this.feed(this.receiver)) return;
    }
  };

  /** Hands the receiver what has arrived, as far as its memory goes; false when the rest has to wait. */
  private feed(receiver: Receiver): boolean {
    const { habits, random } = this.network;
    const target = this.target as Buffer;
    const arrivedBytes = Math.min(target.length, this.arrivedBytes());
    const split = habits.splitChance > 0 && arrivedBytes > 1 && random.chance(habits.splitChance);
    const sizeBytes = split ? random.between(1, arrivedBytes - 1) : arrivedBytes;
    this.take(target, sizeBytes);
    const goOn = receiver.received(sizeBytes);
    this.peer.roomForMore();
    if (this.gone) return false;
    this.target = receiver.target();
    this.paused = !goOn;
    if (goOn && split) {
      this.deliverIn(random.below(3));
      return false;
    }
    return true;
  }

  private arrivedBytes(): number {
    const { nowMs } = this.network.scheduler;
    let arrivedBytes = 0;
    for (const { bytes, taken, arrivesMs, ending } of this.arriving) {
      if (arrivesMs > nowMs || ending !== undefined) break;
      arrivedBytes += bytes.length - taken;
    }
    return arrivedBytes;
  }

  private take(target: Buffer, sizeBytes: number): void {
    this.arrivingBytes -= sizeBytes;
    for (let at = 0; at < sizeBytes; ) {
      const piece = this.arriving[0] as Piece;
      const copied = piece.bytes.copy(target, at, piece.taken, piece.taken + sizeBytes - at);
      at += copied;
      piece.taken += copied;
      if (piece.taken === piece.bytes.length) this.arriving.shift();
    }
  }

  /** The other end has read: the window is open again, as soon as this end hears of it. */
  private roomForMore(): void {
    if (this.unsent.length === 0 || this.gone) return;
    const { scheduler, links } = this.network;
    const delayMs = links.delayMs(this.peer.owner.name, this.owner.name);
    scheduler.schedule({ node: this.owner, kind: "window", delayMs, run: this.whenRoom });
  }

  private readonly whenRoom = (): void => {
    if (this.gone || this.unsent.length === 0) return;
    if (this.network.isOpenWay(this.peer.owner.name, this.owner.name, this.whenRoom)) this.send();
  };

  /** Bytes came to an end that is gone: whoever sent them is told so. */
  private answerTheDead(): void {
    const hadBytes = this.arriving.some(({ ending }) => ending !== "reset");
    this.arriving.length = 0;
    this.arrivingBytes = 0;
    if (hadBytes && !this.peer.gone) this.peer.arriveEnding("reset");
  }

  private closeIfBothEnded(): void {
    if (this.ended && this.peerEnded && this.unsent.length === 0) this.die(undefined);
  }

  private die(error: Error | undefined): void {
    this.gone = true;
    this.network.forget(this);
    for (const { flushed } of this.unsent) if (flushed !== undefined) this.flushLater(flushed);
    this.unsent.length = 0;
    this.unsentBytes = 0;
    this.target = undefined;
    if (this.receiver !== undefined) this.tellClosed(error);
    // What still comes is answered by the kernel, or by nobody.
    if (this.arriving.length > 0) this.deliverIn(0);
  }

  private tellClosed(error: Error | undefined): void {
    if (this.told) return;
    this.told = true;
    const receiver = this.receiver as Receiver;
    const run = (): void => receiver.closed(error);
    this.network.scheduler.schedule({ node: this.owner, kind: "closed", delayMs: 0, run });
  }

  /** In a later turn, and those of one turn together. */
  private flushLater(flushed: () => void): void {
    this.flushes.push(flushed);
    if (this.flushIsDue) return;
    this.flushIsDue = true;
    this.network.scheduler.schedule({ node: this.owner, kind: "flushed", delayMs: 0, run: this.flush });
  }

  private readonly flush = (): void => {
    this.flushIsDue = false;
    for (const flushed of this.flushes.splice(0)) flushed();
  };
}
