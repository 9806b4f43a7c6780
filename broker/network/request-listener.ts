/**
 * One listener of a node: the addresses it listens on, the connections it has accepted, and how they end.
 *
 * Owns: admitting connections, looking at them once a second, closing them gracefully or abruptly. Leaves to
 * RequestConnection: requests.
 * Invariant: when close() has resolved, or kill() returned, it holds no socket and no timer.
 */
import type { Timer } from "../../storage/clock.ts";
import type { ConnectionQuota } from "./connection-quota.ts";
import { type Address, type Connection, type Listener, type Network, NetworkError } from "./network.ts";
import { RequestConnection, type RequestEnvironment, type RequestHandler } from "./request-connection.ts";
import { TurnShare } from "./turn-share.ts";

export interface RequestListenerOptions {
  readonly name: string;
  readonly network: Network;
  readonly environment: RequestEnvironment;
  readonly quota: ConnectionQuota;
  readonly handler: RequestHandler;
  /** True: connections are accepted, but not read before serve(). */
  readonly waitsForServe?: boolean;
  /** True: connections start as strangers, with the smaller request size, until a handler sets `authenticated`. */
  readonly requiresAuthentication?: boolean;
}

const SWEEP_MS = 1_000;
/** Connections that may wait for serve(); clients try again. */
const MAX_EARLY = 1_000;
/** Attempts to find one port that is free on several addresses. */
const PORT_ATTEMPTS = 20;

export class RequestListener {
  private readonly options: RequestListenerOptions;
  private readonly connections = new Set<RequestConnection>();
  private readonly largeRequests: TurnShare;
  private listeners: Listener[] = [];
  private sweepTimer: Timer | undefined;
  private closing = false;
  /** Connections that came before serve(); they are read from then on. */
  private early: Connection[] | undefined;
  private whenEmpty: (() => void) | undefined;

  constructor(options: RequestListenerOptions) {
    this.options = options;
    this.largeRequests = new TurnShare(options.environment.clock);
    this.early = options.waitsForServe === true ? [] : undefined;
  }

  /** Where it listens, with the ports that were given. */
  get addresses(): readonly Address[] {
    return this.listeners.map((listener) => listener.address);
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /**
   * Listens on one port of several hosts; port 0 takes one that is free on all of them. A host this machine does not have (::1
   * without IPv6) is left out as long as another is there.
   * @throws NetworkError
   */
  async listen(hosts: readonly string[], port: number): Promise<readonly Address[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.listeners = await this.listenOnce(hosts, port);
        return this.addresses;
      } catch (error) {
        const another = port === 0 && error instanceof NetworkError && error.kind === "in-use";
        if (!another || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  /** Begins to handle requests of a listener that waited; connections that came meanwhile are read now. */
  serve(): void {
    const { early } = this;
    this.early = undefined;
    for (const connection of early ?? []) this.admit(connection);
  }

  private async listenOnce(hosts: readonly string[], port: number): Promise<Listener[]> {
    const { network, environment, name } = this.options;
    const listeners: Listener[] = [];
    let missing: NetworkError | undefined;
    try {
      for (const host of hosts) {
        const address = { host, port: port !== 0 ? port : (listeners[0]?.address.port ?? 0) };
        try {
          const onTrouble = (error: NetworkError): void =>
            environment.log.error({ reason: error.message, listener: name }, "cannot accept connections");
          listeners.push(await network.listen(address, (connection) => this.accept(connection), onTrouble));
        } catch (error) {
          if (!(error instanceof NetworkError) || error.kind !== "unreachable") throw error;
          missing = error;
        }
      }
      if (listeners.length === 0 && missing !== undefined) throw missing;
      return listeners;
    } catch (error) {
      await Promise.all(listeners.map((listener) => listener.close()));
      throw error;
    }
  }

  private accept(connection: Connection): void {
    if (this.early === undefined) this.admit(connection);
    else if (this.early.length < MAX_EARLY) this.early.push(connection);
    else connection.destroy();
  }

  private admit(connection: Connection): void {
    const { quota, environment, name, handler } = this.options;
    const { host } = connection.remoteAddress;
    const refusal = this.closing ? "the listener is closing" : quota.admit(host);
    if (refusal !== undefined) {
      environment.log.warn({ reason: refusal, client: host, listener: name }, "refusing a connection");
      connection.destroy();
      return;
    }
    const accepted = new RequestConnection(connection, {
      listenerName: name,
      authenticated: this.options.requiresAuthentication !== true,
      handler,
      environment,
      largeRequests: this.largeRequests,
      onGone: (gone) => this.forget(gone),
    });
    if (accepted.client.closed) return;
    this.connections.add(accepted);
    this.sweepTimer ??= environment.clock.after(SWEEP_MS, () => this.sweep());
  }

  private forget(connection: RequestConnection): void {
    this.options.quota.leave(connection.client.remoteHost);
    this.connections.delete(connection);
    if (this.connections.size > 0) return;
    this.sweepTimer?.cancel();
    this.sweepTimer = undefined;
    this.whenEmpty?.();
  }

  private sweep(): void {
    const { clock } = this.options.environment;
    this.sweepTimer = clock.after(SWEEP_MS, () => this.sweep());
    // After a stall what arrived meanwhile is read first.
    clock.afterPoll(() => {
      this.relieve();
      const nowMs = clock.monotonicMs();
      for (const connection of this.connections) connection.sweep(nowMs);
    });
  }

  /** Closes readers that have not moved for a while, the worst first, when the node holds too much for such. */
  private relieve(): void {
    const { memory, limits } = this.options.environment;
    let excessBytes = memory.unsentBytes - limits.maxUnsentBytesOfNode;
    if (excessBytes <= 0) return;
    const stuck = [...this.connections].map((connection) => ({ connection, sizeBytes: connection.stuckBytes }));
    stuck.sort((a, b) => b.sizeBytes - a.sizeBytes);
    for (const { connection, sizeBytes } of stuck) {
      if (excessBytes <= 0 || sizeBytes === 0) return;
      excessBytes -= sizeBytes;
      connection.tell(
        `${sizeBytes} bytes of answers are not read`,
        "closing a connection: the node's memory is needed",
      );
      connection.destroy();
    }
  }

  /** Accepts no more, lets what is handled be answered for at most `drainMs`, then closes. */
  async close(drainMs = 0): Promise<void> {
    this.closing = true;
    const { clock } = this.options.environment;
    const closed = this.listeners.map((listener) => listener.close());
    this.listeners = [];
    const empty = new Promise<void>((resolve) => {
      this.whenEmpty = resolve;
    });
    for (const connection of this.early ?? []) connection.destroy();
    this.early = undefined;
    for (const connection of this.connections) connection.leave();
    const timer = clock.after(drainMs, () => {
      for (const connection of this.connections) connection.destroy();
    });
    if (this.connections.size > 0) await empty;
    timer.cancel();
    await Promise.all(closed);
  }

  /** Ends as a killed process does: no goodbye, nothing is answered any more. */
  kill(): void {
    this.closing = true;
    for (const listener of this.listeners) void listener.close();
    this.listeners = [];
    for (const connection of this.early ?? []) connection.destroy({ reset: true });
    this.early = undefined;
    for (const connection of this.connections) connection.destroy({ reset: true });
    this.sweepTimer?.cancel();
    this.sweepTimer = undefined;
  }
}
