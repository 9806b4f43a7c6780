/**
 * Faults that runs with transactions have besides those of every run: coordinators move, topics grow, disks refuse.
 *
 * Owns: when they happen and what comes of them. A log that its disk refused is offline until somebody starts its broker again.
 */

import { InternalTopic } from "../../../broker/metadata/internal-topics.ts";
import { ElectLeaders } from "../../../protocol/messages/elect-leaders.ts";
import { AlterPartitionReassignments } from "../../../protocol/messages/reassignments.ts";
import { CreatePartitions } from "../../../protocol/messages/topics.ts";
import type { Auditor } from "../audit/auditor.ts";
import type { Admin } from "../clients/admin.ts";
import type { EventOwner } from "../event-heap.ts";
import type { SeededRandom } from "../seeded-random.ts";
import { nodeName, type SimulatedCluster } from "../world/simulated-cluster.ts";

export type TransactionFault = { readonly atMs: number } & (
  | { readonly kind: "move-coordinator"; readonly topic: string; readonly partition: number; readonly place: number }
  | { readonly kind: "grow"; readonly topic: number }
  | {
      readonly kind: "disk-error";
      readonly node: number;
      readonly operation: "append" | "sync";
      readonly error: "io" | "full";
      readonly downMs: number;
    }
  /** A coordinator is killed as soon as it is ending a transaction. */
  | { readonly kind: "kill-ending"; readonly downMs: number }
  /** A coordinator is cut off one of the others, and killed before anybody has noticed. */
  | {
      readonly kind: "cut-and-kill";
      readonly partition: number;
      readonly other: number;
      readonly afterMs: number;
      readonly downMs: number;
    }
);

export const TRANSACTION_FAULT_KINDS = [
  "move-coordinator",
  "grow",
  "disk-error",
  "kill-ending",
  "cut-and-kill",
] as const;
type Kind = (typeof TRANSACTION_FAULT_KINDS)[number];

const PER_MINUTE: Readonly<Record<Kind, number>> = {
  ...{ "move-coordinator": 8, grow: 3, "disk-error": 3, "kill-ending": 8, "cut-and-kill": 6 },
};
const KIND_IS_ON = 0.5;
const QUIET_START_MS = 3000;
const TIMEOUT_MS = 5000;
const MOST_PARTITIONS = 6;
const PREFERRED = 0;
const START_AGAIN_MS = 500;
/** How often, and how long, somebody looks for a coordinator that is ending a transaction. */
const LOOK_EVERY_MS = 1;
const LOOKS = 500;

export function drawTransactionFaults(random: SeededRandom, durationMs: number, nodes: number): TransactionFault[] {
  const faults: TransactionFault[] = [];
  for (const kind of TRANSACTION_FAULT_KINDS) {
    const own = random.split(kind);
    if (!own.chance(KIND_IS_ON)) continue;
    for (let atMs = QUIET_START_MS; ; ) {
      atMs += Math.round((-Math.log(1 - own.below(10_000) / 10_000) * 60_000) / PER_MINUTE[kind]);
      if (atMs >= durationMs) break;
      faults.push({ atMs, ...drawFault(kind, own, nodes) } as TransactionFault);
    }
  }
  return faults;
}

function drawFault(kind: Kind, random: SeededRandom, nodes: number): object {
  switch (kind) {
    case "move-coordinator": {
      const topic = random.pick([
        InternalTopic.TRANSACTION_STATE,
        InternalTopic.TRANSACTION_STATE,
        InternalTopic.CONSUMER_OFFSETS,
      ]);
      return { kind, topic, partition: random.below(2), place: random.below(nodes) };
    }
    case "grow":
      return { kind, topic: random.below(3) };
    case "cut-and-kill":
      return {
        ...{ kind, partition: random.below(2), other: random.between(1, nodes) },
        ...{ afterMs: random.pick([50, 200, 500]), downMs: random.pick([500, 3000]) },
      };
    case "kill-ending":
      return { kind, downMs: random.pick([50, 500, 2000, 5000]) };
    case "disk-error":
      return {
        ...{ kind, node: random.between(1, nodes), operation: random.pick(["append", "sync"] as const) },
        error: random.pick(["io", "full"] as const),
        downMs: random.pick([100, 1000, 4000]),
      };
  }
}

export class TransactionFaults {
  readonly counts = new Map<string, number>();
  private readonly cluster: SimulatedCluster;
  private readonly auditor: Auditor;
  private readonly admin: Admin;
  private readonly topics: readonly string[];
  private readonly owner: EventOwner = { name: "transaction faults", alive: true, stalledUntilMs: 0 };
  private healing = false;

  constructor(cluster: SimulatedCluster, auditor: Auditor, admin: Admin, topics: readonly string[]) {
    this.cluster = cluster;
    this.auditor = auditor;
    this.admin = admin;
    this.topics = topics;
  }

  schedule(faults: readonly TransactionFault[]): void {
    for (const fault of faults) {
      this.after(fault.atMs, () => {
        if (!this.healing && this.happens(fault)) this.count(fault.kind);
      });
    }
  }

  heal(): void {
    this.healing = true;
    for (const id of this.cluster.nodeIds) {
      this.repair(id);
      this.start(id);
    }
  }

  private after(delayMs: number, run: () => void): void {
    this.cluster.simulation.scheduler.schedule({ node: this.owner, kind: "fault", delayMs, run });
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  private happens(fault: TransactionFault): boolean {
    switch (fault.kind) {
      case "move-coordinator":
        return this.move(fault.topic, fault.partition, fault.place);
      case "grow":
        return this.grow(this.topics[fault.topic] ?? "");
      case "cut-and-kill":
        return this.cutAndKill(fault);
      case "kill-ending":
        this.killEnding(fault.downMs, LOOKS);
        return true;
      case "disk-error": {
        const { node, operation, error, downMs } = fault;
        if (this.cluster.node(node).present === undefined) return false;
        const path = /^\/data\/logs\/(?!__cluster_metadata)[^/]+-\d+\/\d+\.log$/;
        this.cluster.disk(node).faults.add({ operation, path, error, times: 1 });
        this.after(downMs, () => this.repair(node));
        return true;
      }
    }
  }

  /** The replicas in another order, and the first of them leads. */
  private move(topic: string, partition: number, place: number): boolean {
    const now = this.cluster.running.image.topics.get(topic)?.partitions[partition];
    if (now === undefined || now.addingReplicas.length > 0) return false;
    const { nodeIds } = this.cluster;
    const replicas = now.replicas.map((_, at) => nodeIds[(place + at) % nodeIds.length] as number);
    const topics = [{ name: topic, partitions: [{ partitionIndex: partition, replicas }] }];
    const election = {
      ...{ electionType: PREFERRED, topicPartitions: [{ topic, partitions: [partition] }], timeoutMs: TIMEOUT_MS },
    };
    void this.admin
      .askOnce(AlterPartitionReassignments, 0, { topics, timeoutMs: TIMEOUT_MS })
      .then(() => this.admin.askOnce(ElectLeaders, 2, election));
    return true;
  }

  private grow(topic: string): boolean {
    const count = (this.cluster.running.image.topics.get(topic)?.partitions.length ?? MOST_PARTITIONS) + 1;
    if (count > MOST_PARTITIONS) return false;
    const topics = [{ name: topic, count, assignments: null }];
    void this.admin.askOnce(CreatePartitions, 3, { topics, timeoutMs: TIMEOUT_MS, validateOnly: false });
    return true;
  }

  /** As whoever watches over brokers would: one with a log that is offline is ended and started again. */
  private repair(id: number): void {
    this.cluster.disk(id).faults.clear();
    const partitions = this.cluster.node(id).present?.broker.partitions.all() ?? [];
    if (![...partitions].some(({ log }) => log.offline)) return;
    this.cluster.kill(id);
    this.auditor.wasKilled(id);
    this.count("broker repaired");
    this.after(START_AGAIN_MS, () => this.start(id));
  }

  private killEnding(downMs: number, looks: number): void {
    if (this.healing) return;
    const { cluster } = this;
    const id = cluster.nodeIds.find((one) => (cluster.node(one).present?.broker.transactions.ending ?? 0) > 0);
    if (id === undefined) {
      if (looks > 0) this.after(LOOK_EVERY_MS, () => this.killEnding(downMs, looks - 1));
      return;
    }
    this.kill(id, downMs);
  }

  private cutAndKill({
    partition,
    other,
    afterMs,
    downMs,
  }: Extract<TransactionFault, { kind: "cut-and-kill" }>): boolean {
    const { cluster } = this;
    const leader =
      cluster.running.image.topics.get(InternalTopic.TRANSACTION_STATE)?.partitions[partition]?.leader ?? -1;
    if (leader < 0 || leader === other) return false;
    const [from, to] = [nodeName(leader), nodeName(other)];
    cluster.cut(from, to);
    this.after(afterMs, () => {
      if (!this.healing && cluster.node(leader).present !== undefined) this.kill(leader, downMs);
      cluster.network.links.heal(from, to);
      cluster.network.links.heal(to, from);
    });
    return true;
  }

  private kill(id: number, downMs: number): void {
    this.cluster.kill(id);
    this.auditor.wasKilled(id);
    this.count("coordinator killed");
    this.after(downMs, () => this.start(id));
  }

  private start(id: number): void {
    const { state } = this.cluster.node(id);
    if (state !== "failed" && state !== "stopped") return;
    this.cluster.start(id).catch(() => this.after(START_AGAIN_MS, () => this.start(id)));
  }
}
