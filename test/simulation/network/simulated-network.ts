/**
 * A network in memory: hosts, what listens on them, and the connections between them, on virtual time.
 *
 * Owns: dialling, who listens where, hosts without power, connections that break. Leaves to Links: delays and cuts; to
 * SimulatedConnection: bytes. All hosts share one range of ports, so that a port alone says which host is meant.
 * Rules: a dead process refuses at once; a cut way, or a host without power, neither refuses nor accepts; a host that stands
 * still accepts (its kernel does) and reads nothing.
 */
import {
  type Address,
  type Connection,
  type Listener,
  type Network,
  NetworkError,
} from "../../../broker/network/network.ts";
import type { Timer } from "../../../storage/clock.ts";
import type { EventOwner } from "../event-heap.ts";
import type { Scheduler } from "../scheduler.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Links } from "./links.ts";
import { SimulatedConnection } from "./simulated-connection.ts";

export interface NetworkHabits {
  /** Of a piece being delivered in two, a while apart. */
  readonly splitChance: number;
  /** Bytes a sender may have on the way or unread at the other end. */
  readonly windowBytes: number;
  /** Of a connection breaking with a piece that is sent: loss, as TCP shows it. */
  readonly lossChance: number;
}

export interface SimulatedNetworkOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly habits: NetworkHabits;
  readonly links: Links;
}

/** One machine on the network: its side of the Network seam. */
export interface NetworkHost extends Network {
  readonly name: string;
}

interface Host extends NetworkHost {
  readonly owner: EventOwner;
  hasPower: boolean;
}

interface Listening {
  readonly host: Host;
  readonly address: Address;
  readonly accept: (connection: Connection) => void;
  /** Accepted by the kernel and not yet by the process. */
  readonly backlog: Set<SimulatedConnection>;
}

const FIRST_PORT = 10_001;
const DEFAULT_DIAL_TIMEOUT_MS = 75_000;
/** How often what was lost on a cut way is sent again. */
const RESEND_MS = 200;

export class SimulatedNetwork {
  readonly links: Links;
  readonly habits: NetworkHabits;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  /** Connections that loss has broken. */
  losses = 0;
  /** Off: nothing is lost by chance any more. */
  lossy = true;
  /** What the network itself does, whatever the hosts do. */
  readonly kernel: EventOwner = { name: "network", alive: true, stalledUntilMs: 0 };
  private readonly hosts = new Map<string, Host>();
  private readonly listening = new Map<number, Listening>();
  /** Whose port it was: a dead process's machine still refuses. */
  private readonly portOwners = new Map<number, Host>();
  private readonly connections = new Set<SimulatedConnection>();
  /** Looked at again when a way is healed or a host has power. */
  private readonly waiting = new Set<() => void>();
  private nextPort = FIRST_PORT;

  constructor(options: SimulatedNetworkOptions) {
    this.scheduler = options.scheduler;
    this.random = options.random;
    this.habits = options.habits;
    this.links = options.links;
    this.links.onHealed = () => this.wakeWaiting();
  }

  /** The machine that a node runs on. @param owner whose events are the node's. */
  host(owner: EventOwner): NetworkHost {
    const known = this.hosts.get(owner.name);
    if (known !== undefined) return known;
    const host: Host = {
      name: owner.name,
      owner,
      hasPower: true,
      listen: async (address, accept) => this.listen(host, address, accept),
      connect: (address, options) => this.connect(host, address, options?.timeoutMs ?? DEFAULT_DIAL_TIMEOUT_MS),
    };
    this.hosts.set(owner.name, host);
    return host;
  }

  /** The machine is dark: no goodbye to anyone, nothing is answered. Ports and connections are gone. */
  powerOff(name: string): void {
    const host = this.hosts.get(name);
    if (host === undefined) return;
    host.hasPower = false;
    for (const [port, listening] of this.listening) if (listening.host === host) this.listening.delete(port);
    for (const connection of [...this.connections]) if (connection.hostName === name) connection.vanish();
  }

  powerOn(name: string): void {
    const host = this.hosts.get(name);
    if (host === undefined || host.hasPower) return;
    host.hasPower = true;
    this.wakeWaiting();
  }

  hasPower(name: string): boolean {
    return this.hosts.get(name)?.hasPower === true;
  }

  /** Open connections of a host. */
  connectionsOf(name: string): SimulatedConnection[] {
    return [...this.connections].filter((connection) => connection.hostName === name);
  }

  /** Breaks every connection between two hosts: both ends learn of it, what is on the way is lost. */
  breakBetween(a: string, b: string): number {
    let broken = 0;
    for (const connection of [...this.connections]) {
      if (connection.hostName !== a || connection.peerHostName !== b) continue;
      connection.break();
      broken++;
    }
    return broken;
  }

  private listen(host: Host, address: Address, accept: (connection: Connection) => void): Listener {
    if (!host.hasPower) throw new NetworkError("unreachable", `${host.name} has no power`);
    const port = address.port === 0 ? this.nextPort++ : address.port;
    if (this.listening.has(port)) throw new NetworkError("in-use", `${address.host}:${port}`);
    const listening: Listening = { host, address: { host: address.host, port }, accept, backlog: new Set() };
    this.listening.set(port, listening);
    this.portOwners.set(port, host);
    return {
      address: listening.address,
      close: () => {
        if (this.listening.get(port) === listening) this.listening.delete(port);
        // Nobody will ever accept them.
        for (const connection of listening.backlog) connection.destroy({ reset: true });
        listening.backlog.clear();
        return Promise.resolve();
      },
    };
  }

  private connect(host: Host, address: Address, timeoutMs: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      let settled = false;
      let attempt: Timer | undefined;
      const settle = (how: () => void): void => {
        if (settled) return;
        settled = true;
        timeout.cancel();
        attempt?.cancel();
        this.waiting.delete(dial);
        how();
      };
      const timeout = this.scheduler.schedule({
        ...{ node: host.owner, kind: "timer", delayMs: timeoutMs },
        run: () => settle(() => reject(new NetworkError("timeout", `${address.host}:${address.port}`))),
      });
      const later = (delayMs: number, kind: string, run: () => void): void => {
        attempt = this.scheduler.schedule({ node: host.owner, kind, delayMs, run });
      };
      const dial = (): void => {
        this.waiting.delete(dial);
        if (settled || !host.hasPower) return;
        const listening = this.listening.get(address.port);
        const target = listening?.host ?? this.portOwners.get(address.port) ?? host;
        if (this.isBlocked(host, target)) {
          this.waiting.add(dial);
          return;
        }
        const thereMs = this.links.delayMs(host.name, target.name);
        const backMs = this.links.delayMs(target.name, host.name);
        if (listening === undefined) {
          const refused = new NetworkError("refused", `${address.host}:${address.port}`);
          later(thereMs + backMs, "refused", () => settle(() => reject(refused)));
          return;
        }
        later(thereMs + backMs, "connected", () => {
          // What happened on the way: the process may be gone by now, or the way be cut.
          if (this.listening.get(address.port) !== listening || this.isBlocked(host, target)) dial();
          else settle(() => resolve(this.open(host, listening)));
        });
      };
      dial();
    });
  }

  private isBlocked(a: Host, b: Host): boolean {
    return !b.hasPower || this.links.isCut(a.name, b.name) || this.links.isCut(b.name, a.name);
  }

  private open(host: Host, listening: Listening): SimulatedConnection {
    const local: Address = { host: listening.address.host, port: this.nextPort++ };
    const dialler = new SimulatedConnection(this, host.owner, local, listening.address);
    const accepted = new SimulatedConnection(this, listening.host.owner, listening.address, local);
    dialler.join(accepted);
    this.connections.add(dialler);
    this.connections.add(accepted);
    listening.backlog.add(accepted);
    this.scheduler.schedule({
      ...{ node: listening.host.owner, kind: "accept", delayMs: 0 },
      run: () => {
        if (!listening.backlog.delete(accepted) || accepted.isGone) return;
        listening.accept(accepted);
      },
    });
    return dialler;
  }

  /** Only for SimulatedConnection. */
  forget(connection: SimulatedConnection): void {
    this.connections.delete(connection);
  }

  /** Only for SimulatedConnection: whether bytes get from one host to another now; if not, `again` runs when that may have changed. */
  isOpenWay(from: string, to: string, again: () => void): boolean {
    if (this.hasPower(to) && !this.links.isCut(from, to)) return true;
    this.waiting.add(again);
    return false;
  }

  /** Only for SimulatedConnection: whether a piece on its way breaks the connection. */
  loses(): boolean {
    const { lossChance } = this.habits;
    if (!this.lossy || lossChance === 0 || !this.random.chance(lossChance)) return false;
    this.losses++;
    return true;
  }

  private wakeWaiting(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const again of waiting) {
      const delayMs = this.random.below(RESEND_MS);
      this.scheduler.schedule({ node: this.kernel, kind: "resend", delayMs, run: again });
    }
  }
}
