/**
 * Partitions that come into being, with a new topic or added to one: their replicas, given or chosen, and who is in sync at once.
 *
 * Owns: the checks of manual assignments and the first state of a partition. A replica on a fenced broker is assigned but joins the
 * ISR only when its broker is there.
 */
import type { PartitionImage } from "../../../broker/metadata/metadata-image.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { Random } from "../../../storage/random.ts";
import type { ClusterImage } from "../../metadata/cluster-image.ts";
import { LeaderRecoveryState } from "../../metadata/partition-records.ts";
import { type ControllerView, isActive } from "../controller-view.ts";
import { defaultDirectory } from "../leadership.ts";
import { ReplicaPlacer } from "./replica-placer.ts";

/** A partition as it starts out, led by the first of its replicas that is there. */
export function newPartition(
  image: ClusterImage,
  partition: number,
  replicas: readonly number[],
  inSyncReplicas: readonly number[],
): PartitionImage {
  return {
    partition,
    replicas,
    directories: replicas.map((id) => defaultDirectory(image, id)),
    inSyncReplicas,
    eligibleLeaderReplicas: [],
    lastKnownEligibleLeaderReplicas: [],
    addingReplicas: [],
    removingReplicas: [],
    leader: inSyncReplicas[0] as number,
    leaderRecoveryState: LeaderRecoveryState.RECOVERED,
    leaderEpoch: 0,
    partitionEpoch: 0,
  };
}

/** Partitions on brokers of the controller's choice. @throws KafkaError INVALID_REPLICATION_FACTOR. */
export function placedPartitions(
  view: ControllerView,
  random: Random,
  firstPartition: number,
  partitionCount: number,
  replicationFactor: number,
): PartitionImage[] {
  const placer = new ReplicaPlacer(usableBrokers(view), random);
  return placer.place(partitionCount, replicationFactor).map((replicas, index) => {
    const inSyncReplicas = replicas.filter((id) => isActive(view.image, id));
    if (inSyncReplicas.length === 0) {
      refuse(ErrorCode.INVALID_REPLICATION_FACTOR, "All brokers are currently fenced or in controlled shutdown.");
    }
    return newPartition(view.image, firstPartition + index, replicas, inSyncReplicas);
  });
}

/** A partition on brokers of the client's choice. @throws KafkaError INVALID_REPLICA_ASSIGNMENT. */
export function assignedPartition(
  image: ClusterImage,
  partition: number,
  replicas: readonly number[],
  replicationFactor: number | undefined,
): PartitionImage {
  checkAssignment(image, replicas, replicationFactor);
  const inSyncReplicas = replicas.filter((id) => isActive(image, id));
  if (inSyncReplicas.length === 0) {
    refuse(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `All brokers specified in the manual partition assignment for partition ${partition} are fenced or in controlled shutdown.`,
    );
  }
  return newPartition(image, partition, replicas, inSyncReplicas);
}

/**
 * @param replicationFactor of the partitions before; undefined for the first.
 * @throws KafkaError INVALID_REPLICA_ASSIGNMENT when it is empty, or names a broker twice or one that is not registered.
 */
export function checkAssignment(
  image: ClusterImage,
  replicas: readonly number[],
  replicationFactor: number | undefined,
): void {
  const invalid = (message: string): never =>
    refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `The manual partition assignment includes ${message}`);
  if (replicas.length === 0) invalid("an empty replica list.");
  const ascending = [...replicas].sort((a, b) => a - b);
  ascending.forEach((id, index) => {
    if (!image.brokers.has(id)) invalid(`broker ${id}, but no such broker is registered.`);
    if (id === ascending[index - 1]) invalid(`the broker ${id} more than once.`);
  });
  if (replicationFactor !== undefined && replicas.length !== replicationFactor) {
    invalid(
      `a partition with ${replicas.length} replica(s), but this is not consistent with previous partitions, which have ` +
        `${replicationFactor} replica(s).`,
    );
  }
}

/** Brokers that may get replicas: not those about to go, nor those all of whose directories are cordoned. */
function usableBrokers({ image }: ControllerView): { id: number; rack: string | null; fenced: boolean }[] {
  return [...image.brokers.values()]
    .filter((broker) => broker.fenced || !broker.inControlledShutdown)
    .filter(({ directories, cordonedDirectories }) => {
      if (directories.length === 0 || cordonedDirectories === null) return true;
      return directories.some((id) => !cordonedDirectories.includes(id));
    })
    .map(({ id, rack, fenced }) => ({ id, rack, fenced }));
}

function refuse(code: ErrorCode, message: string): never {
  throw new KafkaError(code, message);
}
