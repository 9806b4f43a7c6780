/** Our assignors against Apache Kafka's own, on groups that members join and leave, and whose topics come and grow: the same, partition by partition. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Assignment } from "../../../broker/groups/consumer/assignment.ts";
import { type AssignorMember, visited } from "../../../broker/groups/consumer/assignors/assignor.ts";
import { assignRanges } from "../../../broker/groups/consumer/assignors/range-assignor.ts";
import { assignUniformly } from "../../../broker/groups/consumer/assignors/uniform-assignor.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith } from "../support/toolchain.ts";

const JAVA_PROGRAM = fileURLToPath(new URL("KafkaAssignors.java", import.meta.url));
const GROUPS = 150;
const STEPS = 12;

interface Topic {
  id: string;
  partitions: number;
}

interface Member {
  id: string;
  instance: string | null;
  topics: string[];
}

interface Step {
  assignor: "uniform" | "range";
  topics: Topic[];
  members: Member[];
}

type Shown = Record<string, Record<string, number[]>>;

/** The life of a group; what members read differs, in some groups. */
function lifeOf(random: SeededRandom): Step[] {
  const alike = random.oneIn(2);
  const topics: Topic[] = [];
  let members: Member[] = [];
  const uuid = () => random.bytes(16).toString("base64url");
  const read = () => {
    const some = topics.filter(() => alike || random.below(3) > 0);
    return some.map(({ id }) => id);
  };
  const steps: Step[] = [];
  for (let step = 0; step < STEPS; step++) {
    const dice = random.below(4);
    if (topics.length === 0 || dice === 0) {
      topics.push({ id: uuid(), partitions: 1 + random.below(random.oneIn(5) ? 70 : 9) });
    } else if (dice === 1) random.pick(topics).partitions += random.below(5);
    if (members.length > 1 && random.oneIn(3)) members = members.filter(() => random.below(3) > 0);
    const joining = members.length === 0 ? 1 + random.below(8) : random.below(3);
    for (let i = 0; i < joining; i++) {
      members.push({ id: uuid(), instance: random.oneIn(4) ? `i${random.below(1000)}` : null, topics: [] });
    }
    for (const member of members) if (alike || member.topics.length === 0 || random.oneIn(4)) member.topics = read();
    const copy = structuredClone({ topics, members });
    if (copy.members.length > 0) steps.push({ assignor: random.oneIn(4) ? "range" : "uniform", ...copy });
  }
  return steps;
}

/** What ours makes of it. */
function assigned(steps: readonly Step[]): Shown[] {
  let before = new Map<string, Assignment>();
  return steps.map((step) => {
    const counts = new Map(step.topics.map(({ id, partitions }) => [id, partitions]));
    const members = step.members.map(
      ({ id, instance, topics }): AssignorMember => ({
        memberId: id,
        instanceId: instance,
        topicIds: topics,
        topicNameCount: topics.length,
        assignment: before.get(id) ?? new Map(),
      }),
    );
    const owned = new Set(
      members.flatMap(({ assignment }) => [...assignment].flatMap(([id, all]) => all.map((p) => `${id} ${p}`))),
    );
    const result = (step.assignor === "range" ? assignRanges : assignUniformly)({
      members: visited(members),
      homogeneous: new Set(step.members.map(({ topics }) => [...topics].sort().join())).size === 1,
      partitionCount: (id) => counts.get(id) ?? -1,
      wasAssigned: (id, partition) => owned.has(`${id} ${partition}`),
    });
    before = new Map(step.members.map(({ id }) => [id, result.get(id) ?? new Map()]));
    const shown = [...before].map(([id, assignment]) => [id, Object.fromEntries(assignment)]);
    return Object.fromEntries(shown) as Shown;
  });
}

describeWith("Apache Kafka's assignors", await findApacheKafka(), (kafka) => {
  test("assign what ours assign", async () => {
    const lives = Array.from({ length: GROUPS }, (_, seed) => lifeOf(new SeededRandom(seed)));
    const input = lives.map((life) => `${JSON.stringify(life)}\n`).join("");
    const theirs = (await kafka.run(JAVA_PROGRAM, [], { input }))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    let at = 0;
    for (const [seed, life] of lives.entries()) {
      const ours = assigned(life);
      for (const [step, shown] of ours.entries()) expect(shown, `group ${seed}, step ${step}`).toEqual(theirs[at++]);
    }
    expect(at).toBe(theirs.length);
  });
});
