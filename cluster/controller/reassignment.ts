/**
 * Moving replicas (KIP-455): from the present replicas over both sets together to the target, or back.
 *
 * Owns: when a move is over and what is left then. Leaves the record to partition-change.ts.
 */
import type { PartitionImage } from "../../broker/metadata/metadata-image.ts";

export interface Reassignment {
  /** Target first, in its order; then what is to be removed. */
  readonly replicas: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
}

interface ReassigningSets extends Reassignment {
  readonly inSyncReplicas: readonly number[];
}

interface CompletedReassignment {
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
}

/** What a move to other replicas looks like while it goes on; one that was under way changes its target. */
export function reassignmentTo(partition: PartitionImage, target: readonly number[]): Reassignment {
  const ascending = (a: number, b: number): number => a - b;
  const { replicas: present, addingReplicas: adding } = partition;
  const removingReplicas = present.filter((id) => !target.includes(id)).sort(ascending);
  // Differs from Kafka: a reassignment whose target is changed waits no longer for replicas that the new target leaves out; Kafka
  // waits for them and so never ends.
  const addingReplicas = target.filter((id) => !present.includes(id) || adding.includes(id)).sort(ascending);
  return { replicas: [...target, ...removingReplicas], addingReplicas, removingReplicas };
}

/** The sets after a move, if it can end now: every added replica is in sync. */
export function completedReassignment(sets: ReassigningSets): CompletedReassignment | undefined {
  const { addingReplicas, removingReplicas } = sets;
  if (addingReplicas.length === 0 && removingReplicas.length === 0) return undefined;
  const inSyncReplicas = sets.inSyncReplicas.filter((id) => !removingReplicas.includes(id));
  const replicas = sets.replicas.filter((id) => !removingReplicas.includes(id));
  if (inSyncReplicas.length === 0 || replicas.length === 0) return undefined;
  if (!addingReplicas.every((id) => inSyncReplicas.includes(id))) return undefined;
  // R46: with fewer replicas than before, ending early could leave an ISR much smaller than the present one.
  const shrinks = addingReplicas.length < removingReplicas.length;
  if (shrinks && !replicas.every((id) => inSyncReplicas.includes(id))) return undefined;
  return { replicas, inSyncReplicas };
}

/** The sets before a move began. `unclean`: none of the old replicas is in sync, so that going back may lose records. */
export function revertedReassignment(partition: PartitionImage): CompletedReassignment & { readonly unclean: boolean } {
  const replicas = partition.replicas.filter((id) => !partition.addingReplicas.includes(id));
  const inSyncReplicas = partition.inSyncReplicas.filter((id) => !partition.addingReplicas.includes(id));
  if (inSyncReplicas.length > 0) return { replicas, inSyncReplicas, unclean: false };
  return { replicas, inSyncReplicas: replicas.slice(0, 1), unclean: true };
}
