/**
 * A partition as one share group reads it: what the share coordinator keeps state of (KIP-932).
 */
export interface SharePartitionKey {
  readonly groupId: string;
  readonly topicId: string;
  readonly partition: number;
}

/** As FindCoordinator takes it; it decides which partition of __share_group_state stores the state. */
export function coordinatorKey({ groupId, topicId, partition }: SharePartitionKey): string {
  return `${groupId}:${topicId}:${partition}`;
}
