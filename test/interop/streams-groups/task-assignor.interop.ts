/** R207: our task assignor against Apache Kafka's own, on groups that members and processes join and leave, and whose topics grow: the same, task by task. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { assignTasks } from "../../../broker/groups/streams/assignor/sticky-assignor.ts";
import { NO_TASKS, type Tasks } from "../../../broker/groups/streams/tasks.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith } from "../support/toolchain.ts";

const JAVA_PROGRAM = fileURLToPath(new URL("KafkaTaskAssignor.java", import.meta.url));
const GROUPS = 100;
const STEPS = 12;

interface Step {
  readonly members: { id: string; process: string }[];
  readonly subtopologies: { id: string; tasks: number; stateful: boolean }[];
  readonly standbys: number;
}

type Shown = Record<string, [Record<string, number[]>, Record<string, number[]>]>;

/** The life of a group: threads come in processes, and go one by one or with their process. */
function lifeOf(random: SeededRandom): Step[] {
  const subtopologies: Step["subtopologies"] = [];
  let members: Step["members"] = [];
  const uuid = () => random.bytes(16).toString("base64url");
  let standbys = random.below(4);
  const steps: Step[] = [];
  for (let step = 0; step < STEPS; step++) {
    if (subtopologies.length < 6 && (subtopologies.length === 0 || random.oneIn(6))) {
      const tasks = 1 + random.below(random.oneIn(5) ? 40 : 8);
      subtopologies.push({ id: String(random.below(20)), tasks, stateful: random.oneIn(2) });
    }
    if (random.oneIn(6)) random.pick(subtopologies).tasks += random.below(4);
    if (random.oneIn(10)) standbys = random.below(4);
    if (members.length > 1 && random.oneIn(3)) members = members.filter(() => random.below(3) > 0);
    if (members.length > 1 && random.oneIn(5)) {
      const { process } = random.pick(members);
      members = members.filter((member) => member.process !== process);
    }
    const joining = members.length === 0 ? 1 + random.below(8) : random.below(4);
    for (let i = 0; i < joining; i++) {
      const known = members.length > 0 && random.oneIn(2);
      members.push({ id: uuid(), process: known ? random.pick(members).process : uuid() });
    }
    const distinct = [...new Map(subtopologies.map((each) => [each.id, each])).values()];
    steps.push(structuredClone({ members, subtopologies: distinct, standbys }));
  }
  return steps;
}

/** What ours makes of it. */
function assigned(steps: readonly Step[]): Shown[] {
  let before: ReadonlyMap<string, Tasks> = new Map();
  return steps.map(({ members, subtopologies, standbys }) => {
    before = assignTasks(
      members.map(({ id, process }) => ({ memberId: id, processId: process, target: before.get(id) ?? NO_TASKS })),
      [...subtopologies]
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .map(({ id, tasks, stateful }) => ({ subtopologyId: id, taskCount: tasks, isStateful: stateful })),
      standbys,
    );
    const shown = [...before].map(([id, { active, standby }]) => [
      id,
      [Object.fromEntries(active), Object.fromEntries(standby)],
    ]);
    return Object.fromEntries(shown) as Shown;
  });
}

describeWith("Apache Kafka's task assignor", await findApacheKafka(), (kafka) => {
  test("R207: assigns what ours assigns", async () => {
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
