/**
 * The network of one life of a node: its sockets go with it, and are neither read nor accepted while it stands still.
 *
 * A paused node's connections stay open and unread, and new ones are accepted by the kernel, as those of a stopped process.
 */
import type { Address, Connection, Listener, Network, Receiver } from "../../broker/network/network.ts";
import type { Clock } from "../../storage/clock.ts";
import { type Gate, GatedReceiver } from "./gated-receiver.ts";
import { type Life, never } from "./life.ts";

export class LivingNetwork implements Network {
  private readonly network: Network;
  private readonly life: Life;
  private readonly gate: Gate;
  private readonly connections = new Set<Connection>();
  private readonly listeners = new Set<Listener>();

  constructor(network: Network, clock: Clock, life: Life) {
    this.network = network;
    this.life = life;
    this.gate = {
      get isShut() {
        return life.isPaused;
      },
      delayMs: 0,
      whenOpen: (run) => life.run(run),
      after: (delayMs, run) => void clock.after(delayMs, run),
      nowMs: () => clock.monotonicMs(),
    };
  }

  async listen(
    address: Address,
    accept: (connection: Connection) => void,
    onTrouble?: Parameters<Network["listen"]>[2],
  ): Promise<Listener> {
    const admit = (connection: Connection): void => {
      if (this.life.isAlive) {
        const kept = this.keep(connection);
        this.life.run(() => accept(kept));
      } else {
        connection.destroy({ reset: true });
      }
    };
    const listener = await this.network.listen(address, admit, onTrouble);
    if (!this.life.isAlive) {
      await listener.close();
      return never();
    }
    this.listeners.add(listener);
    return this.life.outcome(
      Promise.resolve({
        address: listener.address,
        close: () => {
          this.listeners.delete(listener);
          return listener.close();
        },
      }),
    );
  }

  async connect(address: Address, options?: { readonly timeoutMs?: number }): Promise<Connection> {
    if (!this.life.isAlive) return never();
    const connection = await this.life.outcome(
      this.network.connect(address, options).then((opened) => {
        if (this.life.isAlive) return this.keep(opened);
        opened.destroy({ reset: true });
        return opened;
      }),
    );
    return connection;
  }

  /** Resets every socket, as the end of a process does. */
  end(): void {
    for (const listener of this.listeners) void listener.close();
    for (const connection of this.connections) connection.destroy({ reset: true });
    this.listeners.clear();
    this.connections.clear();
  }

  private keep(connection: Connection): Connection {
    this.connections.add(connection);
    return new LivingConnection(connection, this.life, this.gate, () => this.connections.delete(connection));
  }
}

class LivingConnection implements Connection {
  private readonly inner: Connection;
  private readonly life: Life;
  private readonly gate: Gate;
  private readonly onClosed: () => void;
  private gated: GatedReceiver | undefined;

  constructor(inner: Connection, life: Life, gate: Gate, onClosed: () => void) {
    this.inner = inner;
    this.life = life;
    this.gate = gate;
    this.onClosed = onClosed;
  }

  get remoteAddress(): Address {
    return this.inner.remoteAddress;
  }

  get localAddress(): Address {
    return this.inner.localAddress;
  }

  get unsentBytes(): number {
    return this.inner.unsentBytes;
  }

  receive(receiver: Receiver): void {
    const told: Receiver = {
      target: () => receiver.target(),
      // What was held back when the node died reaches nobody.
      received: (sizeBytes) => !this.life.isAlive || receiver.received(sizeBytes),
      ended: () => receiver.ended(),
      closed: (error) => {
        this.onClosed();
        receiver.closed(error);
      },
    };
    this.gated = new GatedReceiver(told, this.gate, () => this.inner.resume());
    this.inner.receive(this.gated);
  }

  resume(): void {
    this.gated?.resume();
  }

  write(pieces: readonly Buffer[], flushed?: () => void): void {
    const whenFlushed = flushed === undefined ? undefined : () => this.life.run(flushed);
    // A node that was stopped in the middle of a turn says nothing more before it goes on.
    if (this.life.holds) this.life.run(() => this.inner.write(pieces, whenFlushed));
    else this.inner.write(pieces, whenFlushed);
  }

  end(): void {
    this.life.run(() => this.inner.end());
  }

  destroy(options?: { readonly reset?: boolean }): void {
    this.onClosed();
    this.inner.destroy(options);
  }
}
