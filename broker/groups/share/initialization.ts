/**
 * Share partitions are read once their state has been initialized by its keeper: what is to be initialized, and what became of it.
 *
 * Owns: when it is begun, and begun anew. The work itself is an effect (GroupCoordinator); what comes of it is a decision here.
 */

import type { Group } from "../group.ts";
import { type GroupDecision, type InitializeEffect, NO_START_OFFSET } from "../group-decision.ts";
import { RecordDraft } from "../record-draft.ts";
import type { ShareGroup } from "./share-group.ts";
import {
  initialized,
  initializing,
  type KeptTopic,
  type KeptTopics,
  type SharePartitions,
  together,
} from "./share-partitions.ts";
import { partitionsKept } from "./share-records.ts";
import type { ShareRules } from "./share-rules.ts";

/** By group as it is: the next heartbeats find the same one. */
const pending = new WeakMap<ShareGroup, boolean>();

/** Whether something may be read that is assigned to nobody yet. */
export function isAssignmentPending(group: ShareGroup): boolean {
  let known = pending.get(group);
  if (known === undefined) {
    known = isUnassigned(group);
    pending.set(group, known);
  }
  return known;
}

function isUnassigned({ members, subscriptions, targetAssignment, sharePartitions }: ShareGroup): boolean {
  if (members.size === 0 || sharePartitions.initialized.size === 0) return false;
  const assigned = new Map<string, Set<number>>();
  for (const target of targetAssignment.values()) {
    for (const [topicId, partitions] of target) {
      const known = assigned.get(topicId) ?? new Set();
      for (const partition of partitions) known.add(partition);
      assigned.set(topicId, known);
    }
  }
  for (const [topicId, { name, partitions }] of sharePartitions.initialized) {
    if (!subscriptions.has(name)) continue;
    const known = assigned.get(topicId);
    if (known?.size !== partitions.length || !partitions.every((partition) => known.has(partition))) return true;
  }
  return false;
}

/** Begins to initialize what the group reads and nobody has initialized, or has tried to for too long. */
export function initializeMissing(draft: RecordDraft<ShareGroup>, rules: ShareRules): void {
  const topics = missing(draft.group, rules);
  if (topics.size === 0) return;
  draft.step(partitionsKept(draft.group, initializing(draft.group.sharePartitions, topics)));
  draft.effects.push(initializeEffect(draft.group, topics, () => NO_START_OFFSET));
}

export function initializeEffect(
  { groupId, groupEpoch }: ShareGroup,
  topics: KeptTopics,
  startOffsetOf: (topicId: string, partition: number) => number,
): InitializeEffect {
  return {
    kind: "initializeSharePartitions",
    groupId,
    stateEpoch: groupEpoch,
    partitions: [...topics].flatMap(([topicId, { name, partitions }]) =>
      partitions.map((partition) => ({ topicId, name, partition, startOffset: startOffsetOf(topicId, partition) })),
    ),
  };
}

function missing({ subscriptions, sharePartitions }: ShareGroup, rules: ShareRules): KeptTopics {
  const { image, nowMs } = rules;
  const begun = begunBy(sharePartitions, rules);
  const topics = new Map<string, KeptTopic>();
  for (const name of subscriptions.keys()) {
    const topic = image.topics.get(name);
    const begunOf = topic === undefined ? undefined : begun.get(topic.id);
    if (topic === undefined || (begunOf?.partitions.length ?? 0) >= topic.partitions.length) continue;
    const known = new Set(begunOf?.partitions);
    const partitions = topic.partitions.map(({ partition }) => partition).filter((partition) => !known.has(partition));
    topics.set(topic.id, { name, partitions, sinceMs: nowMs });
  }
  return topics;
}

/** Initialized, or begun to be and not for too long. */
function begunBy(known: SharePartitions, { nowMs, initializeRetryIntervalMs }: ShareRules): KeptTopics {
  if (known.initializing.size === 0) return known.initialized;
  const underWay = [...known.initializing].filter(([, { sinceMs }]) => nowMs - sinceMs < initializeRetryIntervalMs);
  return together(known.initialized, new Map(underWay));
}

/** What the keeper of state said. @param done and failed: topics of one effect. */
export function decideInitialized(group: Group | undefined, done: KeptTopics, failed: KeptTopics): GroupDecision<true> {
  if (group?.type !== "share") return { response: true };
  const draft = new RecordDraft<ShareGroup>(group, group);
  draft.step(partitionsKept(group, initialized(group.sharePartitions, done, failed)));
  return draft.decide(true);
}
