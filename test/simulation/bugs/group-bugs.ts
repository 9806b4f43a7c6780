/** Bugs of the group coordinator: of its runtime, and of what members are told. */

import { NO_EPOCH, PartitionEpochs } from "../../../broker/groups/consumer/partition-epochs.ts";
import { GroupCoordinator } from "../../../broker/groups/group-coordinator.ts";
import type { GroupMachine } from "../../../broker/groups/group-machine.ts";
import { CommitQueue } from "../../../broker/state-machine/commit-queue.ts";
import { CoordinatorRuntime } from "../../../broker/state-machine/coordinator-runtime.ts";
import { Shard } from "../../../broker/state-machine/shard.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { type InjectedBug, replaceMethod } from "./injected-bug.ts";

export const GROUP_BUGS: readonly InjectedBug[] = [
  {
    name: "R130",
    what: "a group's offsets are committed by whoever was in it once, in whatever generation",
    inject: () =>
      replaceMethod(
        GroupCoordinator.prototype,
        "write",
        (original) =>
          function (this: GroupCoordinator, groupId, reply, decide) {
            original.call(this, groupId, reply as never, (machine) => {
              try {
                return decide(machine) as never;
              } catch (error) {
                if (!(error instanceof KafkaError) || !FENCED.has(error.code)) throw error;
                return inAnyGeneration(machine, groupId, decide, error) as never;
              }
            });
          },
      ),
  },
  {
    name: "R145",
    what: "a coordinator keeps what it knew of groups when another leads, and goes on from there when it leads again (KAFKA-10614)",
    inject: () => replaceMethod(CoordinatorRuntime.prototype, "resign", () => () => {}),
  },
  {
    name: "R147",
    what: "a partition is given to its next owner while a member has it that is to give it up (KAFKA-19974)",
    inject: () => replaceMethod(PartitionEpochs.prototype, "get", () => () => NO_EPOCH),
  },
  {
    name: "R152",
    what: "a commit is acknowledged when its coordinator has written it, and not when it is committed",
    inject: () =>
      replaceMethod(CommitQueue.prototype, "answer", () => (_endOffset, reply, response) => {
        reply.answer(response);
      }),
  },
  {
    name: "R153",
    what: "a new coordinator tells offsets before its high watermark has come to what its predecessor acknowledged",
    inject: () =>
      replaceMethod(
        Shard.prototype,
        "requireSettled",
        () =>
          function (this: { requireActive(): void }) {
            this.requireActive();
          },
      ),
  },
];

const FENCED: ReadonlySet<ErrorCode> = new Set([ErrorCode.ILLEGAL_GENERATION, ErrorCode.UNKNOWN_MEMBER_ID]);

/** Decides as if the group were still in some former generation, with everybody in it. */
function inAnyGeneration<D>(
  machine: GroupMachine,
  groupId: string,
  decide: (machine: GroupMachine) => D,
  why: Error,
): D {
  const group = machine.groups.get(groupId);
  const [member] = group?.type === "classic" ? group.members.values() : [];
  if (group?.type !== "classic" || member === undefined) throw why;
  const members = {
    has: () => true,
    get: () => member,
    size: group.members.size,
    values: () => group.members.values(),
  };
  for (let { generationId } = group; generationId >= 0; generationId--) {
    const former = { ...group, state: "Stable", generationId, members };
    const groups = { get: () => former };
    const stale = new Proxy(machine, { get: (of, key) => (key === "groups" ? groups : Reflect.get(of, key, of)) });
    try {
      return decide(stale);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
    }
  }
  throw why;
}
