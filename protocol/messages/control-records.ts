/** Values of control records. */
import { array, int16, int32, int64, string, struct, uint16, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

/** The type in a control record key, behind its int16 version. */
export const ControlRecordTypeSchema = message("ControlRecordTypeSchema", "0", "none", {
  type: int16(),
});

/** Value of a transaction marker. */
export const EndTxnMarker = message("EndTxnMarker", "0", "none", {
  coordinatorEpoch: int32(),
});

const voter = {
  voterId: int32(),
  voterDirectoryId: uuid({ versions: "1+" }),
} as const;
/** A new quorum leader began its epoch. */
export const LeaderChangeMessage = message("LeaderChangeMessage", "0-1", "0+", {
  version: int16(),
  leaderId: int32(),
  voters: array(voter),
  grantingVoters: array(voter),
});

/** First record of a metadata snapshot. */
export const SnapshotHeaderRecord = message("SnapshotHeaderRecord", "0", "0+", {
  version: int16(),
  lastContainedLogTimestamp: int64(),
});

/** Last record of a metadata snapshot. */
export const SnapshotFooterRecord = message("SnapshotFooterRecord", "0", "0+", {
  version: int16(),
});

/** kraft.version as finalized in the log. */
export const KRaftVersionRecord = message("KRaftVersionRecord", "0", "0+", {
  version: int16(),
  kRaftVersion: int16(),
});

/** The voters as of this offset (KIP-853). */
export const VotersRecord = message("VotersRecord", "0", "0+", {
  version: int16(),
  voters: array({
    voterId: int32(),
    voterDirectoryId: uuid(),
    endpoints: array({
      name: string(),
      host: string(),
      port: uint16(),
    }),
    kRaftVersionFeature: struct({
      minSupportedVersion: int16(),
      maxSupportedVersion: int16(),
    }),
  }),
});
