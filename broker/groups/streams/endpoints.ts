/**
 * Where the state of an application is to be found (interactive queries): the partitions whose tasks run, or have a copy, at each
 * endpoint that a member named.
 */
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import { withoutEpochs } from "../consumer/assignment.ts";
import type { StreamsHeartbeatResponse } from "./heartbeat-messages.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsMember } from "./streams-member.ts";
import { bySubtopology, type TaskSet } from "./tasks.ts";

type EndpointPartitions = NonNullable<StreamsHeartbeatResponse["partitionsByUserEndpoint"]>[number];

/** Of all members that have one. @param asking stands last. */
export function partitionsByEndpoint(
  group: StreamsGroup,
  asking: StreamsMember,
  image: MetadataImage,
): EndpointPartitions[] {
  const others = [...group.members.values()].filter(({ memberId }) => memberId !== asking.memberId);
  return [...others, asking].flatMap(({ userEndpoint, assigned }) =>
    userEndpoint === null
      ? []
      : [
          {
            userEndpoint,
            activePartitions: inputsOf(group, withoutEpochs(assigned.active), image),
            standbyPartitions: inputsOf(group, assigned.standby, image),
          },
        ],
  );
}

/**
 * The partitions that the tasks read; a topic with fewer of them than its subtopology has tasks is read by the first ones.
 * Differs from Kafka: a member with an endpoint whose group lacks its source topics is answered what is missing, where Kafka
 * answers UNKNOWN_SERVER_ERROR.
 */
function inputsOf(
  { configured }: StreamsGroup,
  tasks: TaskSet,
  image: MetadataImage,
): EndpointPartitions["activePartitions"] {
  return bySubtopology(tasks).flatMap(([subtopologyId, partitions]) => {
    const subtopology = configured?.subtopologies?.get(subtopologyId);
    if (subtopology === undefined) return [];
    const topics = new Set([
      ...subtopology.sourceTopics,
      ...subtopology.repartitionSourceTopics.map(({ name }) => name),
    ]);
    return [...topics].flatMap((topic) => {
      const count = image.topics.get(topic)?.partitions.length;
      return count === undefined
        ? []
        : [{ topic, partitions: partitions.slice(0, Math.min(count, partitions.length)) }];
    });
  });
}
