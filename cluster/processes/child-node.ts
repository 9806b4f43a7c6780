/**
 * The node's side of a process of its own: starts the node it is told to be, tells how it fares, and does what it is asked.
 *
 * Owns: reports, gathered for a moment so that a busy node says little. Leaves to ClusterNode: the node.
 */
import { BrokerConfigLayers } from "../../broker/config/broker-config-layers.ts";
import type { LoggerLevels } from "../../broker/config/logger-levels.ts";
import { ClusterNode } from "../cluster-node.ts";
import { remoteLink } from "../controller-links.ts";
import type { Environment } from "../environment.ts";
import { ClusterFaults } from "../faults/cluster-faults.ts";
import { HoldUps } from "../faults/hold-ups.ts";
import type { FaultState, FromNode, NodeOrder, NodeReport, ToNode } from "./process-messages.ts";

export interface ChildNodeOptions {
  readonly environment: Environment;
  readonly loggerLevels: LoggerLevels;
  send(message: FromNode): void;
  /** The node is stopped, or has failed: the process may end. */
  end(exitCode: number): void;
}

/** Reports are this far apart. */
const REPORT_MS = 10;

export class ChildNode {
  private readonly options: ChildNodeOptions;
  private readonly faults: ClusterFaults;
  private node: ClusterNode | undefined;
  private hasController = true;
  private isReporting = false;
  private readonly highWatermarks = new Map<string, NodeReport["highWatermarks"][number]>();
  private readonly reported = new Map<number, { readonly fired: number; readonly occasions: number }>();

  constructor(options: ChildNodeOptions) {
    this.options = options;
    this.faults = new ClusterFaults(options.environment.clock);
    this.faults.onDialling = (port, isOpen) => options.send({ type: "dialling", port, isOpen });
    this.faults.rules.onOccasion = () => this.reportSoon();
  }

  /** Says that the channel is open. */
  hello(): void {
    this.options.send({ type: "hello" });
  }

  heard(message: ToNode): void {
    switch (message.type) {
      case "start":
        this.start(message.order).catch((error: unknown) => this.failed(error));
        return;
      case "stop":
        this.hasController = message.hasController;
        this.stop().catch((error: unknown) => this.failed(error));
        return;
      case "faults":
        this.applyFaults(message.state);
        this.options.send({ type: "answer", request: message.request });
        return;
      case "marks":
        this.tellMarks(message.request, message.topic).catch((error: unknown) => this.failed(error));
    }
  }

  private async start(order: NodeOrder): Promise<void> {
    const { environment, loggerLevels } = this.options;
    this.applyFaults(order.faults);
    this.faults.topicNameOf = (topicId) => node.running?.broker.image.topicsById.get(topicId)?.name;
    const holdUps = new HoldUps(this.faults.links);
    this.faults.onSlowDisk = (end, delayMs) => holdUps.holdUp(end, node, delayMs);
    const node = new ClusterNode(order.nodeId, {
      environment: this.faults.environmentOf(order.nodeId, environment),
      requestFaults: (clock) => this.faults.requestFaults(order.nodeId, clock),
      config: () => new BrokerConfigLayers(new Map(order.settings)),
      loggerLevels,
      clusterId: order.clusterId,
      listeners: order.listeners,
      link: (around, config, logs, surroundings) =>
        remoteLink(around, config, order.clusterId, logs, surroundings, [order.controller]),
      hooks: {
        observePartition: ({ topic, index, log }, change) => {
          if (change !== "highWatermark") return;
          const { highWatermark } = log;
          this.highWatermarks.set(`${topic}-${index}`, { topic, partition: index, highWatermark });
          this.reportSoon();
        },
        onApplied: () => this.reportSoon(),
      },
      hasController: () => this.hasController,
      onFailure: (error) => this.failed(error),
    });
    this.node = node;
    await node.start();
    this.report();
    this.options.send({ type: "running", listeners: node.listensAt });
  }

  private async stop(): Promise<void> {
    await this.node?.stop();
    this.faults.close();
    this.options.end(0);
  }

  private failed(error: unknown): void {
    this.options.send({ type: "failed", reason: error instanceof Error ? error.message : String(error) });
    this.options.end(1);
  }

  private applyFaults({ links, rules, listening, dialling }: FaultState): void {
    this.faults.ports.learn(listening, dialling);
    this.faults.links.become(links);
    this.faults.rules.become(rules);
  }

  private async tellMarks(request: number, topic: string): Promise<void> {
    const marks = await this.node?.marksOf(topic);
    this.options.send({ type: "answer", request, marks: [...(marks ?? [])] });
  }

  private reportSoon(): void {
    if (this.isReporting) return;
    this.isReporting = true;
    this.options.environment.clock.after(REPORT_MS, () => {
      this.isReporting = false;
      this.report();
    });
  }

  private report(): void {
    const { node } = this;
    if (node === undefined) return;
    const highWatermarks = [...this.highWatermarks.values()];
    this.highWatermarks.clear();
    const report = {
      ...{ appliedOffset: node.appliedOffset, partitionCount: node.partitionCount },
      highWatermarks,
      faults: this.newlyFired(),
    };
    this.options.send({ type: "report", report });
  }

  /** Since the last report. */
  private newlyFired(): NodeReport["faults"] {
    return this.faults.rules.list.flatMap(({ id, fired, occasions }) => {
      const before = this.reported.get(id) ?? { fired: 0, occasions: 0 };
      this.reported.set(id, { fired, occasions });
      const news = { id, fired: fired - before.fired, occasions: occasions - before.occasions };
      return news.occasions > 0 ? [news] : [];
    });
  }
}
