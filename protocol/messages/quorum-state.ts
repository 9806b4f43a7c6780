/** The quorum-state file, as JSON. */
import { array, int32, int64, string, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

/** Vote and leader a quorum member must not forget. */
export const QuorumStateData = message("QuorumStateData", "0-1", "0+", {
  clusterId: string({ versions: "0" }),
  leaderId: int32({ default: -1 }),
  leaderEpoch: int32({ default: -1 }),
  votedId: int32({ default: -1 }),
  votedDirectoryId: uuid({ versions: "1+" }),
  appliedOffset: int64({ versions: "0" }),
  currentVoters: array(
    {
      voterId: int32(),
    },
    { versions: "0", nullable: "0" },
  ),
});
