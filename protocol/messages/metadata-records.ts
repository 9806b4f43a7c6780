/** Records of __cluster_metadata (KIP-631): the apiKey is the record type. */
import { array, bool, bytes, float64, int8, int16, int32, int64, string, uint16, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

/** Type 0: a broker incarnation. */
export const RegisterBrokerRecord = message("RegisterBrokerRecord", "0-4", "0+", {
  brokerId: int32(),
  isMigratingZkBroker: bool({ versions: "2+", default: false }),
  incarnationId: uuid(),
  brokerEpoch: int64(),
  endPoints: array({
    name: string(),
    host: string(),
    port: uint16(),
    securityProtocol: int16(),
  }),
  features: array({
    name: string(),
    minSupportedVersion: int16(),
    maxSupportedVersion: int16(),
  }),
  rack: string({ nullable: "0+" }),
  fenced: bool({ default: true }),
  inControlledShutdown: bool({ versions: "1+", default: false }),
  logDirs: array(uuid(), { tag: 0, taggedVersions: "3+" }),
  cordonedLogDirs: array(uuid(), { nullable: "4+", tag: 1, taggedVersions: "4+", default: null }),
});

/** Type 1: a broker is forgotten. */
export const UnregisterBrokerRecord = message("UnregisterBrokerRecord", "0", "0+", {
  brokerId: int32(),
  brokerEpoch: int64(),
});

/** Type 2: a topic. */
export const TopicRecord = message("TopicRecord", "0", "0+", {
  name: string(),
  topicId: uuid(),
});

/** Type 3: a partition as created. */
export const PartitionRecord = message("PartitionRecord", "0-2", "0+", {
  partitionId: int32({ default: -1 }),
  topicId: uuid(),
  replicas: array(int32()),
  isr: array(int32()),
  removingReplicas: array(int32()),
  addingReplicas: array(int32()),
  leader: int32({ default: -1 }),
  leaderRecoveryState: int8({ tag: 0, taggedVersions: "0+", default: 0 }),
  leaderEpoch: int32({ default: -1 }),
  partitionEpoch: int32({ default: -1 }),
  directories: array(uuid(), { versions: "1+" }),
  eligibleLeaderReplicas: array(int32(), { nullable: "2+", tag: 1, taggedVersions: "2+", default: null }),
  lastKnownElr: array(int32(), { nullable: "2+", tag: 2, taggedVersions: "2+", default: null }),
});

/** Type 4: a config value; null deletes it. */
export const ConfigRecord = message("ConfigRecord", "0", "0+", {
  resourceType: int8(),
  resourceName: string(),
  name: string(),
  value: string({ nullable: "0+" }),
});

/** Type 5: what changed of a partition; each bumps its partition epoch, a leader also the leader epoch. */
export const PartitionChangeRecord = message("PartitionChangeRecord", "0-2", "0+", {
  partitionId: int32({ default: -1 }),
  topicId: uuid(),
  isr: array(int32(), { nullable: "0+", tag: 0, taggedVersions: "0+", default: null }),
  /** -1 none, -2 as before. */
  leader: int32({ tag: 1, taggedVersions: "0+", default: -2 }),
  replicas: array(int32(), { nullable: "0+", tag: 2, taggedVersions: "0+", default: null }),
  removingReplicas: array(int32(), { nullable: "0+", tag: 3, taggedVersions: "0+", default: null }),
  addingReplicas: array(int32(), { nullable: "0+", tag: 4, taggedVersions: "0+", default: null }),
  leaderRecoveryState: int8({ tag: 5, taggedVersions: "0+", default: -1 }),
  directories: array(uuid(), { nullable: "1+", tag: 8, taggedVersions: "1+", default: null }),
  eligibleLeaderReplicas: array(int32(), { nullable: "2+", tag: 6, taggedVersions: "2+", default: null }),
  lastKnownElr: array(int32(), { nullable: "2+", tag: 7, taggedVersions: "2+", default: null }),
});

/** Type 7: superseded by BrokerRegistrationChangeRecord. */
export const FenceBrokerRecord = message("FenceBrokerRecord", "0", "0+", {
  id: int32(),
  epoch: int64(),
});

/** Type 8: superseded by BrokerRegistrationChangeRecord. */
export const UnfenceBrokerRecord = message("UnfenceBrokerRecord", "0", "0+", {
  id: int32(),
  epoch: int64(),
});

/** Type 9: a topic is deleted. */
export const RemoveTopicRecord = message("RemoveTopicRecord", "0", "0+", {
  topicId: uuid(),
});

/** Type 10: a delegation token. */
export const DelegationTokenRecord = message("DelegationTokenRecord", "0", "0+", {
  owner: string(),
  requester: string(),
  renewers: array(string()),
  issueTimestamp: int64(),
  maxTimestamp: int64(),
  expirationTimestamp: int64(),
  tokenId: string(),
});

/** Type 11: a SCRAM credential. */
export const UserScramCredentialRecord = message("UserScramCredentialRecord", "0", "0+", {
  name: string(),
  mechanism: int8(),
  salt: bytes(),
  storedKey: bytes(),
  serverKey: bytes(),
  iterations: int32(),
});

/** Type 12: a finalized feature. */
export const FeatureLevelRecord = message("FeatureLevelRecord", "0", "0+", {
  name: string(),
  featureLevel: int16(),
});

/** Type 14: a client quota. */
export const ClientQuotaRecord = message("ClientQuotaRecord", "0", "0+", {
  entity: array({
    entityType: string(),
    entityName: string({ nullable: "0+" }),
  }),
  key: string(),
  value: float64(),
  remove: bool(),
});

/** Type 15: the next producer id to give out. */
export const ProducerIdsRecord = message("ProducerIdsRecord", "0", "0+", {
  brokerId: int32(),
  brokerEpoch: int64({ default: -1 }),
  nextProducerId: int64(),
});

/** Type 17: a broker is fenced, unfenced, shuts down or changes its directories. */
export const BrokerRegistrationChangeRecord = message("BrokerRegistrationChangeRecord", "0-3", "0+", {
  brokerId: int32(),
  brokerEpoch: int64(),
  /** -1 unfenced, 0 as before, 1 fenced. */
  fenced: int8({ tag: 0, taggedVersions: "0+" }),
  inControlledShutdown: int8({ tag: 1, taggedVersions: "1+" }),
  logDirs: array(uuid(), { tag: 2, taggedVersions: "2+" }),
  cordonedLogDirs: array(uuid(), { nullable: "3+", tag: 3, taggedVersions: "3+", default: null }),
});

/** Type 18: an ACL. */
export const AccessControlEntryRecord = message("AccessControlEntryRecord", "0", "0+", {
  id: uuid(),
  resourceType: int8(),
  resourceName: string(),
  patternType: int8(),
  principal: string(),
  host: string(),
  operation: int8(),
  permissionType: int8(),
});

/** Type 19: an ACL is removed. */
export const RemoveAccessControlEntryRecord = message("RemoveAccessControlEntryRecord", "0", "0+", {
  id: uuid(),
});

/** Type 20: nothing but an offset. */
export const NoOpRecord = message("NoOpRecord", "0", "0+", {});

/** Type 21: always "none" now. */
export const ZkMigrationStateRecord = message("ZkMigrationStateRecord", "0", "0+", {
  zkMigrationState: int8(),
});

/** Type 22: a SCRAM credential is removed. */
export const RemoveUserScramCredentialRecord = message("RemoveUserScramCredentialRecord", "0", "0+", {
  name: string(),
  mechanism: int8(),
});

/** Type 23: what follows is applied as one, at its end. */
export const BeginTransactionRecord = message("BeginTransactionRecord", "0", "0+", {
  name: string({ nullable: "0+", tag: 0, taggedVersions: "0+", default: null }),
});

/** Type 24: apply it. */
export const EndTransactionRecord = message("EndTransactionRecord", "0", "0+", {});

/** Type 25: drop it. */
export const AbortTransactionRecord = message("AbortTransactionRecord", "0", "0+", {
  reason: string({ nullable: "0+", tag: 0, taggedVersions: "0+", default: null }),
});

/** Type 26: a delegation token is removed. */
export const RemoveDelegationTokenRecord = message("RemoveDelegationTokenRecord", "0", "0+", {
  tokenId: string(),
});

/** Type 27: a controller. */
export const RegisterControllerRecord = message("RegisterControllerRecord", "0", "0+", {
  controllerId: int32(),
  incarnationId: uuid(),
  zkMigrationReady: bool(),
  endPoints: array({
    name: string(),
    host: string(),
    port: uint16(),
    securityProtocol: int16(),
  }),
  features: array({
    name: string(),
    minSupportedVersion: int16(),
    maxSupportedVersion: int16(),
  }),
});

/** Type 28: eligible leader replicas are forgotten. */
export const ClearElrRecord = message("ClearElrRecord", "0", "0+", {
  topicName: string(),
});
