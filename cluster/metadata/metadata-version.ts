/**
 * What a level of metadata.version allows: which versions of records may be written, which fields they carry.
 *
 * Levels are Kafka's: 7 is 3.3-IV3, the oldest, 30 is 4.3-IV0.
 */
export const MIN_METADATA_VERSION = 7;
export const MAX_METADATA_VERSION = 30;

/** Levels that changed records; a downgrade across one would lose data. */
const RECORDS_CHANGED_AT = [7, 8, 11, 13, 14, 15, 17, 23, 30];

const BROKER_MIGRATION = 8;
const SCRAM = 11;
const NO_EPOCH_BUMP_ON_SHRINK = 12;
const TRANSACTIONS = 13;
const CONTROLLER_REGISTRATION = 15;
const DIRECTORIES = 17;
const ELIGIBLE_LEADER_REPLICAS = 23;
const CORDONED_DIRECTORIES = 30;

export class MetadataVersion {
  readonly level: number;
  readonly registerBrokerRecordVersion: number;
  readonly partitionRecordVersion: number;
  readonly partitionChangeRecordVersion: number;
  /** Replicas have directories (KIP-858). */
  readonly hasDirectories: boolean;
  readonly hasCordonedDirectories: boolean;
  readonly hasEligibleLeaderReplicas: boolean;
  readonly hasScramCredentials: boolean;
  readonly hasControllerRegistration: boolean;
  /** Records may be grouped by Begin- and EndTransaction. */
  readonly hasTransactions: boolean;
  /** Before KAFKA-15021 brokers had to be told of a smaller ISR by a new leader epoch. */
  readonly bumpsLeaderEpochOnShrink: boolean;

  constructor(level: number) {
    this.level = level;
    this.hasDirectories = level >= DIRECTORIES;
    this.hasCordonedDirectories = level >= CORDONED_DIRECTORIES;
    this.hasEligibleLeaderReplicas = level >= ELIGIBLE_LEADER_REPLICAS;
    this.hasScramCredentials = level >= SCRAM;
    this.hasControllerRegistration = level >= CONTROLLER_REGISTRATION;
    this.hasTransactions = level >= TRANSACTIONS;
    this.bumpsLeaderEpochOnShrink = level < NO_EPOCH_BUMP_ON_SHRINK;
    this.registerBrokerRecordVersion = this.hasCordonedDirectories
      ? 4
      : this.hasDirectories
        ? 3
        : level >= BROKER_MIGRATION
          ? 2
          : 1;
    this.partitionRecordVersion = this.hasEligibleLeaderReplicas ? 2 : this.hasDirectories ? 1 : 0;
    this.partitionChangeRecordVersion = this.partitionRecordVersion;
  }
}

/** Whether going from one level down to another would lose what records hold. */
export function losesMetadata(from: number, to: number): boolean {
  return RECORDS_CHANGED_AT.some((level) => level > to && level <= from);
}

const known = new Map<number, MetadataVersion>();

export function metadataVersionOf(level: number): MetadataVersion {
  let version = known.get(level);
  if (version === undefined) {
    version = new MetadataVersion(level);
    known.set(level, version);
  }
  return version;
}
