/**
 * Makes the faults of a run happen, and ends them.
 *
 * Owns: who is down until when, and the counts of what happened. Leaves to SimulatedCluster: how it is done.
 */
import type { Auditor } from "../audit/auditor.ts";
import type { EventOwner } from "../event-heap.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Fault, FaultKind, Victim } from "./faults.ts";
import type { Operator } from "./operator.ts";
import { CONTROLLER, nodeName, type SimulatedCluster } from "./simulated-cluster.ts";

/** A node that could not start (its controller was away) tries again, as whoever watches over processes would. */
const START_AGAIN_MS = 1000;
const LAST_REPAIR_MS = 5000;
/** Fewer than a batch has behind its epoch and its CRC. */
const CHECKED_BYTES = 30;
/** On a volume of its own (metadata.log.dir): without room for it a node ends, as Kafka's does. */
const METADATA_LOG = /__cluster_metadata/;
const TOPIC_FILES = /^\/data\/logs\/t\d+-\d+\//;

export class FaultRunner {
  readonly counts = new Map<FaultKind | "restart" | "controller-restart", number>();
  private readonly cluster: SimulatedCluster;
  private readonly auditor: Auditor;
  private readonly clients: readonly string[];
  private readonly operator: Operator;
  private readonly files: RegExp;
  private readonly random: SeededRandom;
  private readonly owner: EventOwner = { name: "faults", alive: true, stalledUntilMs: 0 };
  private healing = false;
  private controllerIsDown = false;
  /** Nodes whose disk fails. */
  private readonly failing = new Set<number>();

  /**
   * @param operator whom changes of topics are left to.
   * @param files which the disk refuses, and damages.
   */
  constructor(
    cluster: SimulatedCluster,
    auditor: Auditor,
    clients: readonly string[],
    operator: Operator,
    files = TOPIC_FILES,
  ) {
    this.cluster = cluster;
    this.auditor = auditor;
    this.clients = clients;
    this.operator = operator;
    this.files = files;
    this.random = cluster.simulation.generator("faults");
  }

  schedule(faults: readonly Fault[]): void {
    for (const fault of faults) this.after(fault.atMs - this.nowMs, () => this.run(fault));
  }

  /** Ends every fault: all nodes run, all ways are open. */
  heal(): void {
    this.healing = true;
    const { cluster } = this;
    cluster.network.lossy = false;
    cluster.loseNoAnswers();
    cluster.network.links.healAll();
    for (const name of cluster.serverNames) {
      const machine = cluster.machine(name);
      machine.stalledUntilMs = Math.min(machine.stalledUntilMs, this.nowMs);
      cluster.simulation.disk(name).slowByMs = 0;
      cluster.simulation.disk(name).makeRoom();
    }
    this.startController();
    for (const id of this.failing) {
      cluster.disk(id).faults.clear();
      // It may be starting right now.
      this.after(LAST_REPAIR_MS, () => this.repair(id));
    }
    for (const id of cluster.nodeIds) this.startNode(id);
  }

  private get nowMs(): number {
    return this.cluster.simulation.scheduler.nowMs;
  }

  private after(delayMs: number, run: () => void): void {
    this.cluster.simulation.scheduler.schedule({ node: this.owner, kind: "fault", delayMs, run });
  }

  private count(what: FaultKind | "restart" | "controller-restart"): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  private run(fault: Fault): void {
    if (this.healing) return;
    if (this.happens(fault)) this.count(fault.kind);
  }

  /** False: there was nothing to do. */
  private happens(fault: Fault): boolean {
    const { cluster } = this;
    switch (fault.kind) {
      case "kill": {
        const id = this.nodeOf(fault.victim);
        return this.kill(id, fault.downMs);
      }
      case "stop": {
        const id = this.nodeOf(fault.victim);
        if (cluster.node(id).state !== "running") return false;
        void cluster.node(id).stop();
        this.after(fault.downMs, () => this.startNode(id));
        return true;
      }
      case "power":
        return this.cutPower(this.nodeOf(fault.victim), fault.downMs);
      case "power-all":
        for (const id of cluster.nodeIds) this.cutPower(id, fault.downMs);
        if (fault.controllerToo) this.controllerDown(true, fault.downMs);
        return true;
      case "kill-all":
        for (const id of cluster.nodeIds) this.kill(id, fault.downMs);
        return true;
      case "controller-kill":
        return this.controllerDown(fault.power, fault.downMs);
      case "pause":
        cluster.pause(nodeName(this.nodeOf(fault.victim)), fault.durationMs);
        return true;
      case "controller-pause":
        if (cluster.running.controller === undefined) return false;
        cluster.pause(CONTROLLER, fault.durationMs);
        return true;
      case "cut": {
        const [a, b] = [nodeName(this.nodeOf(fault.victim)), this.serverName(fault.other)];
        if (b === undefined || a === b) return false;
        if (fault.way !== "from") this.cutFor(a, b, fault.durationMs);
        if (fault.way !== "to") this.cutFor(b, a, fault.durationMs);
        return true;
      }
      case "isolate": {
        const name = nodeName(this.nodeOf(fault.victim));
        for (const other of cluster.serverNames) {
          if (other === name) continue;
          this.cutFor(name, other, fault.durationMs);
          this.cutFor(other, name, fault.durationMs);
        }
        return true;
      }
      case "client-cut": {
        const name = nodeName(this.nodeOf(fault.victim));
        const client = this.clients[fault.client % this.clients.length] as string;
        this.cutFor(name, client, fault.durationMs);
        this.cutFor(client, name, fault.durationMs);
        return true;
      }
      case "slow-link": {
        const [a, b] = [nodeName(this.nodeOf(fault.victim)), this.serverName(fault.other)];
        if (b === undefined || a === b) return false;
        const delays = { latencyMs: fault.latencyMs, jitterMs: fault.latencyMs / 2 };
        cluster.network.links.slow(a, b, delays);
        cluster.network.links.slow(b, a, delays);
        this.after(fault.durationMs, () => this.healLink(a, b));
        return true;
      }
      case "break": {
        const [a, b] = [nodeName(this.nodeOf(fault.victim)), this.serverName(fault.other)];
        return b !== undefined && a !== b && cluster.network.breakBetween(a, b) > 0;
      }
      case "slow-disk": {
        const disk = cluster.disk(this.nodeOf(fault.victim));
        disk.slowByMs = fault.latencyMs;
        this.after(fault.durationMs, () => {
          disk.slowByMs = 0;
        });
        return true;
      }
      case "full-disk": {
        const disk = cluster.disk(this.nodeOf(fault.victim));
        disk.fill(fault.leftBytes, METADATA_LOG);
        this.after(fault.durationMs, () => disk.makeRoom());
        return true;
      }
      case "disk-error": {
        const id = this.nodeOf(fault.victim);
        if (!this.isUp(id) || this.failing.has(id)) return false;
        this.failing.add(id);
        cluster.disk(id).faults.add({ operation: fault.operation, path: this.files, error: "io", times: 1 });
        this.after(fault.downMs, () => this.repair(id));
        return true;
      }
      case "clock":
        cluster.machine(nodeName(this.nodeOf(fault.victim))).clock.jumpWall(fault.byMs);
        return true;
      case "damage": {
        const id = this.nodeOf(fault.victim);
        return this.kill(id, fault.downMs) && this.damage(id, fault.flips);
      }
      case "lost-answers": {
        const id = this.nodeOf(fault.victim);
        cluster.loseAnswers(id, fault.chance);
        this.after(fault.durationMs, () => cluster.loseNoAnswers(id));
        return true;
      }
      case "config":
        return this.operator.configure(fault.topic, fault.name, fault.value);
      case "trim":
        return this.operator.trim(fault.topic, fault.partition, fault.keep);
      case "recreate":
        return this.operator.recreate();
      case "reassign":
        return this.operator.reassign(fault.topic, fault.partition, fault.place);
    }
  }

  private nodeOf(victim: Victim): number {
    if ("node" in victim) return victim.node;
    const leaders: number[] = [];
    for (const topic of this.cluster.running.image.topics.values()) {
      for (const { leader } of topic.partitions) if (leader > 0) leaders.push(leader);
    }
    return leaders[victim.leaderOf % Math.max(1, leaders.length)] ?? 1;
  }

  /** 0: the controller, where it is a node of its own. */
  private serverName(place: number): string | undefined {
    if (place > 0) return nodeName(place);
    return this.cluster.running.controller === undefined ? undefined : CONTROLLER;
  }

  private isUp(id: number): boolean {
    return this.cluster.node(id).present !== undefined || this.cluster.node(id).state === "starting";
  }

  private kill(id: number, downMs: number): boolean {
    if (!this.isUp(id)) return false;
    this.cluster.kill(id);
    this.auditor.wasKilled(id);
    this.after(downMs, () => this.startNode(id));
    return true;
  }

  private cutPower(id: number, downMs: number): boolean {
    if (!this.cluster.network.hasPower(nodeName(id))) return false;
    this.cluster.cutPower(id);
    this.auditor.powerWasCut(id);
    this.after(downMs, () => this.startNode(id));
    return true;
  }

  /** Bits that are not on the device yet: recovery sees them, and other replicas have what they were. */
  private damage(id: number, flips: number): boolean {
    const disk = this.cluster.disk(id);
    const unsynced = disk
      .filesWithPaths()
      .filter(([path, inode]) => this.isLog(path) && inode.durableBytes < inode.sizeBytes);
    if (unsynced.length === 0) return false;
    for (let left = flips; left > 0; left--) {
      const [, inode] = this.random.pick(unsynced);
      // Of the last batch what is under its CRC: recovery can only see that.
      const from = Math.max(inode.durableBytes, inode.sizeBytes - CHECKED_BYTES);
      inode.flip(this.random.between(from, inode.sizeBytes - 1), 1 << this.random.below(8));
    }
    this.auditor.diskWasDamaged(id);
    return true;
  }

  private isLog(path: string): boolean {
    return this.files.test(path) && path.endsWith(".log");
  }

  /** A log that its disk refused is offline, or not there, until somebody starts its broker again. */
  private repair(id: number): void {
    if (!this.failing.delete(id)) return;
    this.cluster.disk(id).faults.clear();
    const server = this.cluster.node(id).present;
    if (server === undefined) return;
    const { partitions } = server.broker;
    const isOffline = [...partitions.all()].some(({ log }) => log.offline);
    const isMissing = [...this.cluster.running.image.topics.values()].some((topic) =>
      topic.partitions.some(({ partition }) => partitions.isMissing(topic.id, partition)),
    );
    if (isOffline || isMissing) this.kill(id, START_AGAIN_MS);
  }

  private controllerDown(power: boolean, downMs: number): boolean {
    const { controller } = this.cluster.running;
    if (controller === undefined || this.controllerIsDown) return false;
    this.controllerIsDown = true;
    this.cluster.killController({ powerLoss: power });
    this.after(downMs, () => this.startController());
    return true;
  }

  private startController(): void {
    if (!this.controllerIsDown) return;
    this.controllerIsDown = false;
    this.count("controller-restart");
    this.cluster.startController().catch((error: unknown) => this.cluster.failures.push(error as Error));
  }

  private startNode(id: number): void {
    const { state } = this.cluster.node(id);
    if (state === "stopping") this.after(START_AGAIN_MS, () => this.startNode(id));
    if (state !== "stopped" && state !== "failed") return;
    this.count("restart");
    this.cluster.start(id).catch(() => this.after(START_AGAIN_MS, () => this.startNode(id)));
  }

  private cutFor(from: string, to: string, durationMs: number): void {
    this.cluster.network.links.cut(from, to);
    this.after(durationMs, () => this.cluster.network.links.heal(from, to));
  }

  private healLink(a: string, b: string): void {
    this.cluster.network.links.heal(a, b);
    this.cluster.network.links.heal(b, a);
  }
}
