/**
 * A broker is taken to be gone: its session has run out, its listener refuses connections, or an administrator says so.
 *
 * Owns: what is written then. Safety rests on epochs, never on whether the broker is really gone.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { FencedChange } from "../../metadata/broker-records.ts";
import type { BrokerRegistration } from "../../metadata/cluster-image.ts";
import { type MetadataRecord, record } from "../../metadata/metadata-record.ts";
import type { ControllerView } from "../controller-view.ts";
import { checkBatchSize, type Decision, splittable } from "../decision.ts";
import { leaderAndIsrUpdates } from "../leadership.ts";

/** It leaves every ISR, its leaderships move, and it is fenced. */
export function fenceRecords(
  view: ControllerView,
  broker: BrokerRegistration,
  options: { readonly mayElectUncleanly?: boolean } = {},
): MetadataRecord[] {
  const { mayElectUncleanly = true } = options;
  return [
    ...leaderAndIsrUpdates(view, { removed: broker.id, mayElectUncleanly }, view.partitions.inSync.get(broker.id)),
    record("BrokerRegistrationChange", 0, {
      brokerId: broker.id,
      brokerEpoch: broker.brokerEpoch,
      fenced: FencedChange.FENCE,
    }),
  ];
}

/**
 * An incarnation is gone: its session ends, so that a new incarnation is let in, and it is fenced if it was not. Nothing happens
 * when another incarnation has taken its place.
 */
export function decideFence(
  view: ControllerView,
  brokerId: number,
  brokerEpoch: number,
  options: { readonly mayElectUncleanly?: boolean } = {},
): Decision<void> {
  const broker = view.image.brokers.get(brokerId);
  if (broker === undefined || broker.brokerEpoch !== brokerEpoch) {
    const isStale = view.sessions.get(brokerId)?.brokerEpoch === brokerEpoch;
    return splittable([], undefined, isStale ? [{ type: "forgotten", brokerId }] : []);
  }
  const records = broker.fenced ? [] : fenceRecords(view, broker, options);
  return splittable(records, undefined, [{ type: "ended", brokerId }]);
}

/** UnregisterBroker: forgets a broker; its replicas stay assigned to it. */
export function decideUnregister(view: ControllerView, brokerId: number): Decision<void> {
  const broker = view.image.brokers.get(brokerId);
  if (broker === undefined) {
    throw new KafkaError(ErrorCode.BROKER_ID_NOT_REGISTERED, `Broker ID ${brokerId} is not currently registered`);
  }
  const { inSync, eligible } = view.partitions;
  const records: MetadataRecord[] = [
    ...leaderAndIsrUpdates(view, { removed: brokerId }, inSync.get(brokerId)),
    ...leaderAndIsrUpdates(view, { removed: brokerId }, eligible.get(brokerId)),
    record("UnregisterBroker", 0, { brokerId, brokerEpoch: broker.brokerEpoch }),
  ];
  checkBatchSize(records.length);
  return splittable(records, undefined, [{ type: "forgotten", brokerId }]);
}
