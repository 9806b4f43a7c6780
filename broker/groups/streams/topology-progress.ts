/**
 * Which topology a streams group runs, whether the topics there are do for it, and the group's next epoch if any of that changed.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { metadataHash } from "../consumer/metadata-hash.ts";
import type { StreamsHeartbeatRequest } from "./heartbeat-messages.ts";
import type { StreamsDraft } from "./streams-draft.ts";
import { type StreamsGroup, sameConfigs } from "./streams-group.ts";
import { epochMoved, topologySet } from "./streams-records.ts";
import type { StreamsRules } from "./streams-rules.ts";
import { STANDBY_REPLICAS_CONFIG } from "./target-assignment.ts";
import type { TaskIds } from "./tasks.ts";
import { type ConfiguredTopology, configureTopology } from "./topology/configured-topology.ts";
import { invalid } from "./topology/partition-counts.ts";
import { type StreamsTopology, streamsTopology } from "./topology/streams-topology.ts";

/** No topology has been validated. */
const NOT_VALID = -1;

/** @param moves the epoch moves in any case. @throws KafkaError INVALID_REQUEST, STREAMS_INVALID_TOPOLOGY. */
export function updateTopology(
  draft: StreamsDraft,
  said: StreamsHeartbeatRequest["topology"],
  moves: boolean,
  rules: StreamsRules,
): void {
  const isNew = draft.group.topology === undefined;
  const topology = topologyOf(draft, said);
  const { group } = draft;
  const looks = isNew || group.configured === undefined || group.seenTopicsOffset !== rules.topicsOffset;
  const hash = looks ? metadataHash(topology.requiredTopics, rules.image) : group.metadataHash;
  const hasMoved = hash !== group.metadataHash;
  const configured =
    isNew || hasMoved || group.configured === undefined ? configureTopology(topology, rules.image) : group.configured;
  if (looks) draft.note({ ...draft.group, configured, seenTopicsOffset: rules.topicsOffset });
  const validatedTopologyEpoch = configured.problem === undefined ? topology.epoch : NOT_VALID;
  const assignmentConfigs = new Map([[STANDBY_REPLICAS_CONFIG, String(rules.standbyReplicaCount)]]);
  const bump =
    moves ||
    hasMoved ||
    validatedTopologyEpoch !== group.validatedTopologyEpoch ||
    !sameConfigs(assignmentConfigs, group.assignmentConfigs);
  if (!bump) return;
  const groupEpoch = group.groupEpoch + 1;
  draft.step(epochMoved(draft.group, { groupEpoch, metadataHash: hash, validatedTopologyEpoch, assignmentConfigs }));
}

/** The first member's topology is the group's; whoever is behind is told so, and another one is not possible yet. */
function topologyOf(draft: StreamsDraft, said: StreamsHeartbeatRequest["topology"]): StreamsTopology {
  const known = draft.group.topology;
  if (said === null) {
    if (known !== undefined) return known;
    throw invalid("The topology is null and the group topology is also null.");
  }
  if (known !== undefined && known.epoch > said.epoch) return known;
  const topology = streamsTopology(said);
  if (known === undefined) {
    requireConsistent(topology);
    draft.step(topologySet(draft.group, topology));
    return topology;
  }
  if (known.identity === topology.identity) return known;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, "Topology updates are not supported yet.");
}

function requireConsistent({ epoch, subtopologies }: StreamsTopology): void {
  if (epoch < 0) throw invalid("Topology epoch must be non-negative.");
  const ids = new Set(subtopologies.map(({ subtopologyId }) => subtopologyId));
  if (ids.size < subtopologies.length) throw invalid("A subtopology id is used twice.");
}

/** What a member says it has is of the topology. @throws KafkaError INVALID_REQUEST. */
export function requireTasksExist(
  { configured }: StreamsGroup,
  { activeTasks, standbyTasks, warmupTasks }: StreamsHeartbeatRequest,
): void {
  if (configured === undefined || configured.problem !== undefined) return;
  for (const tasks of [activeTasks, standbyTasks, warmupTasks]) {
    for (const each of tasks ?? []) requireExists(configured, each);
  }
}

function requireExists({ subtopologies }: ConfiguredTopology, { subtopologyId, partitions }: TaskIds): void {
  const count = subtopologies?.get(subtopologyId)?.taskCount;
  if (count === undefined) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Subtopology ${subtopologyId} does not exist in the topology.`);
  }
  const strange = partitions.find((partition) => partition < 0 || partition >= count);
  if (strange === undefined) return;
  throw new KafkaError(
    ErrorCode.INVALID_REQUEST,
    `Task ${strange} for subtopology ${subtopologyId} is invalid. Number of tasks for this subtopology: ${count}`,
  );
}
