/**
 * The network of one node of a cluster, with what is wrong with its ways to the others.
 *
 * Owns: knowing who is at the other end: nodes by where they listen and where they dial from; whoever else comes is a client.
 * Leaves to LinkConnection: bytes. Ways between nodes are handled where they are dialled, in both directions; those of clients
 * where they are accepted.
 */
import {
  type Address,
  type Connection,
  type Listener,
  type Network,
  NetworkError,
} from "../../broker/network/network.ts";
import { LinkConnection, type LinkPair } from "./link-connection.ts";
import type { LinkEnd, Links } from "./links.ts";

/** Where the nodes of a cluster are: ports they listen on, and ports they dial from while a connection lasts. */
export class KnownPorts {
  readonly listening = new Map<number, LinkEnd>();
  private readonly dialling = new Map<number, LinkEnd>();
  /** Those of nodes in other processes. */
  private elsewhere: ReadonlyMap<number, LinkEnd> = new Map();
  onDialling: ((port: number, isOpen: boolean) => void) | undefined;
  /** Told when nodes elsewhere turned out to be at an end. */
  onLearned: (() => void) | undefined;

  /** Whether a node dials from there. */
  isNode(port: number): boolean {
    return this.dialling.has(port) || this.elsewhere.has(port);
  }

  dials(port: number, end: LinkEnd): void {
    this.dialling.set(port, end);
    this.onDialling?.(port, true);
  }

  hungUp(port: number): void {
    if (this.dialling.delete(port)) this.onDialling?.(port, false);
  }

  /** What nodes in other processes have told. */
  learn(listening: readonly (readonly [number, LinkEnd])[], dialling: readonly (readonly [number, LinkEnd])[]): void {
    for (const [port, end] of listening) this.listening.set(port, end);
    this.elsewhere = new Map(dialling);
    this.onLearned?.();
  }

  /** All that is known here, for nodes in other processes. */
  get all(): { listening: (readonly [number, LinkEnd])[]; dialling: (readonly [number, LinkEnd])[] } {
    return { listening: [...this.listening], dialling: [...this.elsewhere, ...this.dialling] };
  }
}

export class FaultyNetwork implements Network {
  private readonly network: Network;
  private readonly own: LinkEnd;
  private readonly links: Links;
  private readonly ports: KnownPorts;

  constructor(network: Network, own: LinkEnd, links: Links, ports: KnownPorts) {
    this.network = network;
    this.own = own;
    this.links = links;
    this.ports = ports;
  }

  async listen(
    address: Address,
    accept: (connection: Connection) => void,
    onTrouble?: Parameters<Network["listen"]>[2],
  ): Promise<Listener> {
    const clients = { out: this.links.direction(this.own, "clients"), in: this.links.direction("clients", this.own) };
    const admit = (connection: Connection): void => {
      let isNode = false;
      const link = (): LinkPair | undefined => {
        if (clients.out.isClear && clients.in.isClear) return undefined;
        // A node that dials knows its port before it sends anything.
        isNode ||= this.ports.isNode(connection.remoteAddress.port);
        return isNode ? undefined : clients;
      };
      accept(new LinkConnection(connection, this.links, link));
    };
    const listener = await this.network.listen(address, admit, onTrouble);
    this.ports.listening.set(listener.address.port, this.own);
    return listener;
  }

  async connect(address: Address, options: { readonly timeoutMs?: number } = {}): Promise<Connection> {
    const to = this.ports.listening.get(address.port);
    if (to === undefined || to === this.own) return this.network.connect(address, options);
    const link = { out: this.links.direction(this.own, to), in: this.links.direction(to, this.own) };
    const { links } = this;
    const deadlineMs = options.timeoutMs === undefined ? Number.POSITIVE_INFINITY : links.nowMs() + options.timeoutMs;
    await this.arrive(link, deadlineMs, address);
    const leftMs = deadlineMs - links.nowMs();
    const timed = Number.isFinite(leftMs) ? { timeoutMs: Math.max(1, leftMs) } : {};
    const connection = await this.network.connect(address, timed);
    const { port } = connection.localAddress;
    this.ports.dials(port, this.own);
    return new LinkConnection(
      connection,
      links,
      () => link,
      () => this.ports.hungUp(port),
    );
  }

  /** The handshake goes there and back. @throws NetworkError timeout. */
  private async arrive({ out, in: back }: LinkPair, deadlineMs: number, address: Address): Promise<void> {
    const { links } = this;
    for (;;) {
      const leftMs = deadlineMs - links.nowMs();
      const blocked = out.cut ? out : back.cut ? back : undefined;
      if (blocked === undefined) {
        const delayMs = out.delayMs + back.delayMs;
        if (delayMs === 0) return;
        await new Promise<void>((resolve) => links.after(Math.min(delayMs, leftMs), resolve));
        if (delayMs < leftMs) return;
        throw new NetworkError("timeout", `${address.host}:${address.port} is ${delayMs} ms away`);
      }
      await new Promise<void>((resolve, reject) => {
        let forget: () => void = () => {};
        const expire = (): void => {
          forget();
          reject(new NetworkError("timeout", `${address.host}:${address.port} cannot be reached`));
        };
        const timer = Number.isFinite(leftMs) ? links.after(leftMs, expire) : undefined;
        forget = blocked.whenHealed(() => {
          timer?.cancel();
          resolve();
        });
      });
    }
  }
}
