/**
 * A running cluster in other hands: what a program in any language may see of it and do to it.
 *
 * Owns: names and errors, and that what is asked for holds when it is answered. Leaves to console/: HTTP.
 */
import type { ClusterEvents } from "../cluster-events.ts";
import { resetCluster } from "../cluster-reset.ts";
import type { ClusterNetwork } from "../faults/cluster-network.ts";
import type { FaultRule } from "../faults/fault-rule.ts";
import { FaultRuleError } from "../faults/fault-rule.ts";
import type { FaultRules } from "../faults/fault-rules.ts";
import type { LinkEnd, LinkFault } from "../faults/links.ts";
import type { ManagedNode } from "../managed-node.ts";
import type { RunningCluster } from "../running-cluster.ts";
import type { WaitUntil } from "../wait-until.ts";
import { ControlError } from "./control-error.ts";
import {
  type ControllerStatus,
  type FaultStatus,
  faultStatus,
  type NodeStatus,
  nodeStatus,
  type TopicStatus,
  topicStatus,
} from "./control-status.ts";

/** A node by its id, or the controller. */
export type NodeName = number | "controller";

export type Condition =
  /** A partition has a leader, other than `not`. */
  | { readonly for: "leader"; readonly topic: string; readonly partition: number; readonly not?: number }
  /** The ISR of a partition is exactly this; of every partition of the topic it is complete where nothing is said. */
  | {
      readonly for: "in-sync";
      readonly topic: string;
      readonly partition?: number;
      readonly inSyncReplicas?: readonly number[];
    }
  | { readonly for: "high-watermark"; readonly topic: string; readonly partition: number; readonly offset: number }
  | { readonly for: "node"; readonly node: number; readonly fenced: boolean };

/** After a kill the controller is given this long to notice; without fast detection it takes a session. */
const NOTICE_MS = 2000;
/** A node that goes on may have to be unfenced first. */
const RETURN_MS = 10_000;

export class ClusterControl {
  private readonly running: RunningCluster<ManagedNode>;
  private readonly waitUntil: WaitUntil;

  constructor(running: RunningCluster<ManagedNode>, waitUntil: WaitUntil) {
    this.running = running;
    this.waitUntil = waitUntil;
  }

  get clusterId(): string {
    return this.running.clusterId;
  }

  get events(): ClusterEvents {
    return this.running.events;
  }

  /** "host:port,host:port" */
  get bootstrapServers(): string {
    return this.running.addresses.map(({ host, port }) => `${host}:${port}`).join(",");
  }

  nodes(): NodeStatus[] {
    return this.running.nodes.map((node) => nodeStatus(node, this.running.image));
  }

  node(id: number): NodeStatus {
    return nodeStatus(this.nodeOf(id), this.running.image);
  }

  controller(): ControllerStatus {
    const { controller } = this.running;
    if (controller === undefined) return { state: "combined", address: "" };
    const state = controller.isPaused ? "paused" : controller.isRunning ? "running" : "stopped";
    return { state, address: controller.listens ?? "" };
  }

  /** Resolves when nothing of it is left and, as far as it can tell, the controller has noticed. */
  async kill(name: NodeName): Promise<void> {
    if (name === "controller") {
      this.controllerNode().kill();
      return;
    }
    const node = this.nodeOf(name);
    if (!node.hasLife) throw new ControlError("conflict", `node ${name} is ${node.state}`);
    this.events.emit({ type: "node-down", node: name, how: "killed" });
    await node.kill();
    await this.noticed(name);
  }

  /** Controlled shutdown. */
  async stop(name: NodeName): Promise<void> {
    if (name === "controller") return this.controllerNode().stop();
    const node = this.nodeOf(name);
    if (!node.hasLife) throw new ControlError("conflict", `node ${name} is ${node.state}`);
    await node.stop();
    this.events.emit({ type: "node-down", node: name, how: "stopped" });
  }

  /** Resolves when it serves. */
  async restart(name: NodeName): Promise<void> {
    if (name === "controller") return this.controllerNode().restart();
    const node = this.nodeOf(name);
    if (node.state === "starting" || node.state === "stopping") {
      throw new ControlError("conflict", `node ${name} is ${node.state}`);
    }
    await node.restart();
  }

  async pause(name: NodeName): Promise<void> {
    const node = name === "controller" ? this.controllerNode() : this.nodeOf(name);
    if (!node.hasLife) throw new ControlError("conflict", `${named(name)} does not run`);
    await node.pause();
    if (name !== "controller") this.events.emit({ type: "node-paused", node: name });
  }

  /** Resolves when it is in service again, as far as it can be. */
  async resume(name: NodeName): Promise<void> {
    if (name === "controller") return this.controllerNode().resume();
    const node = this.nodeOf(name);
    if (!node.isPaused) throw new ControlError("conflict", `node ${name} is ${node.state}, not paused`);
    await node.resume();
    this.events.emit({ type: "node-resumed", node: name });
    await this.waitUntil.nodeUp(name, { timeoutMs: RETURN_MS }).catch(() => {});
  }

  get links(): readonly LinkFault[] {
    return this.network.faults;
  }

  async cut(a: LinkEnd, b: LinkEnd, oneWay = false): Promise<void> {
    sensible(() => this.network.cut(a, b, { oneWay }));
    await this.applied();
  }

  async delay(a: LinkEnd, b: LinkEnd, delayMs: number, oneWay = false): Promise<void> {
    sensible(() => this.network.delay(a, b, delayMs, { oneWay }));
    await this.applied();
  }

  async heal(a?: LinkEnd, b?: LinkEnd): Promise<void> {
    sensible(() => this.network.heal(a, b));
    await this.applied();
  }

  faults(): FaultStatus[] {
    return this.rules.list.map(faultStatus);
  }

  fault(id: number): FaultStatus {
    const fault = this.rules.list.find((one) => one.id === id);
    if (fault === undefined) throw new ControlError("unknown", `there is no fault ${id}`);
    return faultStatus(fault);
  }

  async addFault(rule: FaultRule): Promise<FaultStatus> {
    const fault = sensible(() => this.rules.add(rule));
    await this.applied();
    return faultStatus(fault);
  }

  async removeFault(id: number): Promise<FaultStatus> {
    const status = this.fault(id);
    this.rules.remove(id);
    await this.applied();
    return status;
  }

  async clearFaults(): Promise<void> {
    this.rules.clear();
    await this.applied();
  }

  async topics(): Promise<TopicStatus[]> {
    const names = [...this.running.image.topics.keys()].sort();
    return Promise.all(names.map((name) => this.topic(name)));
  }

  async topic(name: string): Promise<TopicStatus> {
    const topic = this.running.image.topics.get(name);
    if (topic === undefined) throw new ControlError("unknown", `there is no topic ${name}`);
    const marks = new Map<number, NonNullable<Awaited<ReturnType<ManagedNode["marksOf"]>>>>();
    await Promise.all(
      this.running.nodes.map(async (node) => {
        const told = await node.marksOf(name);
        if (told !== undefined) marks.set(node.id, told);
      }),
    );
    return topicStatus(topic, marks);
  }

  /** Resolves when it holds. @throws ControlError timeout. */
  async wait(condition: Condition, timeoutMs: number): Promise<void> {
    const options = { timeoutMs };
    try {
      if (condition.for === "leader") {
        const { topic, partition, not = -1 } = condition;
        await this.waitUntil.leaderChanged(topic, partition, { ...options, from: not });
      } else if (condition.for === "in-sync") {
        const { topic, partition, inSyncReplicas } = condition;
        if (partition === undefined || inSyncReplicas === undefined) {
          await this.waitUntil.fullyReplicated(topic, options);
        } else {
          await this.waitUntil.inSyncReplicas(topic, partition, inSyncReplicas, options);
        }
      } else if (condition.for === "high-watermark") {
        await this.waitUntil.highWatermark(condition.topic, condition.partition, condition.offset, options);
      } else if (condition.fenced) {
        await this.waitUntil.nodeFenced(condition.node, options);
      } else {
        await this.waitUntil.nodeUp(condition.node, options);
      }
    } catch (error) {
      throw new ControlError("timeout", error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  /** The same cluster, empty; see Cluster.reset. */
  async reset(): Promise<void> {
    // Nodes elsewhere hear that they are not cut off any more before they hear what is gone.
    this.running.faults?.heal();
    await this.applied();
    await resetCluster(this.running, this.waitUntil);
  }

  private async noticed(node: number): Promise<void> {
    if (this.running.controller?.isRunning !== true || this.running.controller.isPaused) return;
    await this.waitUntil.nodeFenced(node, { timeoutMs: NOTICE_MS }).catch(() => {});
  }

  private async applied(): Promise<void> {
    await Promise.all(this.running.nodes.map((node) => node.applyFaults()));
  }

  private get network(): ClusterNetwork {
    if (this.running.network === undefined) throw new ControlError("conflict", "this cluster runs without faults");
    return this.running.network;
  }

  private get rules(): FaultRules {
    if (this.running.faults === undefined) throw new ControlError("conflict", "this cluster runs without faults");
    return this.running.faults.rules;
  }

  private nodeOf(id: number): ManagedNode {
    const node = this.running.nodes.find((one) => one.id === id);
    if (node === undefined) throw new ControlError("unknown", `there is no node ${id}`);
    return node;
  }

  private controllerNode(): NonNullable<RunningCluster["controller"]> {
    const { controller } = this.running;
    if (controller === undefined) throw new ControlError("unknown", "the only node is its own controller");
    return controller;
  }
}

function named(name: NodeName): string {
  return name === "controller" ? "the controller" : `node ${name}`;
}

/** @throws ControlError invalid, for what is wrong with what was asked. */
function sensible<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof FaultRuleError || (error instanceof Error && error.constructor === Error)) {
      throw new ControlError("invalid", error.message, { cause: error });
    }
    throw error;
  }
}
