/**
 * BrokerRegistration: a broker incarnation asks for an epoch (KIP-631).
 *
 * Owns: the checks in Kafka's order, and what a new incarnation means for the partitions of the old one: what it may have lost in
 * an unclean stop takes it out of ISRs and eligible replicas (KIP-966), before anything else is written.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { BrokerRegistrationRequest } from "../../../protocol/messages/broker-lifecycle.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import type { BrokerRegistration, ClusterImage } from "../../metadata/cluster-image.ts";
import { isReservedDirectory } from "../../metadata/directory-ids.ts";
import { KRAFT_VERSION, METADATA_VERSION } from "../../metadata/features.ts";
import { type MetadataRecord, record } from "../../metadata/metadata-record.ts";
import { type ControllerView, hasEligibleLeaderReplicas, metadataVersionIn } from "../controller-view.ts";
import { type Decision, splittable } from "../decision.ts";
import { leaderAndIsrUpdates } from "../leadership.ts";

type Request = Decode<typeof BrokerRegistrationRequest>;

/** From this version on a broker tells the epoch of its last clean stop. */
const PREVIOUS_EPOCH_VERSION = 3;

export function decideRegisterBroker(
  view: ControllerView,
  request: Request,
  apiVersion: number,
): Decision<{ readonly brokerEpoch: number }> {
  const { image } = view;
  const version = metadataVersionIn(image);
  if (request.clusterId !== image.clusterId) {
    refuse(
      ErrorCode.INCONSISTENT_CLUSTER_ID,
      `Expected cluster ID ${image.clusterId}, but got cluster ID ${request.clusterId}`,
    );
  }
  const existing = image.brokers.get(request.brokerId);
  const isNewIncarnation = existing?.incarnationId !== request.incarnationId;
  if (existing !== undefined && isNewIncarnation) checkPreviousIsGone(view, existing);
  if (request.isMigratingZkBroker) {
    refuse(ErrorCode.BROKER_ID_NOT_REGISTERED, "Controller does not support registering ZK brokers.");
  }
  if (version.hasDirectories) checkDirectories(image, request);
  checkFeatures(view, request);

  const records: MetadataRecord[] = [];
  if (isNewIncarnation) {
    // R38: only a broker that says which epoch it stopped cleanly in still has what it had.
    const stoppedCleanly =
      apiVersion >= PREVIOUS_EPOCH_VERSION && existing?.brokerEpoch === request.previousBrokerEpoch;
    records.push(...shutdownOfPrevious(view, request.brokerId, stoppedCleanly));
  }
  const kept = isNewIncarnation ? undefined : existing;
  const brokerEpoch = kept?.brokerEpoch ?? view.nextOffset + records.length;
  // The registration comes last: should the controller fail in between, the broker registers again and this is done again.
  records.push(
    record("RegisterBroker", version.registerBrokerRecordVersion, {
      brokerId: request.brokerId,
      incarnationId: request.incarnationId,
      brokerEpoch,
      rack: request.rack,
      endPoints: request.listeners,
      features: request.features,
      fenced: kept?.fenced ?? true,
      inControlledShutdown: kept?.inControlledShutdown ?? false,
      logDirs: version.hasDirectories ? request.logDirs : [],
    }),
  );
  const { brokerId } = request;
  const gone = { type: "forgotten", brokerId } as const;
  return splittable(records, { brokerEpoch }, isNewIncarnation && existing !== undefined ? [gone] : []);
}

/** R45: two brokers with one id must not live side by side. */
function checkPreviousIsGone({ sessions, nowMs }: ControllerView, previous: BrokerRegistration): void {
  // Differs from Kafka: a registration replaces one of the same id whose broker was shutting down (KAFKA-19047) or has not been
  // heard since the active controller started; Kafka 4.3.1 refuses it until the old session is over.
  if (previous.inControlledShutdown || !sessions.isLive(previous.id, previous.brokerEpoch, nowMs)) return;
  refuse(
    ErrorCode.DUPLICATE_BROKER_REGISTRATION,
    "Another broker is registered with that broker id. If the broker was recently restarted this should self-resolve once " +
      "the heartbeat manager expires the broker's session.",
  );
}

function checkDirectories(image: ClusterImage, { brokerId, logDirs }: Request): void {
  if (logDirs.length === 0) refuse(ErrorCode.INVALID_REGISTRATION, "No directories specified in request");
  if (logDirs.some(isReservedDirectory)) refuse(ErrorCode.INVALID_REGISTRATION, "Reserved directory ID in request");
  if (new Set(logDirs).size !== logDirs.length) {
    refuse(ErrorCode.INVALID_REGISTRATION, "Duplicate directory ID in request");
  }
  for (const other of image.brokers.values()) {
    const shared = other.id === brokerId ? undefined : logDirs.find((id) => other.directories.includes(id));
    if (shared !== undefined) {
      refuse(ErrorCode.INVALID_REGISTRATION, `Broker ${other.id} is already registered with directory ${shared}`);
    }
  }
}

/** Every finalized level must lie in the broker's range; a feature it does not list it does not have. */
function checkFeatures({ image, kraftVersion }: ControllerView, { features }: Request): void {
  const finalized = new Map(image.features);
  if (kraftVersion > 0) finalized.set(KRAFT_VERSION, kraftVersion);
  for (const { name, minSupportedVersion: min, maxSupportedVersion: max } of features) {
    checkLevel(name, finalized.get(name) ?? 0, min, max);
    finalized.delete(name);
  }
  if (!features.some(({ name }) => name === METADATA_VERSION)) {
    refuse(ErrorCode.INVALID_REGISTRATION, `Request features do not contain '${METADATA_VERSION}'`);
  }
  for (const [name, level] of finalized) checkLevel(name, level, 0, 0);
}

function checkLevel(name: string, level: number, min: number, max: number): void {
  if (level >= min && level <= max) return;
  refuse(
    ErrorCode.UNSUPPORTED_VERSION,
    `Unable to register because the broker does not support finalized version ${level} of ${name}. The broker wants a ` +
      `version between ${min} and ${max}, inclusive.`,
  );
}

function shutdownOfPrevious(view: ControllerView, brokerId: number, stoppedCleanly: boolean): MetadataRecord[] {
  const { partitions } = view;
  if (!stoppedCleanly && hasEligibleLeaderReplicas(view.image)) {
    const unclean = { unclean: brokerId };
    return [
      ...leaderAndIsrUpdates(view, unclean, partitions.inSync.get(brokerId)),
      ...leaderAndIsrUpdates(view, unclean, partitions.eligible.get(brokerId)),
    ];
  }
  return leaderAndIsrUpdates(view, { removed: brokerId }, partitions.inSync.get(brokerId));
}

function refuse(code: ErrorCode, message: string): never {
  throw new KafkaError(code, message);
}
