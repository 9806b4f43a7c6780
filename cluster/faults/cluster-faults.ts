/**
 * Everything that is wrong on purpose in one cluster of this process: ways between nodes, rules for requests, disks.
 *
 * Owns: wrapping each node's environment once. Leaves to ClusterNode: pausing and killing.
 */
import type { Clock } from "../../storage/clock.ts";
import type { Environment } from "../environment.ts";
import { FaultRules } from "./fault-rules.ts";
import { FaultyDisk } from "./faulty-disk.ts";
import { FaultyNetwork, KnownPorts } from "./faulty-network.ts";
import { type LinkEnd, Links } from "./links.ts";
import { RequestFaults } from "./request-faults.ts";

export class ClusterFaults {
  readonly links: Links;
  readonly rules = new FaultRules();
  /** Names of topics, for requests that have ids. */
  topicNameOf: (topicId: string) => string | undefined = () => undefined;
  /** Holds a node up: its disk is slow. */
  onSlowDisk: ((end: LinkEnd, delayMs: number) => void) | undefined;
  /** Who is at the other end of a connection. */
  readonly ports = new KnownPorts();

  constructor(clock: Clock) {
    this.links = new Links(clock);
    this.ports.onLearned = () => this.links.lookAgain();
  }

  /** Told of each port that a node of this process dials from, or does no more. */
  set onDialling(run: (port: number, isOpen: boolean) => void) {
    this.ports.onDialling = run;
  }

  /** What a node's lives stand on. */
  environmentOf(end: LinkEnd, environment: Environment): Environment {
    const { links, rules, ports } = this;
    const holdUp = (delayMs: number): void => this.onSlowDisk?.(end, delayMs);
    return {
      ...environment,
      network: new FaultyNetwork(environment.network, end, links, ports),
      disk: new FaultyDisk(environment.disk, end, rules, links, holdUp),
    };
  }

  /** For the listeners of one life of a node. @param clock of that life. */
  requestFaults(own: LinkEnd, clock: Clock): RequestFaults {
    return new RequestFaults({ rules: this.rules, own, clock, topicNameOf: (topicId) => this.topicNameOf(topicId) });
  }

  /** Nothing is wrong any more. */
  heal(): void {
    this.links.heal();
    this.rules.clear();
  }

  /** The same, and no timer is left. */
  close(): void {
    this.rules.clear();
    this.links.close();
  }
}
