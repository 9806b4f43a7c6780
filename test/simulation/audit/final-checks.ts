/** What must hold once a run has come to rest: nothing acknowledged is missing, and all replicas have the same bytes. */

import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { decompressRecords } from "../../../protocol/records/compression.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import type { Ledger } from "../clients/ledger.ts";
import type { SimulatedCluster } from "../world/simulated-cluster.ts";
import type { Auditor } from "./auditor.ts";
import { segmentsOnDisk } from "./disk-log.ts";
import type { PartitionAudit } from "./partition-audit.ts";
import type { StoredBatch } from "./stored-batch.ts";
import { Violation } from "./violation.ts";

const MAX_BYTES = 1 << 24;

export function checkEnd(cluster: SimulatedCluster, auditor: Auditor, ledger: Ledger): void {
  const values = new Map<string, ReadonlyMap<number, string>>();
  for (const audit of auditor.partitions.values()) {
    if (audit.topic.startsWith("__")) continue;
    checkLogs(cluster, audit);
    values.set(`${audit.topicId}-${audit.index}`, valuesOf(cluster, audit));
  }
  checkAcknowledged(auditor, ledger, values);
  checkValues(auditor, ledger, values);
}

/** What holds for every partition, whoever wrote to it. */
export function checkLogs(cluster: SimulatedCluster, audit: PartitionAudit): void {
  checkReplicas(cluster, audit);
  checkProducers(cluster, audit);
}

function bytesOf(cluster: SimulatedCluster, audit: PartitionAudit, nodeId: number): Buffer {
  const segments = segmentsOnDisk(cluster.disk(nodeId), `/data/logs/${audit.topic}-${audit.index}`);
  return Buffer.concat(segments.map(({ bytes }) => bytes));
}

/** V14: byte for byte, from where the last of them begins. */
function checkReplicas(cluster: SimulatedCluster, audit: PartitionAudit): void {
  const replicas = audit.image?.replicas ?? [];
  const logs = replicas.map((id) => bytesOf(cluster, audit, id));
  const shortest = Math.min(...logs.map((bytes) => bytes.length));
  const [first] = logs;
  logs.forEach((bytes, index) => {
    // Segments that retention took from one and not yet from the other lie in front.
    const same = bytes
      .subarray(bytes.length - shortest)
      .equals((first as Buffer).subarray((first as Buffer).length - shortest));
    if (!same) throw new Violation("V14", `${audit.name}: replicas ${replicas[0]} and ${replicas[index]} differ`);
  });
}

/** V19: what replicas know of producers is what the log says, from where theirs began. */
function checkProducers(cluster: SimulatedCluster, audit: PartitionAudit): void {
  const byProducer = new Map<number, StoredBatch[]>();
  for (const batch of audit.committed) {
    if (batch.producerId < 0) continue;
    const batches = byProducer.get(batch.producerId);
    if (batches === undefined) byProducer.set(batch.producerId, [batch]);
    else batches.push(batch);
  }
  for (const id of audit.image?.replicas ?? []) {
    const log = cluster.node(id).present?.broker.partitions.getById(audit.topicId, audit.index)?.log;
    const known = new Map(log?.producers().map((one) => [one.producerId, `${one.producerEpoch}/${one.lastSequence}`]));
    const beganAt = audit.shadows.get(id)?.beganAt ?? 0;
    for (const [producerId, batches] of byProducer) {
      const state = known.get(producerId);
      if (state === producerState(batches) || isOfTheRest(state, batches, beganAt)) continue;
      throw new Violation(
        "V19",
        `${audit.name} on ${id}: producer ${producerId} is ${state}, by the log ${producerState(batches)}`,
      );
    }
  }
}

/** Epoch and last sequence as whoever saw these batches of a producer knows them. */
function producerState(batches: readonly StoredBatch[]): string | undefined {
  let state: string | undefined;
  let epoch = -1;
  for (const { producerEpoch, baseSequence, baseOffset, lastOffset, isControl } of batches) {
    // An end of a transaction that takes the next epoch leaves nothing of the one before (KIP-890).
    if (isControl && epoch === producerEpoch) continue;
    epoch = producerEpoch;
    state = `${producerEpoch}/${isControl ? -1 : baseSequence + lastOffset - baseOffset}`;
  }
  return state;
}

/** Whether that is the state by what is left when some of the first batches were deleted, and never seen. */
function isOfTheRest(state: string | undefined, batches: readonly StoredBatch[], beganAt: number): boolean {
  return batches.some(({ lastOffset }, at) => lastOffset < beganAt && state === producerState(batches.slice(at + 1)));
}

/** Every value of the leader's log, by offset. */
export function valuesOf(cluster: SimulatedCluster, audit: PartitionAudit): Map<number, string> {
  const values = new Map<number, string>();
  const walk = new BatchIterator(bytesOf(cluster, audit, audit.image?.leader ?? -1));
  for (let batch = walk.next(); batch !== undefined; batch = walk.next()) {
    if (!batch.checkCrc()) throw new Violation("V14", `${audit.name}: a wrong CRC at ${batch.baseOffset}`);
    if (batch.isControl) continue;
    for (const record of new RecordIterator(batch, decompressRecords(batch, MAX_BYTES))) {
      values.set(record.offset, record.value?.toString("latin1") ?? "");
    }
  }
  return values;
}

/** V3, V16: what was acknowledged with acks=all is where it was said to be. */
function checkAcknowledged(
  auditor: Auditor,
  ledger: Ledger,
  values: ReadonlyMap<string, ReadonlyMap<number, string>>,
): void {
  for (const { topicId, partition, offset, value, acks } of ledger.acknowledgements) {
    const audit = auditor.of(topicId, partition);
    if (audit === undefined || acks !== -1 || offset < audit.startOffset) continue;
    if (audit.losses.some(({ fromOffset }) => offset >= fromOffset)) continue;
    const there = values.get(`${topicId}-${partition}`)?.get(offset);
    if (there === value) continue;
    throw new Violation("V3", `${audit.name}: ${value} was acknowledged at ${offset}; there is ${there ?? "nothing"}`);
  }
}

/** V2, V7: nothing that was not sent; what idempotent producers sent once, and in order. */
function checkValues(auditor: Auditor, ledger: Ledger, values: ReadonlyMap<string, ReadonlyMap<number, string>>): void {
  for (const [key, log] of values) {
    const audit = auditor.partitions.get(key) as PartitionAudit;
    const newest = new Map<string, number>();
    for (const [offset, value] of log) {
      const sent = ledger.sent.get(value);
      if (sent === undefined || sent.topicId !== audit.topicId || sent.partition !== audit.index) {
        throw new Violation("V1", `${audit.name}: nobody sent what is at ${offset}: ${value}`);
      }
      if (!sent.idempotent || audit.wasUnclean) continue;
      const count = Number(value.slice(value.indexOf(":") + 1).replace(/\.+$/, ""));
      const before = newest.get(sent.producer) ?? -1;
      if (count <= before && !ledger.anew.has(value)) {
        throw new Violation("V2", `${audit.name}: ${value} at ${offset} comes after ${before}`);
      }
      newest.set(sent.producer, Math.max(before, count));
    }
  }
}
