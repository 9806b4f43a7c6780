/**
 * Regular expressions of a group's members: which there are, when they are looked up among the topics, what comes of it.
 *
 * All of a group are resolved together, beside the machine, so that the group rebalances once; a new one at once, all again
 * when topics were made, or after a while.
 */
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import type { Group } from "../group.ts";
import type { GroupDecision } from "../group-decision.ts";
import { ConsumerDraft } from "./consumer-draft.ts";
import { type ConsumerGroup, type ResolvedRegex, targetOf } from "./consumer-group.ts";
import { type ConsumerMember, regexOf, sameNames } from "./consumer-member.ts";
import { epochMoved, regexGone, regexResolved } from "./consumer-records.ts";
import type { ConsumerRules } from "./consumer-rules.ts";
import { metadataHash } from "./metadata-hash.ts";
import { requireRegex } from "./regex/topic-pattern.ts";

/** However many members bring new expressions, topics are not looked through more often. */
export const MIN_REFRESH_INTERVAL_MS = 10_000;
/** A resolution that has not come back after this long was lost: the log refused what it found. */
const LOST_AFTER_MS = 30_000;

/** What became of a member's expression; "resolved": the topics it stands for are known already. */
export type RegexChange = "same" | "changed" | "resolved";

/** @throws KafkaError INVALID_REGULAR_EXPRESSION. */
export function updateRegexes(
  draft: ConsumerDraft,
  before: ConsumerMember,
  now: ConsumerMember,
  rules: ConsumerRules,
): RegexChange {
  const [old, regex] = [regexOf(before), regexOf(now)];
  if (old === undefined && regex === undefined && draft.group.regexCounts.size === 0) return "same";
  let change: RegexChange = "same";
  let isNew = false;
  if (old !== regex) {
    change = regex === undefined ? "resolved" : "changed";
    const { regexCounts, resolvedRegexes } = draft.group;
    if (regex !== undefined) {
      if (regexCounts.get(regex) === 1) {
        requireRegex(regex);
        isNew = true;
      } else if (resolvedRegexes.has(regex)) change = "resolved";
    }
    if (old !== undefined && !regexCounts.has(old) && resolvedRegexes.has(old)) draft.step(regexGone(draft.group, old));
  }
  if (refreshIsDue(draft.group, isNew, rules)) {
    const { groupId, regexCounts } = draft.group;
    draft.note({ ...draft.group, resolvingSinceMs: rules.nowMs });
    draft.effects.push({ kind: "resolveRegexes", groupId, regexes: [...regexCounts.keys()] });
  }
  return change;
}

function refreshIsDue(group: ConsumerGroup, isNew: boolean, rules: ConsumerRules): boolean {
  const { nowMs, newTopicsOffset, settings } = rules;
  const { regexCounts, resolvedRegexes, resolvingSinceMs } = group;
  if (regexCounts.size === 0) return false;
  if (resolvingSinceMs !== undefined && nowMs - resolvingSinceMs < LOST_AFTER_MS) return false;
  // They were resolved together: any of them tells when.
  const [, last] = resolvedRegexes.entries().next().value ?? [];
  if (last === undefined) return true;
  const sinceMs = nowMs - last.resolvedMs;
  if (sinceMs >= 0 && sinceMs <= MIN_REFRESH_INTERVAL_MS) return false;
  return (
    isNew ||
    regexCounts.size !== resolvedRegexes.size ||
    last.imageOffset < newTopicsOffset ||
    sinceMs > settings.regexRefreshIntervalMs ||
    sinceMs < 0
  );
}

export interface RegexResolution {
  readonly groupId: string;
  /** Sorted topics by expression. */
  readonly topics: ReadonlyMap<string, readonly string[]>;
  readonly image: MetadataImage;
  /** Wall clock, when it began. */
  readonly resolvedMs: number;
}

/** The topics were looked through: the group's epoch moves if any expression stands for others now. */
export function decideRegexesResolved(
  group: Group | undefined,
  { topics, image, resolvedMs }: RegexResolution,
  rules: ConsumerRules,
): GroupDecision<never> {
  if (group?.type !== "consumer") return {};
  const draft = new ConsumerDraft(group, group);
  draft.note({ ...group, resolvingSinceMs: undefined });
  let moved = false;
  for (const [regex, names] of topics) {
    if (!draft.group.regexCounts.has(regex)) continue;
    const resolved: ResolvedRegex = { topics: names, imageOffset: image.offset, resolvedMs };
    const before = draft.group.resolvedRegexes.get(regex)?.topics;
    moved ||= !sameNames(before ?? [], names) || (before === undefined && isToHaveSomething(draft.group, regex));
    draft.step(regexResolved(draft.group, regex, resolved));
  }
  const hash = metadataHash(draft.group.subscriptions.keys(), rules.image);
  if (moved || hash !== draft.group.metadataHash) {
    draft.step(epochMoved(draft.group, draft.group.groupEpoch + 1, hash));
  }
  draft.note({ ...draft.group, seenTopicsOffset: rules.topicsOffset });
  return draft.decide();
}

/**
 * Who read other topics before this expression, which stands for none, is to have them still.
 * Differs from Kafka: a consumer group gets a new assignment when a member that read topics changes to an expression that no
 * topic matches; Kafka leaves that member's partitions to nobody until the group's next change.
 */
function isToHaveSomething(group: ConsumerGroup, regex: string): boolean {
  for (const member of group.members.values()) {
    if (regexOf(member) === regex && targetOf(group, member.memberId).size > 0) return true;
  }
  return false;
}
