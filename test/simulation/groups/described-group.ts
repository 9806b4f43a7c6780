/**
 * What a group's coordinator says of it when asked by an administrator, held against what its members say they have.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ConsumerGroupDescribe } from "../../../protocol/messages/consumer-group.ts";
import { DescribeGroups } from "../../../protocol/messages/groups-admin.ts";
import { Violation } from "../audit/violation.ts";
import { decodeAssignment } from "./assignors.ts";
import type { CoordinatorClient } from "./coordinator-client.ts";
import { keyOf } from "./held-positions.ts";

/** For members to say that they have what they have. */
const PATIENCE_MS = 20_000;
const STABLE = "Stable";

interface Described {
  readonly state: string;
  readonly parts: readonly (readonly string[])[];
}

/** V9: at rest a group is said to be stable, and each member to have what it has. @throws Violation when it is not in time. */
export async function requireDescribed(
  client: CoordinatorClient,
  groupId: string,
  holds: () => readonly ReadonlySet<string>[],
): Promise<void> {
  const deadlineMs = client.nowMs + PATIENCE_MS;
  for (;;) {
    const described = (await describeConsumer(client, groupId)) ?? (await describeClassic(client, groupId));
    const members = shown(holds().map((held) => [...held]));
    if (described?.state === STABLE && shown(described.parts) === members) return;
    if (client.nowMs > deadlineMs) {
      const said = described === undefined ? "nothing" : `${described.state}, ${shown(described.parts)}`;
      throw new Violation("V9", `${groupId} is said to be ${said}; its members have ${members}`);
    }
    await client.pause(client.cluster.settings.retryBackoffMs);
  }
}

async function describeConsumer(client: CoordinatorClient, groupId: string): Promise<Described | undefined> {
  const request = { groupIds: [groupId], includeAuthorizedOperations: false };
  const answer = await client.ask(ConsumerGroupDescribe, 1, request);
  const group = answer?.body.groups[0];
  client.heed((group?.errorCode ?? ErrorCode.NONE) as ErrorCode);
  if (answer?.trusted !== true || group?.errorCode !== ErrorCode.NONE) return undefined;
  const parts = group.members.map(({ assignment }) =>
    assignment.topicPartitions.flatMap(({ topicName, partitions }) => partitions.map((one) => keyOf(topicName, one))),
  );
  return { state: group.groupState, parts };
}

async function describeClassic(client: CoordinatorClient, groupId: string): Promise<Described | undefined> {
  const answer = await client.ask(DescribeGroups, 6, { groups: [groupId], includeAuthorizedOperations: false });
  const group = answer?.body.groups[0];
  client.heed((group?.errorCode ?? ErrorCode.NONE) as ErrorCode);
  if (answer?.trusted !== true || group?.errorCode !== ErrorCode.NONE) return undefined;
  const parts = group.members.map(({ memberAssignment }) => decodeAssignment(memberAssignment).partitions);
  return { state: group.groupState, parts };
}

/** The same for the same parts, whoever has which. */
function shown(parts: readonly (readonly string[])[]): string {
  return parts
    .map((keys) => `[${[...keys].sort()}]`)
    .sort()
    .join(" ");
}
