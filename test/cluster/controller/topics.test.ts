/** Topics come into being, grow and go: decisions over states made of records. Texts and codes are Kafka 4.3.1's answers. */
import { describe, expect, test } from "vitest";
import { decideCreatePartitions } from "../../../cluster/controller/topics/create-partitions.ts";
import { decideCreateTopics } from "../../../cluster/controller/topics/create-topics.ts";
import { decideDeleteTopics } from "../../../cluster/controller/topics/delete-topics.ts";
import { ReplicaPlacer } from "../../../cluster/controller/topics/replica-placer.ts";
import { type ErrorCode, errorName } from "../../../protocol/error-codes.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { DecisionBench, uuid } from "../support/decision-bench.ts";
import { codeOf } from "../support/error-code.ts";

type CreateRequest = Parameters<typeof decideCreateTopics>[1];
type NewTopic = CreateRequest["topics"][number];
type GrowRequest = Parameters<typeof decideCreatePartitions>[1];

function newTopic(name: string, changes: Partial<NewTopic> = {}): NewTopic {
  return { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [], ...changes };
}

function create(bench: DecisionBench, topics: NewTopic[], validateOnly = false) {
  const request = { topics, timeoutMs: 1000, validateOnly };
  return bench.do((view) => decideCreateTopics(view, request, bench.random)).topics;
}

/** The answer for one topic. */
function createOne(bench: DecisionBench, changes: Partial<NewTopic> = {}, name = "t") {
  const [answer] = create(bench, [newTopic(name, changes)]);
  if (answer === undefined) throw new Error("no answer");
  return { ...answer, error: errorName(answer.errorCode as ErrorCode) };
}

function assigned(...replicas: number[][]): NewTopic["assignments"] {
  return replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
}

function config(name: string, value: string | null): NewTopic["configs"] {
  return [{ name, value }];
}

function grow(bench: DecisionBench, name: string, count: number, assignments: number[][] | null = null) {
  const request: GrowRequest = {
    topics: [
      { name, count, assignments: assignments === null ? null : assignments.map((brokerIds) => ({ brokerIds })) },
    ],
    timeoutMs: 1000,
    validateOnly: false,
  };
  const [answer] = bench.do((view) => decideCreatePartitions(view, request, bench.random)).results;
  return { error: errorName(answer?.errorCode as ErrorCode), message: answer?.errorMessage };
}

function remove(bench: DecisionBench, topics: { name: string | null; topicId: string }[], apiVersion = 6) {
  const request = { topics, topicNames: [], timeoutMs: 1000 };
  return bench
    .do((view) => decideDeleteTopics(view, request, apiVersion))
    .responses.map(({ errorCode }) => errorName(errorCode as ErrorCode));
}

describe("CreateTopics", () => {
  test("R160: -1 and -1 take the node's defaults, and the answer tells them with the effective configs", () => {
    const bench = new DecisionBench({ configs: { "num.partitions": "3", "default.replication.factor": "2" } });
    bench.start(1, 2);
    const answer = createOne(bench, { configs: config("retention.ms", "1000") });
    expect(answer).toMatchObject({ error: "NONE", numPartitions: 3, replicationFactor: 2 });
    expect(answer.configs?.length).toBe(33);
    expect(answer.configs?.find(({ name }) => name === "retention.ms")).toMatchObject({
      value: "1000",
      configSource: 1,
    });
    expect(answer.configs?.find(({ name }) => name === "min.insync.replicas")).toMatchObject({ configSource: 3 });
    expect(answer.configs?.find(({ name }) => name === "segment.bytes")).toMatchObject({ configSource: 5 });
    expect(bench.image.topics.get("t")?.id).toBe(answer.topicId);
    expect(bench.image.configsOf(2, "t")).toEqual(new Map([["retention.ms", "1000"]]));
  });

  test("R160: validateOnly answers as if it were done, and nothing is", () => {
    const bench = new DecisionBench();
    bench.start(1);
    const before = bench.nextOffset;
    const [answer] = create(bench, [newTopic("t")], true);
    expect(answer).toMatchObject({ errorCode: 0, numPartitions: 1, replicationFactor: 1 });
    expect(answer?.topicId).not.toBe(ZERO_UUID);
    expect(bench.nextOffset).toBe(before);
  });

  test("R160: a topic named twice in a request is refused once, others go on", () => {
    const bench = new DecisionBench();
    bench.start(1);
    const answers = create(bench, [newTopic("twice"), newTopic("once"), newTopic("twice")]);
    expect(answers.map(({ name, errorCode, errorMessage }) => ({ name, errorCode, errorMessage }))).toEqual([
      { name: "once", errorCode: 0, errorMessage: null },
      { name: "twice", errorCode: 42, errorMessage: "Duplicate topic name." },
    ]);
    expect([...bench.image.topics.keys()]).toEqual(["once"]);
  });

  test("R160: of two who create the same name one wins", () => {
    const bench = new DecisionBench();
    bench.start(1);
    expect(createOne(bench).error).toBe("NONE");
    expect(createOne(bench)).toEqual({
      error: "TOPIC_ALREADY_EXISTS",
      errorCode: 36,
      name: "t",
      errorMessage: "Topic 't' already exists.",
      numPartitions: -1,
      replicationFactor: -1,
      configs: [],
    });
  });

  test("names: illegal ones, ones that collide, internal ones", () => {
    const bench = new DecisionBench();
    bench.start(1);
    for (const name of ["", ".", "..", "a b", "@metadata", "x".repeat(250), "a/../b"]) {
      expect(createOne(bench, {}, name).error, name).toBe("INVALID_TOPIC_EXCEPTION");
    }
    expect(createOne(bench, {}, "__cluster_metadata")).toMatchObject({
      error: "INVALID_REQUEST",
      errorMessage: "Creation of internal topic __cluster_metadata is prohibited.",
    });
    expect(createOne(bench, {}, "a.b").error).toBe("NONE");
    expect(createOne(bench, {}, "a_b")).toMatchObject({
      error: "INVALID_TOPIC_EXCEPTION",
      errorMessage: "Topic 'a_b' collides with existing topic: a.b",
    });
    remove(bench, [{ name: "a.b", topicId: ZERO_UUID }]);
    expect(createOne(bench, {}, "a_b").error).toBe("NONE");
  });

  test("B80: counts that cannot be", () => {
    const bench = new DecisionBench();
    bench.start(1);
    for (const numPartitions of [0, -2]) {
      expect(createOne(bench, { numPartitions })).toMatchObject({
        error: "INVALID_PARTITIONS",
        errorMessage: "Number of partitions was set to an invalid non-positive value.",
      });
    }
    for (const numPartitions of [10_001, 2 ** 31 - 1]) {
      expect(codeOf(() => createOne(bench, { numPartitions }))).toBe("POLICY_VIOLATION");
    }
    // The records of the topic itself come on top.
    expect(codeOf(() => createOne(bench, { numPartitions: 10_000 }))).toBe("POLICY_VIOLATION");
    for (const replicationFactor of [0, -2]) {
      expect(createOne(bench, { replicationFactor }).error).toBe("INVALID_REPLICATION_FACTOR");
    }
    expect(createOne(bench, { replicationFactor: 2 }).errorMessage).toMatch(
      /^Unable to replicate the partition 2 time\(s\): The target replication factor of 2 cannot be reached because only 1 broker\(s\) are registered/,
    );
    // Several topics together are as much as one.
    const several = [newTopic("a", { numPartitions: 6000 }), newTopic("b", { numPartitions: 6000 })];
    expect(codeOf(() => create(bench, several))).toBe("POLICY_VIOLATION");
    expect(bench.image.topics.size).toBe(0);
  });

  test("B80: assignments that cannot be", () => {
    const bench = new DecisionBench();
    bench.start(1, 2);
    const refused = (changes: Partial<NewTopic>) => createOne(bench, changes).error;
    expect(refused({ assignments: assigned([1]), numPartitions: 1 })).toBe("INVALID_REQUEST");
    expect(refused({ assignments: assigned([1]), replicationFactor: 1 })).toBe("INVALID_REQUEST");
    const invalid: NewTopic["assignments"][] = [
      assigned([]),
      assigned([1, 1]),
      assigned([9]),
      assigned([-1]),
      assigned([1], [1, 2]),
      [{ partitionIndex: 1, brokerIds: [1] }],
      [{ partitionIndex: -1, brokerIds: [1] }],
      [...assigned([1]), ...assigned([2])],
    ];
    for (const assignments of invalid) {
      expect(refused({ assignments }), JSON.stringify(assignments)).toBe("INVALID_REPLICA_ASSIGNMENT");
    }
    expect(refused({ assignments: assigned([2, 1], [1, 2]) })).toBe("NONE");
    expect(bench.partition("t", 0)).toMatchObject({ replicas: [2, 1], leader: 2, inSyncReplicas: [2, 1] });
  });

  test("B80: configs that cannot be", () => {
    const bench = new DecisionBench();
    bench.start(1);
    const refused = (name: string, value: string | null) => createOne(bench, { configs: config(name, value) });
    expect(refused("nope", "1")).toMatchObject({
      error: "INVALID_CONFIG",
      errorMessage: "Unknown topic config name: nope",
    });
    expect(refused("retention.ms", null)).toMatchObject({
      error: "INVALID_CONFIG",
      errorMessage: "Null value not supported for topic configs: retention.ms",
    });
    for (const value of ["NaN", "abc", "-2", ""]) expect(refused("retention.ms", value).error).toBe("INVALID_CONFIG");
    expect(refused("cleanup.policy", `delete${" ".repeat(1 << 20)}`).error).toBe("INVALID_CONFIG");
    expect(bench.image.topics.size).toBe(0);
    expect(bench.image.resourcesWithConfigs(2)).toEqual([]);
  });

  test("with fenced brokers: assigned but not in sync, and refused when nobody is there", () => {
    const bench = new DecisionBench();
    bench.start(1);
    bench.register(2);
    expect(createOne(bench, { replicationFactor: 2 }).error).toBe("NONE");
    expect(bench.partition("t")).toMatchObject({ replicas: [1, 2], inSyncReplicas: [1], leader: 1 });
    expect(createOne(bench, { assignments: assigned([2]) }, "u")).toMatchObject({
      error: "INVALID_REPLICA_ASSIGNMENT",
      errorMessage:
        "All brokers specified in the manual partition assignment for partition 0 are fenced or in controlled shutdown.",
    });
    const none = new DecisionBench();
    none.register(1);
    expect(createOne(none).error).toBe("INVALID_REPLICATION_FACTOR");
  });
});

describe("placement", () => {
  const place = (brokers: [number, string | null, boolean?][], partitions: number, factor: number, seed = 1) =>
    new ReplicaPlacer(
      brokers.map(([id, rack, fenced = false]) => ({ id, rack, fenced })),
      new SeededRandom(seed),
    ).place(partitions, factor);

  test("leaders and replicas are spread evenly, whatever the draw", () => {
    for (let seed = 0; seed < 20; seed++) {
      const brokers = [1, 2, 3, 4].map((id): [number, null] => [id, null]);
      const leaders = new Map<number, number>();
      for (const replicas of place(brokers, 40, 3, seed)) {
        expect(new Set(replicas).size).toBe(3);
        leaders.set(replicas[0] as number, (leaders.get(replicas[0] as number) ?? 0) + 1);
      }
      expect([...leaders.values()]).toEqual([10, 10, 10, 10]);
    }
  });

  test("replicas go to as many racks as there are", () => {
    const racks = new Map([1, 2, 3, 4, 5, 6].map((id) => [id, `rack-${id % 3}`] as const));
    for (let seed = 0; seed < 20; seed++) {
      for (const replicas of place([...racks], 30, 3, seed)) {
        expect(new Set(replicas.map((id) => racks.get(id))).size).toBe(3);
      }
    }
  });

  test("a fenced broker gets a replica when there is nobody else, and never leads", () => {
    const brokers: [number, null, boolean][] = [
      [1, null, false],
      [2, null, true],
      [3, null, false],
    ];
    for (const replicas of place(brokers, 10, 2)) expect([...replicas].sort()).toEqual([1, 3]);
    for (const replicas of place(brokers, 10, 3)) expect(replicas[2]).toBe(2);
  });

  test("a lone broker leads everything", () => {
    expect(place([[7, "a"]], 3, 1)).toEqual([[7], [7], [7]]);
  });
});

describe("CreatePartitions", () => {
  test("R161, B81: only up, by as much as a request may write, with the replication factor the topic has", () => {
    const bench = new DecisionBench();
    bench.start(1, 2);
    bench.createTopic("t", [[1, 2]]);
    expect(grow(bench, "t", 0)).toEqual({
      error: "INVALID_PARTITIONS",
      message: "The topic t currently has 1 partition(s); 0 would not be an increase.",
    });
    expect(grow(bench, "t", 1)).toEqual({
      error: "INVALID_PARTITIONS",
      message: "Topic already has 1 partition(s).",
    });
    expect(grow(bench, "nope", 2).error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(grow(bench, "t", 2 ** 31 - 1).error).toBe("POLICY_VIOLATION");
    expect(grow(bench, "t", 3).error).toBe("NONE");
    expect(bench.image.topics.get("t")?.partitions.map(({ replicas }) => [...replicas].sort())).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
  });

  test("B81: assignments, one for each new partition", () => {
    const bench = new DecisionBench();
    bench.start(1, 2);
    bench.createTopic("t", [[1]]);
    expect(grow(bench, "t", 3, [[1]]).error).toBe("INVALID_REPLICA_ASSIGNMENT");
    expect(grow(bench, "t", 3, []).error).toBe("INVALID_REPLICA_ASSIGNMENT");
    expect(grow(bench, "t", 3, [[1], [1, 2]]).error).toBe("INVALID_REPLICA_ASSIGNMENT");
    expect(grow(bench, "t", 3, [[1], [9]]).error).toBe("INVALID_REPLICA_ASSIGNMENT");
    expect(grow(bench, "t", 3, [[2], [1]]).error).toBe("NONE");
    expect(bench.partition("t", 1).replicas).toEqual([2]);
    expect(bench.partition("t", 2).replicas).toEqual([1]);
  });
});

describe("DeleteTopics", () => {
  test("R162: by name or id; a topic of the same name made anew has another id", () => {
    const bench = new DecisionBench();
    bench.start(1);
    const first = bench.createTopic("t", [[1]], { "retention.ms": "1" });
    bench.createTopic("u", [[1]]);
    expect(
      remove(bench, [
        { name: "t", topicId: ZERO_UUID },
        { name: null, topicId: bench.image.topics.get("u")?.id as string },
      ]),
    ).toEqual(["NONE", "NONE"]);
    expect(bench.image.topics.size).toBe(0);
    // Its configs are gone with it.
    expect(bench.image.configsOf(2, "t").size).toBe(0);
    const second = bench.createTopic("t", [[1]]);
    expect(second).not.toBe(first);
    expect(remove(bench, [{ name: null, topicId: first }])).toEqual(["UNKNOWN_TOPIC_ID"]);
    expect(bench.propose("t", [1], { topicId: first }).errorCode).toBe(100);
  });

  test("requests that name nothing, too much, or the same thing twice", () => {
    const bench = new DecisionBench();
    bench.start(1);
    const id = bench.createTopic("t", [[1]]);
    expect(remove(bench, [{ name: null, topicId: ZERO_UUID }])).toEqual(["INVALID_REQUEST"]);
    expect(remove(bench, [{ name: "t", topicId: id }])).toEqual(["INVALID_REQUEST"]);
    expect(remove(bench, [{ name: "nope", topicId: ZERO_UUID }])).toEqual(["UNKNOWN_TOPIC_OR_PARTITION"]);
    expect(remove(bench, [{ name: null, topicId: uuid("nope") }])).toEqual(["UNKNOWN_TOPIC_ID"]);
    const twice = { name: "t", topicId: ZERO_UUID };
    expect(remove(bench, [twice, twice])).toEqual(["INVALID_REQUEST"]);
    expect(remove(bench, [twice, { name: null, topicId: id }])).toEqual(["INVALID_REQUEST"]);
    expect(bench.image.topics.size).toBe(1);
  });

  test("B88: the internal topics of coordinators may be deleted and made anew, as in Kafka", () => {
    const bench = new DecisionBench();
    bench.start(1);
    bench.createTopic("__consumer_offsets", [[1]]);
    expect(remove(bench, [{ name: "__consumer_offsets", topicId: ZERO_UUID }])).toEqual(["NONE"]);
    expect(createOne(bench, {}, "__consumer_offsets").error).toBe("NONE");
  });

  test("switched off by delete.topic.enable", () => {
    const bench = new DecisionBench({ configs: { "delete.topic.enable": "false" } });
    bench.start(1);
    bench.createTopic("t", [[1]]);
    const asked = [{ name: "t", topicId: ZERO_UUID }];
    expect(codeOf(() => remove(bench, asked))).toBe("TOPIC_DELETION_DISABLED");
    expect(codeOf(() => remove(bench, asked, 2))).toBe("INVALID_REQUEST");
  });
});
