/** Groups as literals: what a test says, and the rest as it must then be. */
import {
  type ClassicGroup,
  type ClassicGroupState,
  type ClassicMember,
  emptyClassicGroup,
  type JoinResponse,
  type SyncResponse,
} from "../../../../broker/groups/classic/classic-group.ts";
import { PersistentMap } from "../../../../broker/state-machine/persistent-map.ts";
import { Reply } from "../../../../broker/state-machine/reply.ts";
import { subscription } from "../group-world.ts";

export const NOW_MS = 1_000_000;

export interface MemberLiteral extends Partial<ClassicMember> {
  readonly memberId: string;
}

export function member(literal: MemberLiteral): ClassicMember {
  return {
    groupInstanceId: null,
    clientId: "client",
    clientHost: "/127.0.0.1",
    rebalanceTimeoutMs: 60_000,
    sessionTimeoutMs: 10_000,
    protocols: [{ name: "range", metadata: subscription("t1") }],
    assignment: Buffer.alloc(0),
    isNew: false,
    join: undefined,
    sync: undefined,
    ...literal,
  };
}

/** A group of these members; the first leads. */
export function group(
  state: ClassicGroupState,
  members: readonly MemberLiteral[],
  rest: Partial<ClassicGroup> = {},
): ClassicGroup {
  const all = members.map(member);
  const counts = new Map<string, number>();
  for (const { protocols } of all) for (const { name } of protocols) counts.set(name, (counts.get(name) ?? 0) + 1);
  return {
    ...emptyClassicGroup("g", 0),
    state,
    generationId: 3,
    protocolType: "consumer",
    protocolName: all.length > 0 ? "range" : null,
    leaderId: all[0]?.memberId ?? null,
    members: PersistentMap.of(all.map((m) => [m.memberId, m])),
    joinedCount: all.filter(({ join }) => join !== undefined).length,
    staticMembers: PersistentMap.of(
      all.flatMap((m): [string, string][] => (m.groupInstanceId === null ? [] : [[m.groupInstanceId, m.memberId]])),
    ),
    protocolCounts: PersistentMap.of(counts),
    subscribedTopics: new Set(["t1"]),
    ...rest,
  };
}

export function joinReply(): Reply<JoinResponse> {
  return new Reply<JoinResponse>((errorCode) => ({
    errorCode,
    protocolName: null,
    leader: "",
    memberId: "",
    members: [],
  }));
}

export function syncReply(): Reply<SyncResponse> {
  return new Reply<SyncResponse>((errorCode) => ({ errorCode, assignment: Buffer.alloc(0) }));
}
