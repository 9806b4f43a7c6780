/**
 * A record of the metadata log as one typed union: every state of the cluster is a sequence of these.
 *
 * Owns: which types there are and that each record has every field. Leaves bytes to metadata-record-serde.ts, meaning to
 * image-builder.ts.
 */
import {
  AbortTransactionRecord,
  AccessControlEntryRecord,
  BeginTransactionRecord,
  BrokerRegistrationChangeRecord,
  ClearElrRecord,
  ClientQuotaRecord,
  ConfigRecord,
  DelegationTokenRecord,
  EndTransactionRecord,
  FeatureLevelRecord,
  FenceBrokerRecord,
  NoOpRecord,
  PartitionChangeRecord,
  PartitionRecord,
  ProducerIdsRecord,
  RegisterBrokerRecord,
  RegisterControllerRecord,
  RemoveAccessControlEntryRecord,
  RemoveDelegationTokenRecord,
  RemoveTopicRecord,
  RemoveUserScramCredentialRecord,
  TopicRecord,
  UnfenceBrokerRecord,
  UnregisterBrokerRecord,
  UserScramCredentialRecord,
  ZkMigrationStateRecord,
} from "../../protocol/messages/metadata-records.ts";
import type { Field } from "../../protocol/schema/field.ts";
import { type Decode, defaultValue, type Encode, type Message } from "../../protocol/schema/message.ts";

/** Each record type under its message's name without "Record", with the number it has in the log. */
export const RECORD_TYPES = {
  RegisterBroker: { id: 0, message: RegisterBrokerRecord },
  UnregisterBroker: { id: 1, message: UnregisterBrokerRecord },
  Topic: { id: 2, message: TopicRecord },
  Partition: { id: 3, message: PartitionRecord },
  Config: { id: 4, message: ConfigRecord },
  PartitionChange: { id: 5, message: PartitionChangeRecord },
  FenceBroker: { id: 7, message: FenceBrokerRecord },
  UnfenceBroker: { id: 8, message: UnfenceBrokerRecord },
  RemoveTopic: { id: 9, message: RemoveTopicRecord },
  DelegationToken: { id: 10, message: DelegationTokenRecord },
  UserScramCredential: { id: 11, message: UserScramCredentialRecord },
  FeatureLevel: { id: 12, message: FeatureLevelRecord },
  ClientQuota: { id: 14, message: ClientQuotaRecord },
  ProducerIds: { id: 15, message: ProducerIdsRecord },
  BrokerRegistrationChange: { id: 17, message: BrokerRegistrationChangeRecord },
  AccessControlEntry: { id: 18, message: AccessControlEntryRecord },
  RemoveAccessControlEntry: { id: 19, message: RemoveAccessControlEntryRecord },
  NoOp: { id: 20, message: NoOpRecord },
  ZkMigrationState: { id: 21, message: ZkMigrationStateRecord },
  RemoveUserScramCredential: { id: 22, message: RemoveUserScramCredentialRecord },
  BeginTransaction: { id: 23, message: BeginTransactionRecord },
  EndTransaction: { id: 24, message: EndTransactionRecord },
  AbortTransaction: { id: 25, message: AbortTransactionRecord },
  RemoveDelegationToken: { id: 26, message: RemoveDelegationTokenRecord },
  RegisterController: { id: 27, message: RegisterControllerRecord },
  ClearElr: { id: 28, message: ClearElrRecord },
} as const satisfies Record<string, { readonly id: number; readonly message: Message }>;

export type RecordType = keyof typeof RECORD_TYPES;
type MessageOf<T extends RecordType> = (typeof RECORD_TYPES)[T]["message"];

export type MetadataRecord<T extends RecordType = RecordType> = {
  [K in T]: { readonly type: K; readonly version: number; readonly data: Decode<MessageOf<K>> };
}[T];

const fieldsByType = new Map<RecordType, readonly [string, Field][]>(
  (Object.keys(RECORD_TYPES) as RecordType[]).map((type) => [
    type,
    Object.entries(RECORD_TYPES[type].message.fields as Record<string, Field>),
  ]),
);

/** A record of a type and version; fields left out get their default. */
export function record<T extends RecordType>(type: T, version: number, data: Encode<MessageOf<T>>): MetadataRecord<T> {
  const given = data as { readonly [name: string]: unknown };
  const whole: Record<string, unknown> = {};
  for (const [name, field] of fieldsByType.get(type) as readonly [string, Field][]) {
    whole[name] = given[name] === undefined ? defaultValue(field) : given[name];
  }
  return { type, version, data: whole } as MetadataRecord<T>;
}
