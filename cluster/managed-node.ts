/**
 * A node as a cluster handles it, wherever it runs: in this process, or in one of its own.
 */
import type { Address } from "../broker/network/network.ts";
import type { NodeState } from "./cluster-node.ts";

/** How far one replica is. */
export interface ReplicaMarks {
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
}

export interface ManagedNode {
  readonly id: number;
  readonly state: NodeState;
  /** Stands still: nothing of it runs until it is resumed. */
  readonly isPaused: boolean;
  /** Started, and neither stopped nor killed since. */
  readonly hasLife: boolean;
  /** Of the process it has to itself; undefined where it shares one, or has no life. */
  readonly processId: number | undefined;
  /** What clients are told; empty before the first start. */
  readonly addresses: readonly Address[];
  /** Offset of the last metadata record it has taken on, as far as is known here; -1: none. */
  readonly appliedOffset: number;
  /** Replicas it holds. */
  readonly partitionCount: number;
  /** Whether it knows that it leads the partition; undefined: that cannot be seen from here. */
  leads(topic: string, partition: number): boolean | undefined;
  /** As it last told; undefined: nothing. */
  highWatermarkOf(topic: string, partition: number): number | undefined;
  /** Resolves when it serves. @throws what made it impossible; nothing is left open then. */
  start(): Promise<void>;
  /** Leaves in good order: leadership moves away, logs are closed clean. */
  stop(): Promise<void>;
  /** As SIGKILL; resolves when nothing of it is left. */
  kill(options?: { readonly powerLoss?: boolean }): Promise<void>;
  restart(): Promise<void>;
  /** As SIGSTOP. @throws Error there is no life to pause. */
  pause(reason?: string): Promise<void>;
  /** As SIGCONT; resolves when it goes on. */
  resume(reason?: string): Promise<void>;
  /** Of its replicas of a topic, by partition; undefined when it does not say. */
  marksOf(topic: string): Promise<ReadonlyMap<number, ReplicaMarks> | undefined>;
  /** Looks at faults again, where they had to be told; resolves when it has. */
  applyFaults(): Promise<void>;
}
