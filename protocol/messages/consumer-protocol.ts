/** What consumers say to each other through a classic group: an int16 version, then one of these. */
import { array, bytes, int32, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

/** Topics a member wants, and from v1 partitions it owns (KIP-429), v2 generation, v3 rack. */
export const ConsumerProtocolSubscription = message("ConsumerProtocolSubscription", "0-3", "none", {
  topics: array(string()),
  userData: bytes({ nullable: "0+", default: null }),
  ownedPartitions: array(
    {
      topic: string(),
      partitions: array(int32()),
    },
    { versions: "1+", ignorable: true },
  ),
  generationId: int32({ versions: "2+", default: -1, ignorable: true }),
  rackId: string({ versions: "3+", nullable: "3+", default: null, ignorable: true }),
});

/** Partitions a member gets. */
export const ConsumerProtocolAssignment = message("ConsumerProtocolAssignment", "0-3", "none", {
  assignedPartitions: array({
    topic: string(),
    partitions: array(int32()),
  }),
  userData: bytes({ nullable: "0+", default: null }),
});
