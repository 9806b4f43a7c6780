/**
 * The APIs a broker serves, each with its handler. What is listed here is what clients are told (ApiVersions), and the support
 * table of the README.
 */

import { CreateAcls, DeleteAcls, DescribeAcls } from "../../protocol/messages/acls.ts";
import { ApiVersions } from "../../protocol/messages/api-versions.ts";
import { UnregisterBroker } from "../../protocol/messages/broker-lifecycle.ts";
import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from "../../protocol/messages/classic-group.ts";
import { AlterClientQuotas, DescribeClientQuotas } from "../../protocol/messages/client-quotas.ts";
import {
  AlterConfigs,
  DescribeConfigs,
  IncrementalAlterConfigs,
  ListConfigResources,
} from "../../protocol/messages/configs.ts";
import { ConsumerGroupDescribe, ConsumerGroupHeartbeat } from "../../protocol/messages/consumer-group.ts";
import {
  CreateDelegationToken,
  DescribeDelegationToken,
  ExpireDelegationToken,
  RenewDelegationToken,
} from "../../protocol/messages/delegation-tokens.ts";
import { DeleteRecords } from "../../protocol/messages/delete-records.ts";
import { ElectLeaders } from "../../protocol/messages/elect-leaders.ts";
import { UpdateFeatures } from "../../protocol/messages/features.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { FindCoordinator } from "../../protocol/messages/find-coordinator.ts";
import { OffsetCommit, OffsetDelete, OffsetFetch } from "../../protocol/messages/group-offsets.ts";
import { DeleteGroups, DescribeGroups, ListGroups } from "../../protocol/messages/groups-admin.ts";
import { InitProducerId } from "../../protocol/messages/init-producer-id.ts";
import { ListOffsets } from "../../protocol/messages/list-offsets.ts";
import { AlterReplicaLogDirs, DescribeLogDirs } from "../../protocol/messages/log-dirs.ts";
import { DescribeCluster, DescribeTopicPartitions, Metadata } from "../../protocol/messages/metadata.ts";
import { OffsetForLeaderEpoch } from "../../protocol/messages/offset-for-leader-epoch.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { DescribeQuorum } from "../../protocol/messages/quorum.ts";
import { AlterPartitionReassignments, ListPartitionReassignments } from "../../protocol/messages/reassignments.ts";
import { SaslAuthenticate, SaslHandshake } from "../../protocol/messages/sasl.ts";
import { ShareAcknowledge, ShareFetch } from "../../protocol/messages/share-fetch.ts";
import {
  AlterShareGroupOffsets,
  DeleteShareGroupOffsets,
  DescribeShareGroupOffsets,
  ShareGroupDescribe,
  ShareGroupHeartbeat,
} from "../../protocol/messages/share-group.ts";
import {
  DeleteShareGroupState,
  InitializeShareGroupState,
  ReadShareGroupState,
  ReadShareGroupStateSummary,
  WriteShareGroupState,
} from "../../protocol/messages/share-state.ts";
import { StreamsGroupDescribe, StreamsGroupHeartbeat } from "../../protocol/messages/streams-group.ts";
import { GetTelemetrySubscriptions, PushTelemetry } from "../../protocol/messages/telemetry.ts";
import { CreatePartitions, CreateTopics, DeleteTopics } from "../../protocol/messages/topics.ts";
import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  EndTxn,
  TxnOffsetCommit,
  WriteTxnMarkers,
} from "../../protocol/messages/transactions.ts";
import {
  DescribeProducers,
  DescribeTransactions,
  ListTransactions,
} from "../../protocol/messages/transactions-admin.ts";
import {
  AlterUserScramCredentials,
  DescribeUserScramCredentials,
} from "../../protocol/messages/user-scram-credentials.ts";
import type { RequestContext } from "../dispatch/handler.ts";
import { HandlerTable, type ServedApi, serve } from "../dispatch/handler-table.ts";
import { handleAlterConfigs, handleIncrementalAlterConfigs } from "./alter-configs.ts";
import { handleAlterReplicaLogDirs } from "./alter-replica-log-dirs.ts";
import { handleApiVersions } from "./api-versions.ts";
import { handleHeartbeat, handleJoinGroup, handleLeaveGroup, handleSyncGroup } from "./classic-group.ts";
import { handleDescribeClientQuotas } from "./client-quotas.ts";
import { handleDescribeConfigs, handleListConfigResources } from "./configs.ts";
import { handleConsumerGroupDescribe, handleConsumerGroupHeartbeat } from "./consumer-group.ts";
import { handleDeleteRecords } from "./delete-records.ts";
import { handleDescribeCluster } from "./describe-cluster.ts";
import { handleDescribeTopicPartitions } from "./describe-topic-partitions.ts";
import { handleFetch } from "./fetch.ts";
import { handleFindCoordinator } from "./find-coordinator.ts";
import { forwarding } from "./forwarded.ts";
import { handleOffsetCommit, handleOffsetDelete, handleOffsetFetch } from "./group-offsets.ts";
import { handleDeleteGroups, handleDescribeGroups, handleListGroups } from "./groups-admin.ts";
import { handleInitProducerId } from "./init-producer-id.ts";
import { handleListOffsets } from "./list-offsets.ts";
import { handleDescribeLogDirs } from "./log-dirs.ts";
import { handleMetadata } from "./metadata.ts";
import { handleOffsetForLeaderEpoch } from "./offset-for-leader-epoch.ts";
import { handleProduce } from "./produce.ts";
import { handleDescribeUserScramCredentials } from "./scram-credentials.ts";
import { handleShareAcknowledge } from "./share-acknowledge.ts";
import { handleShareFetch } from "./share-fetch.ts";
import { handleShareGroupDescribe, handleShareGroupHeartbeat } from "./share-group.ts";
import {
  handleAlterShareGroupOffsets,
  handleDeleteShareGroupOffsets,
  handleDescribeShareGroupOffsets,
} from "./share-group-offsets.ts";
import {
  handleDeleteShareGroupState,
  handleInitializeShareGroupState,
  handleReadShareGroupState,
  handleReadShareGroupStateSummary,
  handleWriteShareGroupState,
} from "./share-state.ts";
import { handleStreamsGroupDescribe, handleStreamsGroupHeartbeat } from "./streams-group.ts";
import { handleGetTelemetrySubscriptions, handlePushTelemetry } from "./telemetry.ts";
import {
  handleAddOffsetsToTxn,
  handleAddPartitionsToTxn,
  handleEndTxn,
  handleWriteTxnMarkers,
} from "./transactions.ts";
import { handleDescribeProducers, handleDescribeTransactions, handleListTransactions } from "./transactions-admin.ts";
import { handleTxnOffsetCommit } from "./txn-offset-commit.ts";
import {
  handleCreateAcls,
  handleCreateDelegationToken,
  handleDeleteAcls,
  handleDescribeAcls,
  handleDescribeDelegationToken,
  handleExpireDelegationToken,
  handleRenewDelegationToken,
  handleSaslAuthenticate,
  handleSaslHandshake,
} from "./unsecured.ts";

const SERVED: readonly ServedApi<RequestContext>[] = [
  serve(Produce, handleProduce),
  serve(Fetch, handleFetch),
  serve(ListOffsets, handleListOffsets),
  serve(Metadata, handleMetadata),
  serve(OffsetCommit, handleOffsetCommit),
  serve(OffsetFetch, handleOffsetFetch),
  serve(FindCoordinator, handleFindCoordinator),
  serve(JoinGroup, handleJoinGroup),
  serve(Heartbeat, handleHeartbeat),
  serve(LeaveGroup, handleLeaveGroup),
  serve(SyncGroup, handleSyncGroup),
  serve(DescribeGroups, handleDescribeGroups),
  serve(ListGroups, handleListGroups),
  serve(SaslHandshake, handleSaslHandshake),
  serve(ApiVersions, handleApiVersions),
  serve(CreateTopics, forwarding(CreateTopics)),
  serve(DeleteTopics, forwarding(DeleteTopics)),
  serve(DeleteRecords, handleDeleteRecords),
  serve(InitProducerId, handleInitProducerId),
  serve(OffsetForLeaderEpoch, handleOffsetForLeaderEpoch),
  serve(AddPartitionsToTxn, handleAddPartitionsToTxn),
  serve(AddOffsetsToTxn, handleAddOffsetsToTxn),
  serve(EndTxn, handleEndTxn),
  serve(WriteTxnMarkers, handleWriteTxnMarkers),
  serve(TxnOffsetCommit, handleTxnOffsetCommit),
  serve(DescribeAcls, handleDescribeAcls),
  serve(CreateAcls, handleCreateAcls),
  serve(DeleteAcls, handleDeleteAcls),
  serve(DescribeConfigs, handleDescribeConfigs),
  serve(AlterConfigs, handleAlterConfigs),
  serve(AlterReplicaLogDirs, handleAlterReplicaLogDirs),
  serve(DescribeLogDirs, handleDescribeLogDirs),
  serve(SaslAuthenticate, handleSaslAuthenticate),
  serve(CreatePartitions, forwarding(CreatePartitions)),
  serve(CreateDelegationToken, handleCreateDelegationToken),
  serve(RenewDelegationToken, handleRenewDelegationToken),
  serve(ExpireDelegationToken, handleExpireDelegationToken),
  serve(DescribeDelegationToken, handleDescribeDelegationToken),
  serve(DeleteGroups, handleDeleteGroups),
  serve(IncrementalAlterConfigs, handleIncrementalAlterConfigs),
  serve(ElectLeaders, forwarding(ElectLeaders)),
  serve(AlterPartitionReassignments, forwarding(AlterPartitionReassignments)),
  serve(ListPartitionReassignments, forwarding(ListPartitionReassignments)),
  serve(OffsetDelete, handleOffsetDelete),
  serve(DescribeClientQuotas, handleDescribeClientQuotas),
  serve(AlterClientQuotas, forwarding(AlterClientQuotas)),
  serve(DescribeUserScramCredentials, handleDescribeUserScramCredentials),
  serve(AlterUserScramCredentials, forwarding(AlterUserScramCredentials)),
  serve(DescribeQuorum, forwarding(DescribeQuorum)),
  serve(UpdateFeatures, forwarding(UpdateFeatures)),
  serve(DescribeCluster, handleDescribeCluster),
  serve(DescribeProducers, handleDescribeProducers),
  serve(UnregisterBroker, forwarding(UnregisterBroker)),
  serve(DescribeTransactions, handleDescribeTransactions),
  serve(ListTransactions, handleListTransactions),
  serve(ListConfigResources, handleListConfigResources),
  serve(ConsumerGroupHeartbeat, handleConsumerGroupHeartbeat),
  serve(ConsumerGroupDescribe, handleConsumerGroupDescribe),
  serve(DescribeTopicPartitions, handleDescribeTopicPartitions),
  serve(ShareGroupHeartbeat, handleShareGroupHeartbeat),
  serve(ShareGroupDescribe, handleShareGroupDescribe),
  serve(ShareFetch, handleShareFetch),
  serve(ShareAcknowledge, handleShareAcknowledge),
  serve(InitializeShareGroupState, handleInitializeShareGroupState),
  serve(ReadShareGroupState, handleReadShareGroupState),
  serve(WriteShareGroupState, handleWriteShareGroupState),
  serve(DeleteShareGroupState, handleDeleteShareGroupState),
  serve(ReadShareGroupStateSummary, handleReadShareGroupStateSummary),
  serve(StreamsGroupHeartbeat, handleStreamsGroupHeartbeat),
  serve(StreamsGroupDescribe, handleStreamsGroupDescribe),
  serve(DescribeShareGroupOffsets, handleDescribeShareGroupOffsets),
  serve(AlterShareGroupOffsets, handleAlterShareGroupOffsets),
  serve(DeleteShareGroupOffsets, handleDeleteShareGroupOffsets),
  serve(GetTelemetrySubscriptions, handleGetTelemetrySubscriptions, { advertised: false }),
  serve(PushTelemetry, handlePushTelemetry, { advertised: false }),
];

export const BROKER_HANDLERS = new HandlerTable<RequestContext>("broker", SERVED);

/** Where somebody takes the metrics of clients, clients are told that they may push them. */
export const BROKER_HANDLERS_WITH_TELEMETRY = new HandlerTable<RequestContext>(
  "broker",
  SERVED.map((line) => ({ ...line, advertised: true })),
);
