/**
 * BrokerHeartbeat: a broker is alive, says how far it has applied the metadata, and asks to be unfenced, fenced or shut down.
 *
 * Owns: the state machine fenced -> unfenced -> controlled shutdown -> may go (KIP-631), directories gone offline or cordoned
 * (KIP-858, KIP-1066). Leaves silence to fence-broker.ts.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { BrokerHeartbeatRequest } from "../../../protocol/messages/broker-lifecycle.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import { ENTERS_CONTROLLED_SHUTDOWN, FencedChange } from "../../metadata/broker-records.ts";
import type { BrokerRegistration } from "../../metadata/cluster-image.ts";
import { type MetadataRecord, record } from "../../metadata/metadata-record.ts";
import type { SessionChange } from "../broker-sessions.ts";
import { type ControllerView, checkBrokerEpoch, metadataVersionIn } from "../controller-view.ts";
import { type Decision, splittable } from "../decision.ts";
import { leaderAndIsrUpdates } from "../leadership.ts";
import type { PartitionRef } from "../partition-index.ts";
import { fenceRecords } from "./fence-broker.ts";

type Request = Decode<typeof BrokerHeartbeatRequest>;
type BrokerState = "fenced" | "unfenced" | "controlledShutdown" | "shutdownNow";

export interface HeartbeatReply {
  readonly isCaughtUp: boolean;
  readonly isFenced: boolean;
  readonly shouldShutDown: boolean;
}

export function decideHeartbeat(view: ControllerView, request: Request): Decision<HeartbeatReply> {
  const { brokerId, brokerEpoch, currentMetadataOffset } = request;
  const registrationOffset = view.registrationOffsets.get(brokerId);
  if (registrationOffset === undefined) {
    throw new KafkaError(
      ErrorCode.STALE_BROKER_EPOCH,
      `Receive a heartbeat from broker ${brokerId} before registration`,
    );
  }
  const broker = checkBrokerEpoch(view.image, brokerId, brokerEpoch);
  const isCaughtUp = currentMetadataOffset >= registrationOffset;
  const current = stateOf(view, broker);
  const next = nextState(view, broker, current, request, isCaughtUp);
  const sessions: SessionChange[] = [{ type: "heard", brokerId, brokerEpoch, metadataOffset: currentMetadataOffset }];
  if (next === "controlledShutdown") sessions.push({ type: "controlledShutdown", brokerId });
  // A broker that may go is not waited for: its next incarnation is let in at once.
  if (next === "shutdownNow") sessions.push({ type: "ended", brokerId });
  const isFenced = next === "fenced" || next === "shutdownNow";
  return splittable(
    [
      ...(current === next ? [] : recordsOf(view, broker, next, request)),
      ...(isFenced && !broker.fenced ? [] : offlineDirectories(view, broker, request)),
      ...cordonedDirectories(view, broker, request),
    ],
    { isCaughtUp, isFenced, shouldShutDown: next === "shutdownNow" },
    sessions,
  );
}

function stateOf({ sessions }: ControllerView, broker: BrokerRegistration): BrokerState {
  if (broker.fenced) return "fenced";
  const session = sessions.get(broker.id);
  const shutsDown = session?.brokerEpoch === broker.brokerEpoch && session.controlledShutdownOffset !== undefined;
  return shutsDown ? "controlledShutdown" : "unfenced";
}

function nextState(
  view: ControllerView,
  broker: BrokerRegistration,
  current: BrokerState,
  { wantFence, wantShutDown }: Request,
  isCaughtUp: boolean,
): BrokerState {
  const leads = view.partitions.led.get(broker.id).size > 0;
  switch (current) {
    case "fenced":
      if (wantShutDown) return "shutdownNow";
      return !wantFence && isCaughtUp ? "unfenced" : "fenced";
    case "unfenced":
      if (wantFence) return wantShutDown ? "shutdownNow" : "fenced";
      if (!wantShutDown) return "unfenced";
      return leads ? "controlledShutdown" : "shutdownNow";
    case "controlledShutdown": {
      const shutdownOffset = view.sessions.get(broker.id)?.controlledShutdownOffset ?? 0;
      // R165: it goes once the others know who leads in its place.
      return !leads && shutdownOffset <= lowestActiveOffset(view) ? "shutdownNow" : "controlledShutdown";
    }
    case "shutdownNow":
      return current;
  }
}

/** How far the slowest of the brokers that stay has applied the metadata. */
function lowestActiveOffset({ image, sessions }: ControllerView): number {
  let lowest = Number.POSITIVE_INFINITY;
  for (const broker of image.brokers.values()) {
    if (broker.fenced) continue;
    const session = sessions.get(broker.id);
    const isCurrent = session?.brokerEpoch === broker.brokerEpoch;
    if (isCurrent && session.controlledShutdownOffset !== undefined) continue;
    lowest = Math.min(lowest, isCurrent ? session.metadataOffset : -1);
  }
  return lowest;
}

function recordsOf(
  view: ControllerView,
  broker: BrokerRegistration,
  next: BrokerState,
  request: Request,
): MetadataRecord[] {
  switch (next) {
    case "fenced":
    case "shutdownNow":
      return broker.fenced ? [] : fenceRecords(view, broker);
    case "unfenced":
      return [
        registrationChange(broker, 0, { fenced: FencedChange.UNFENCE }),
        ...leaderAndIsrUpdates(
          view,
          { added: broker.id },
          except(view.partitions.leaderless, view, request.offlineLogDirs),
        ),
      ];
    case "controlledShutdown":
      return [
        ...(broker.inControlledShutdown
          ? []
          : [registrationChange(broker, 1, { inControlledShutdown: ENTERS_CONTROLLED_SHUTDOWN })]),
        ...leaderAndIsrUpdates(view, { removed: broker.id }, view.partitions.inSync.get(broker.id)),
      ];
  }
}

/** Partitions that do not lie in directories which this very heartbeat says are gone. */
function* except(
  partitions: Iterable<PartitionRef>,
  { partitions: index }: ControllerView,
  directories: readonly string[],
): Generator<PartitionRef, void, undefined> {
  for (const ref of partitions) {
    if (!directories.some((id) => index.inDirectory.get(id).has(ref.topicId, ref.partition))) yield ref;
  }
}

/**
 * Replicas in a directory that is gone leave their ISRs, and leadership moves. A broker repeats what is offline in each heartbeat,
 * so that one which fences it may leave this to the next.
 */
function offlineDirectories(
  view: ControllerView,
  broker: BrokerRegistration,
  { offlineLogDirs }: Request,
): MetadataRecord[] {
  if (!metadataVersionIn(view.image).hasDirectories) return [];
  const gone = broker.directories.filter((id) => offlineLogDirs.includes(id));
  if (gone.length === 0) return [];
  const left = broker.directories.filter((id) => !offlineLogDirs.includes(id));
  return [
    // Differs from Kafka: replicas in a log directory that has failed are taken from the eligible leader replicas too, as what lay
    // there may be lost.
    ...gone.flatMap((id) => leaderAndIsrUpdates(view, { unclean: broker.id }, view.partitions.inDirectory.get(id))),
    registrationChange(broker, 2, { logDirs: left }),
  ];
}

function cordonedDirectories(
  view: ControllerView,
  broker: BrokerRegistration,
  { cordonedLogDirs }: Request,
): MetadataRecord[] {
  // Null: the broker has not caught up far enough to know.
  if (cordonedLogDirs === null || !metadataVersionIn(view.image).hasCordonedDirectories) return [];
  const before = broker.cordonedDirectories;
  const same =
    before !== null &&
    before.length === cordonedLogDirs.length &&
    before.every((directory) => cordonedLogDirs.includes(directory));
  return same ? [] : [registrationChange(broker, 3, { cordonedLogDirs })];
}

type RegistrationChange = Partial<
  Pick<
    MetadataRecord<"BrokerRegistrationChange">["data"],
    "fenced" | "inControlledShutdown" | "logDirs" | "cordonedLogDirs"
  >
>;

/** @param version the oldest that carries the field, as Kafka writes them. */
function registrationChange(
  broker: BrokerRegistration,
  version: number,
  change: RegistrationChange,
): MetadataRecord<"BrokerRegistrationChange"> {
  return record("BrokerRegistrationChange", version, {
    brokerId: broker.id,
    brokerEpoch: broker.brokerEpoch,
    ...change,
  });
}
