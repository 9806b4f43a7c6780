/** A group coordinator with its keeper of share state, asked what share groups ask. */

import type { GroupSettings } from "../../../../broker/groups/group-settings.ts";
import type { ShareGroup } from "../../../../broker/groups/share/share-group.ts";
import { handleListGroups } from "../../../../broker/handlers/groups-admin.ts";
import { handleShareGroupDescribe, handleShareGroupHeartbeat } from "../../../../broker/handlers/share-group.ts";
import {
  handleAlterShareGroupOffsets,
  handleDeleteShareGroupOffsets,
  handleDescribeShareGroupOffsets,
} from "../../../../broker/handlers/share-group-offsets.ts";
import { ListGroups } from "../../../../protocol/messages/groups-admin.ts";
import {
  AlterShareGroupOffsets,
  DeleteShareGroupOffsets,
  DescribeShareGroupOffsets,
  ShareGroupDescribe,
  ShareGroupHeartbeat,
} from "../../../../protocol/messages/share-group.ts";
import type { Decode, Encode } from "../../../../protocol/schema/message.ts";
import { GroupWorld } from "../group-world.ts";

type HeartbeatRequest = Encode<typeof ShareGroupHeartbeat.request>;
export type HeartbeatAnswer = Decode<typeof ShareGroupHeartbeat.response>;

export class ShareWorld extends GroupWorld {
  static override async start(settings: Partial<GroupSettings> = {}): Promise<ShareWorld> {
    const world = new ShareWorld(settings);
    await world.lead();
    await world.leadShareState();
    return world;
  }

  /** An answer that is there at once. */
  beat(memberId: string, memberEpoch: number, more: Partial<HeartbeatRequest> = {}): HeartbeatAnswer {
    const request = { groupId: "g", memberId, memberEpoch, rackId: null, subscribedTopicNames: null, ...more };
    return this.send(ShareGroupHeartbeat, handleShareGroupHeartbeat, 1, request).answer as HeartbeatAnswer;
  }

  joinShare(memberId: string, ...subscribedTopicNames: string[]): HeartbeatAnswer {
    return this.beat(memberId, 0, { subscribedTopicNames });
  }

  /** Lets the assignment interval pass, and each member come to its newest epoch; what each then has, as `topicId:partition`. */
  settleMembers(...memberIds: string[]): Record<string, string[]> {
    for (let round = 0; round < 4; round++) {
      this.clock.advance(this.settings.share.assignmentIntervalMs);
      for (const id of memberIds) this.beat(id, this.shareGroup.members.get(id)?.memberEpoch ?? -9);
    }
    return Object.fromEntries(memberIds.map((id) => [id, this.assigned(id)]));
  }

  assigned(memberId: string): string[] {
    const assigned = this.shareGroup.members.get(memberId)?.assigned ?? new Map<string, readonly number[]>();
    return [...assigned].flatMap(([topicId, partitions]) => {
      return partitions.map((partition) => `${this.image.topicsById.get(topicId)?.name}:${partition}`);
    });
  }

  get shareGroup(): ShareGroup {
    const group = this.groups.machineOf("g").groups.get("g");
    if (group?.type !== "share") throw new Error("there is no share group");
    return group;
  }

  describeGroup(groupId = "g") {
    const request = { groupIds: [groupId], includeAuthorizedOperations: false };
    return this.send(ShareGroupDescribe, handleShareGroupDescribe, 1, request).answer?.groups[0];
  }

  describeOffsets(topics: { topicName: string; partitions: number[] }[] | null, groupId = "g") {
    const request = { groups: [{ groupId, topics }] };
    return this.send(DescribeShareGroupOffsets, handleDescribeShareGroupOffsets, 1, request).answer?.groups[0];
  }

  alterOffsets(topicName: string, startOffsets: Record<number, number>, groupId = "g") {
    return this.askToAlterOffsets(topicName, startOffsets, groupId).answer;
  }

  askToAlterOffsets(topicName: string, startOffsets: Record<number, number>, groupId = "g") {
    const partitions = Object.entries(startOffsets).map(([partitionIndex, startOffset]) => {
      return { partitionIndex: Number(partitionIndex), startOffset };
    });
    const request = { groupId, topics: [{ topicName, partitions }] };
    return this.send(AlterShareGroupOffsets, handleAlterShareGroupOffsets, 0, request);
  }

  deleteShareOffsets(topicNames: readonly string[], groupId = "g") {
    const request = { groupId, topics: topicNames.map((topicName) => ({ topicName })) };
    return this.send(DeleteShareGroupOffsets, handleDeleteShareGroupOffsets, 0, request).answer;
  }

  /** Results, in the order of the ids. */
  dropGroups(...groupIds: string[]) {
    const results = this.deleteGroups(groupIds).answer?.results ?? [];
    return results.map(({ groupId, errorCode }) => [groupId, errorCode]).sort();
  }

  listed(typesFilter: string[] = []) {
    return this.send(ListGroups, handleListGroups, 5, { statesFilter: [], typesFilter }).answer?.groups;
  }
}
