/**
 * Metadata snapshots and `bootstrap.checkpoint` as bytes (KIP-630): a header batch, the records of an image, a footer batch.
 *
 * Owns: names and layout. Leaves files to cluster/raft/snapshot-store.ts. Offsets inside a snapshot count from 0 and mean nothing.
 */
import { type BatchRecord, writeBatch } from "./batch-writer.ts";
import { type ControlRecord, controlRecord } from "./control-records.ts";
import { CorruptMetadata, encodeMetadataBatch, metadataBatches } from "./metadata-batch.ts";
import type { MetadataRecord } from "./metadata-record.ts";

/** A snapshot holds everything below `endOffset`; `leaderEpoch` is that of the last record below it. */
export interface SnapshotId {
  readonly endOffset: number;
  readonly leaderEpoch: number;
}

export const BOOTSTRAP_FILE = "bootstrap.checkpoint";
/** The voters of a dynamic quorum before its first election (KIP-853); never replicated. */
export const BOOTSTRAP_SNAPSHOT_ID: SnapshotId = { endOffset: 0, leaderEpoch: 0 };

/** Records a batch: encoding one takes well under 10 ms of the loop. */
const BATCH_RECORDS = 1024;
const NAME = /^(\d{20})-(\d{10})\.checkpoint(\.part|\.deleted)?$/;

export function snapshotName({ endOffset, leaderEpoch }: SnapshotId): string {
  return `${String(endOffset).padStart(20, "0")}-${String(leaderEpoch).padStart(10, "0")}.checkpoint`;
}

/** The snapshot that a file name stands for, and whether it is whole: `part` is being written, `deleted` about to go. */
export function parseSnapshotName(
  name: string,
): { readonly id: SnapshotId; readonly state: "whole" | "part" | "deleted" } | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const state = match[3] === undefined ? "whole" : match[3] === ".part" ? "part" : "deleted";
  return { id: { endOffset: Number(match[1]), leaderEpoch: Number(match[2]) }, state };
}

/** Orders snapshots from old to new. */
export function compareSnapshotIds(a: SnapshotId, b: SnapshotId): number {
  return a.leaderEpoch === b.leaderEpoch ? a.endOffset - b.endOffset : a.leaderEpoch - b.leaderEpoch;
}

export interface SnapshotContent {
  readonly leaderEpoch: number;
  /** Now, for the batches. */
  readonly timestamp: number;
  /** When the last record in it was appended. */
  readonly lastContainedLogTimestamp: number;
  /** What else the quorum must know of itself: kraft.version and voters (KIP-853). */
  readonly quorum: readonly BatchRecord[];
  readonly records: Iterable<MetadataRecord>;
}

/** The snapshot batch by batch, so that whoever writes a large one can let others go first in between. */
export function* encodeSnapshot(content: SnapshotContent): Generator<Buffer, void, undefined> {
  const { leaderEpoch, timestamp, lastContainedLogTimestamp } = content;
  let baseOffset = 0;
  const header = controlRecord("SnapshotHeader", { version: 0, lastContainedLogTimestamp });
  const control = (records: readonly BatchRecord[]): Buffer => {
    const batch = writeBatch({ baseOffset, leaderEpoch, timestamp }, records, true);
    baseOffset += records.length;
    return batch;
  };
  yield control([header, ...content.quorum]);
  let pending: MetadataRecord[] = [];
  const data = (): Buffer => {
    const batch = encodeMetadataBatch({ baseOffset, leaderEpoch, timestamp }, pending);
    baseOffset += pending.length;
    pending = [];
    return batch;
  };
  for (const record of content.records) {
    pending.push(record);
    if (pending.length === BATCH_RECORDS) yield data();
  }
  if (pending.length > 0) yield data();
  yield control([controlRecord("SnapshotFooter", { version: 0 })]);
}

export interface DecodedSnapshot {
  readonly lastContainedLogTimestamp: number;
  readonly controls: readonly ControlRecord[];
  readonly records: readonly MetadataRecord[];
}

/** @throws CorruptMetadata when header or footer is missing: the file was cut. */
export function decodeSnapshot(bytes: Buffer): DecodedSnapshot {
  const controls: ControlRecord[] = [];
  const records: MetadataRecord[] = [];
  for (const batch of metadataBatches(bytes)) {
    for (const control of batch.controls) controls.push(control);
    for (const record of batch.records) records.push(record);
  }
  const [header] = controls;
  if (header?.type !== "SnapshotHeader") throw new CorruptMetadata("a snapshot does not begin with its header");
  if (controls.at(-1)?.type !== "SnapshotFooter") throw new CorruptMetadata("a snapshot does not end with its footer");
  return { lastContainedLogTimestamp: header.data.lastContainedLogTimestamp, controls: controls.slice(1, -1), records };
}
