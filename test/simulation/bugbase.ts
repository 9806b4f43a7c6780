/**
 * Seeds that once failed, with what was wrong: they are run again by every check.
 *
 * A seed says the same only as long as nothing about drawing plans changes; the bugs themselves have tests of their own.
 */
export interface FormerFailure {
  readonly seed: string;
  readonly invariant: string;
  readonly what: string;
}

export const BUGBASE: readonly FormerFailure[] = [
  {
    ...{ seed: "64", invariant: "V3" },
    what: "recovery went on behind a hole that a power cut left between two segments",
  },
  { seed: "2001", invariant: "V14", what: "a batch whose offset the disk had changed was taken in, and left a hole" },
  { seed: "24", invariant: "V14", what: "the same, seen as replicas that differ" },
  {
    seed: "5035",
    invariant: "V9",
    what: "a partition that waited to be asked for again, and passed to another fetcher, never was",
  },
  {
    ...{ seed: "9039", invariant: "V3" },
    what: "the audit took what a deposed leader committed after an unclean election for a promise",
  },
  {
    ...{ seed: "40091", invariant: "V2" },
    what: "the audit held against the leader what a deposed leader no longer knew of a producer",
  },
  {
    ...{ seed: "40218", invariant: "V3" },
    what: "the audit took what an unclean leader's short log lacks from where others had deleted, not from where it ends",
  },
  {
    ...{ seed: "40357", invariant: "V3" },
    what: "the audit took the loss of what a deposed leader committed from the committed end, not from where its successor differs",
  },
  {
    ...{ seed: "20004", invariant: "V9" },
    what: "an administrator's late request deleted, by its name, the topic that was made anew, and another waited for it for ever",
  },
  {
    ...{ seed: "40322", invariant: "V1" },
    what: "a power cut brought back a batch that was truncated, in front of those written in its place",
  },
  {
    ...{ seed: "100070", invariant: "V9" },
    what: "the client tried for ever a batch that the power took, for the leader had taken a later one as a producer's first",
  },
  {
    ...{ seed: "110001", invariant: "V14" },
    what: "half a batch that recovery had cut came back at the end of a segment that was not looked at again",
  },
  {
    ...{ seed: "50037", invariant: "V2" },
    what: "a producer's last batches lay in more short segments than were looked at, and a retry was refused after a restart",
  },
  {
    ...{ seed: "120421", invariant: "V3" },
    what: "what a failed sync left out was trusted after a restart, and the next power cut took it",
  },
  {
    ...{ seed: "120638", invariant: "V3" },
    what: "the simulated disk gave a file of a directory that was moved to the one that had its name since",
  },
  {
    ...{ seed: "120815", invariant: "V18" },
    what: "a process killed before a log's first flush left partition.metadata unsynced: without it the log was set aside after a power cut",
  },
  {
    ...{ seed: "202", invariant: "V2" },
    what: "an orderly stop of a log without segments below its start, and without records, forgot its producers",
  },
  {
    ...{ seed: "1661", invariant: "V2" },
    what: "a producer's last batches lay before much that others wrote, and a retry was refused after a truncation",
  },
  {
    ...{ seed: "2684", invariant: "V16" },
    what: "a power cut took the time index of a segment that a truncation had ended, and times in it were not found",
  },
  {
    ...{ seed: "3681", invariant: "V14" },
    what: "recovery went on behind a half-written batch whose offset was 0, and took the log for ended there",
  },
];
