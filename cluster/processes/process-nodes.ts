/**
 * Makes the nodes of a cluster that have processes of their own, and keeps them told of what is wrong on purpose.
 *
 * Owns: who listens and dials where, gathered from all of them. Leaves to ProcessNode: one node.
 */
import type { Clock } from "../../storage/clock.ts";
import type { ClusterFaults } from "../faults/cluster-faults.ts";
import type { ClusterNodeSpec, NodeSurroundings } from "../running-cluster.ts";
import type { ProcessHost } from "./process-host.ts";
import type { FaultState } from "./process-messages.ts";
import { ProcessNode } from "./process-node.ts";

export class ProcessNodes {
  private readonly host: ProcessHost;
  private readonly faults: ClusterFaults;
  private readonly clock: Clock;
  private readonly nodes: ProcessNode[] = [];

  constructor(host: ProcessHost, faults: ClusterFaults, clock: Clock) {
    this.host = host;
    this.faults = faults;
    this.clock = clock;
  }

  make(spec: ClusterNodeSpec, surroundings: NodeSurroundings): ProcessNode {
    const { faults } = this;
    const { nodeId, listeners } = spec;
    const { clusterId, controller } = surroundings;
    const node = new ProcessNode(nodeId, {
      ...{ host: this.host, clock: this.clock, listeners },
      order: () => ({
        clusterId,
        settings: [...spec.config().staticTexts],
        controller: { id: controller.id, address: controller.address },
      }),
      hasController: () => surroundings.hasController(),
      faultState: () => this.faultState(),
      onReport: ({ highWatermarks, faults: struck }) => {
        for (const one of highWatermarks) surroundings.onHighWatermark(one);
        for (const { id, fired, occasions } of struck) faults.rules.note(id, fired, occasions);
        surroundings.onApplied();
      },
      onDialling: (port, isOpen) => {
        if (isOpen) faults.ports.dials(port, nodeId);
        else faults.ports.hungUp(port);
        // Only where clients are cut does it matter who dials.
        if (faults.links.faults.some(({ from, to }) => from === "clients" || to === "clients")) this.tellOthers(node);
      },
      onRunning: (ports) => {
        for (const port of ports) faults.ports.listening.set(port, nodeId);
        this.tellOthers(node);
      },
      onFailure: (error) => surroundings.onFailure(error),
    });
    this.nodes.push(node);
    return node;
  }

  private faultState(): FaultState {
    const { links, rules, ports } = this.faults;
    return { links: links.faults, rules: rules.list.map(({ id, rule }) => ({ id, rule })), ...ports.all };
  }

  private tellOthers(node: ProcessNode): void {
    for (const other of this.nodes) if (other !== node) void other.applyFaults();
  }
}
