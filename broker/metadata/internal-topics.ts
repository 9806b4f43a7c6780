/** Topics the brokers write to themselves; clients may read them, describe them and even delete them. */
export const InternalTopic = {
  CONSUMER_OFFSETS: "__consumer_offsets",
  TRANSACTION_STATE: "__transaction_state",
  SHARE_GROUP_STATE: "__share_group_state",
} as const;

const internalTopics: ReadonlySet<string> = new Set(Object.values(InternalTopic));

export function isInternalTopic(name: string): boolean {
  return internalTopics.has(name);
}
