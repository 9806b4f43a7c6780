/**
 * What a member is told of its group beside its tasks: the statuses of StreamsGroupHeartbeat.
 */

export const HeartbeatStatus = {
  STALE_TOPOLOGY: 0,
  MISSING_SOURCE_TOPICS: 1,
  INCORRECTLY_PARTITIONED_TOPICS: 2,
  MISSING_INTERNAL_TOPICS: 3,
  SHUTDOWN_APPLICATION: 4,
  ASSIGNMENT_DELAYED: 5,
} as const;
export type HeartbeatStatus = (typeof HeartbeatStatus)[keyof typeof HeartbeatStatus];

/** Why the topics there are do not do for a topology: an outcome its members are told, not a failure of their requests. */
export class TopicProblem extends Error {
  override readonly name = "TopicProblem";
  readonly status: HeartbeatStatus;

  constructor(status: HeartbeatStatus, message: string) {
    super(message);
    this.status = status;
  }
}
