/**
 * Every API of the reference version, in the order of its keys: the one list from which dispatch, the advertised ranges
 * and the support table derive.
 */

import { CreateAcls, DeleteAcls, DescribeAcls } from "./messages/acls.ts";
import { AllocateProducerIds } from "./messages/allocate-producer-ids.ts";
import { AlterPartition } from "./messages/alter-partition.ts";
import { ApiVersions } from "./messages/api-versions.ts";
import {
  BrokerHeartbeat,
  BrokerRegistration,
  ControllerRegistration,
  UnregisterBroker,
} from "./messages/broker-lifecycle.ts";
import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from "./messages/classic-group.ts";
import { AlterClientQuotas, DescribeClientQuotas } from "./messages/client-quotas.ts";
import { AlterConfigs, DescribeConfigs, IncrementalAlterConfigs, ListConfigResources } from "./messages/configs.ts";
import { ConsumerGroupDescribe, ConsumerGroupHeartbeat } from "./messages/consumer-group.ts";
import {
  CreateDelegationToken,
  DescribeDelegationToken,
  ExpireDelegationToken,
  RenewDelegationToken,
} from "./messages/delegation-tokens.ts";
import { DeleteRecords } from "./messages/delete-records.ts";
import { ElectLeaders } from "./messages/elect-leaders.ts";
import { Envelope } from "./messages/envelope.ts";
import { UpdateFeatures } from "./messages/features.ts";
import { Fetch } from "./messages/fetch.ts";
import { FindCoordinator } from "./messages/find-coordinator.ts";
import { OffsetCommit, OffsetDelete, OffsetFetch } from "./messages/group-offsets.ts";
import { DeleteGroups, DescribeGroups, ListGroups } from "./messages/groups-admin.ts";
import { InitProducerId } from "./messages/init-producer-id.ts";
import { ListOffsets } from "./messages/list-offsets.ts";
import { AlterReplicaLogDirs, AssignReplicasToDirs, DescribeLogDirs } from "./messages/log-dirs.ts";
import { DescribeCluster, DescribeTopicPartitions, Metadata } from "./messages/metadata.ts";
import { OffsetForLeaderEpoch } from "./messages/offset-for-leader-epoch.ts";
import { Produce } from "./messages/produce.ts";
import {
  AddRaftVoter,
  BeginQuorumEpoch,
  DescribeQuorum,
  EndQuorumEpoch,
  FetchSnapshot,
  RemoveRaftVoter,
  UpdateRaftVoter,
  Vote,
} from "./messages/quorum.ts";
import { AlterPartitionReassignments, ListPartitionReassignments } from "./messages/reassignments.ts";
import { SaslAuthenticate, SaslHandshake } from "./messages/sasl.ts";
import { ShareAcknowledge, ShareFetch } from "./messages/share-fetch.ts";
import {
  AlterShareGroupOffsets,
  DeleteShareGroupOffsets,
  DescribeShareGroupOffsets,
  ShareGroupDescribe,
  ShareGroupHeartbeat,
} from "./messages/share-group.ts";
import {
  DeleteShareGroupState,
  InitializeShareGroupState,
  ReadShareGroupState,
  ReadShareGroupStateSummary,
  WriteShareGroupState,
} from "./messages/share-state.ts";
import { StreamsGroupDescribe, StreamsGroupHeartbeat } from "./messages/streams-group.ts";
import { GetTelemetrySubscriptions, PushTelemetry } from "./messages/telemetry.ts";
import { CreatePartitions, CreateTopics, DeleteTopics } from "./messages/topics.ts";
import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  EndTxn,
  TxnOffsetCommit,
  WriteTxnMarkers,
} from "./messages/transactions.ts";
import { DescribeProducers, DescribeTransactions, ListTransactions } from "./messages/transactions-admin.ts";
import { AlterUserScramCredentials, DescribeUserScramCredentials } from "./messages/user-scram-credentials.ts";
import type { Api } from "./schema/api.ts";

export const APIS = [
  Produce,
  Fetch,
  ListOffsets,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  FindCoordinator,
  JoinGroup,
  Heartbeat,
  LeaveGroup,
  SyncGroup,
  DescribeGroups,
  ListGroups,
  SaslHandshake,
  ApiVersions,
  CreateTopics,
  DeleteTopics,
  DeleteRecords,
  InitProducerId,
  OffsetForLeaderEpoch,
  AddPartitionsToTxn,
  AddOffsetsToTxn,
  EndTxn,
  WriteTxnMarkers,
  TxnOffsetCommit,
  DescribeAcls,
  CreateAcls,
  DeleteAcls,
  DescribeConfigs,
  AlterConfigs,
  AlterReplicaLogDirs,
  DescribeLogDirs,
  SaslAuthenticate,
  CreatePartitions,
  CreateDelegationToken,
  RenewDelegationToken,
  ExpireDelegationToken,
  DescribeDelegationToken,
  DeleteGroups,
  ElectLeaders,
  IncrementalAlterConfigs,
  AlterPartitionReassignments,
  ListPartitionReassignments,
  OffsetDelete,
  DescribeClientQuotas,
  AlterClientQuotas,
  DescribeUserScramCredentials,
  AlterUserScramCredentials,
  Vote,
  BeginQuorumEpoch,
  EndQuorumEpoch,
  DescribeQuorum,
  AlterPartition,
  UpdateFeatures,
  Envelope,
  FetchSnapshot,
  DescribeCluster,
  DescribeProducers,
  BrokerRegistration,
  BrokerHeartbeat,
  UnregisterBroker,
  DescribeTransactions,
  ListTransactions,
  AllocateProducerIds,
  ConsumerGroupHeartbeat,
  ConsumerGroupDescribe,
  ControllerRegistration,
  GetTelemetrySubscriptions,
  PushTelemetry,
  AssignReplicasToDirs,
  ListConfigResources,
  DescribeTopicPartitions,
  ShareGroupHeartbeat,
  ShareGroupDescribe,
  ShareFetch,
  ShareAcknowledge,
  AddRaftVoter,
  RemoveRaftVoter,
  UpdateRaftVoter,
  InitializeShareGroupState,
  ReadShareGroupState,
  WriteShareGroupState,
  DeleteShareGroupState,
  ReadShareGroupStateSummary,
  StreamsGroupHeartbeat,
  StreamsGroupDescribe,
  DescribeShareGroupOffsets,
  AlterShareGroupOffsets,
  DeleteShareGroupOffsets,
] as const satisfies readonly Api[];

/** Keys of APIs that no longer exist; reserved, answered by nobody. */
export const RETIRED_API_KEYS = [4, 5, 6, 7] as const; // LeaderAndIsr, StopReplica, UpdateMetadata, ControlledShutdown

export type ApiName = (typeof APIS)[number]["name"];

const byKey: (Api | undefined)[] = [];
for (const api of APIS) byKey[api.key] = api;

/** The API with this key, or undefined for one that never was, is retired or is newer than the reference version. */
export function apiByKey(key: number): Api | undefined {
  return byKey[key];
}
