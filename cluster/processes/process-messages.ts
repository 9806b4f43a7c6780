/**
 * What a supervisor and the process of a node say to each other. Plain data: it crosses a channel as JSON.
 */
import type { Address } from "../../broker/network/network.ts";
import type { NodeListener } from "../broker-listeners.ts";
import type { FaultRule } from "../faults/fault-rule.ts";
import type { LinkEnd, LinkFault } from "../faults/links.ts";
import type { ReplicaMarks } from "../managed-node.ts";

/** All that is wrong on purpose, as of one moment. */
export interface FaultState {
  readonly links: readonly LinkFault[];
  readonly rules: readonly { readonly id: number; readonly rule: FaultRule }[];
  /** Where nodes listen and dial from: who is at the other end of a connection. */
  readonly listening: readonly (readonly [number, LinkEnd])[];
  readonly dialling: readonly (readonly [number, LinkEnd])[];
}

export interface NodeOrder {
  readonly nodeId: number;
  readonly clusterId: string;
  /** Settings by Kafka's names. */
  readonly settings: readonly (readonly [string, string])[];
  readonly listeners: readonly NodeListener[];
  readonly controller: { readonly id: number; readonly address: Address };
  readonly faults: FaultState;
}

export type ToNode =
  | { readonly type: "start"; readonly order: NodeOrder }
  | { readonly type: "stop"; readonly hasController: boolean }
  /** Answered with `answer`. */
  | { readonly type: "faults"; readonly request: number; readonly state: FaultState }
  | { readonly type: "marks"; readonly request: number; readonly topic: string };

/** What happened since the last report. */
export interface NodeReport {
  readonly appliedOffset: number;
  readonly partitionCount: number;
  readonly highWatermarks: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly highWatermark: number;
  }[];
  readonly faults: readonly { readonly id: number; readonly fired: number; readonly occasions: number }[];
}

export type FromNode =
  /** The channel is open. */
  | { readonly type: "hello" }
  /** It serves; its listeners, with the ports that were opened. */
  | { readonly type: "running"; readonly listeners: readonly NodeListener[] }
  /** It ends. */
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "report"; readonly report: NodeReport }
  | { readonly type: "dialling"; readonly port: number; readonly isOpen: boolean }
  | {
      readonly type: "answer";
      readonly request: number;
      readonly marks?: readonly (readonly [number, ReplicaMarks])[];
    };
