/** What the cluster is set to: configs, features, producer ids, quotas. Codes and texts are Kafka 4.3.1's answers. */
import { createHash, createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { ConfigOperationType } from "../../../broker/config/config-operation.ts";
import { ResourceType } from "../../../broker/metadata/metadata-image.ts";
import { decideFence } from "../../../cluster/controller/brokers/fence-broker.ts";
import { decideConfigs, decideReplacedConfigs } from "../../../cluster/controller/configs/alter-configs.ts";
import { decideClientQuotas } from "../../../cluster/controller/configs/client-quotas.ts";
import { decideProducerIds } from "../../../cluster/controller/configs/producer-ids.ts";
import { decideScramCredentials } from "../../../cluster/controller/configs/scram-credentials.ts";
import { decideUpdateFeatures } from "../../../cluster/controller/configs/update-features.ts";
import { splittable } from "../../../cluster/controller/decision.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { DecisionBench } from "../support/decision-bench.ts";
import { codeOf } from "../support/error-code.ts";

const { SET, DELETE, APPEND, SUBTRACT } = ConfigOperationType;
const { TOPIC, BROKER, CLIENT_METRICS, GROUP } = ResourceType;
const OLD = { isNew: false, forwarded: true };

type Operation = readonly [type: number, name: string, value?: string | null];

function alter(bench: DecisionBench, type: ResourceType, name: string, ...operations: Operation[]): void {
  const asked = operations.map(([configOperation, key, value = null]) => ({ configOperation, name: key, value }));
  bench.do((view) => splittable(decideConfigs(view, { type, name }, asked, OLD), undefined));
}

/** The code it is refused with. */
function refused(bench: DecisionBench, type: ResourceType, name: string, ...operations: Operation[]) {
  const before = bench.nextOffset;
  const code = codeOf(() => alter(bench, type, name, ...operations));
  if (code !== undefined) expect(bench.nextOffset).toBe(before);
  return code;
}

function oneTopic(configs: Record<string, string> = {}): DecisionBench {
  const bench = new DecisionBench();
  bench.start(1, 2);
  bench.createTopic("t", [[1, 2]], configs);
  return bench;
}

const configsOf = (bench: DecisionBench, type: ResourceType, name: string) =>
  Object.fromEntries(bench.image.configsOf(type, name));

describe("configs, one by one", () => {
  test("R163: set, changed, deleted; the same again writes nothing", () => {
    const bench = oneTopic();
    alter(bench, TOPIC, "t", [SET, "retention.ms", "1000"], [SET, "segment.bytes", "2000000"]);
    expect(configsOf(bench, TOPIC, "t")).toEqual({ "retention.ms": "1000", "segment.bytes": "2000000" });
    const before = bench.nextOffset;
    alter(bench, TOPIC, "t", [SET, "retention.ms", "1000"], [DELETE, "flush.ms"]);
    expect(bench.nextOffset).toBe(before);
    alter(bench, TOPIC, "t", [DELETE, "retention.ms"]);
    expect(configsOf(bench, TOPIC, "t")).toEqual({ "segment.bytes": "2000000" });
  });

  test("B83: a list takes more and gives back, over the default when nothing is set; others do not", () => {
    const bench = oneTopic();
    alter(bench, TOPIC, "t", [APPEND, "cleanup.policy", "compact"]);
    expect(configsOf(bench, TOPIC, "t")).toEqual({ "cleanup.policy": "delete,compact" });
    const before = bench.nextOffset;
    alter(bench, TOPIC, "t", [APPEND, "cleanup.policy", "compact"]);
    expect(bench.nextOffset).toBe(before);
    alter(bench, TOPIC, "t", [SUBTRACT, "cleanup.policy", "delete"]);
    alter(bench, TOPIC, "t", [SUBTRACT, "cleanup.policy", "delete"]);
    expect(configsOf(bench, TOPIC, "t")).toEqual({ "cleanup.policy": "compact" });
    expect(refused(bench, TOPIC, "t", [APPEND, "retention.ms", "1"])).toBe("INVALID_CONFIG");
    expect(refused(bench, TOPIC, "t", [SUBTRACT, "retention.ms", "1"])).toBe("INVALID_CONFIG");
  });

  test("refusals", () => {
    const bench = oneTopic();
    expect(refused(bench, TOPIC, "nope", [SET, "retention.ms", "1"])).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(refused(bench, TOPIC, "t", [SET, "nope", "1"])).toBe("INVALID_CONFIG");
    expect(refused(bench, TOPIC, "t", [SET, "retention.ms", "abc"])).toBe("INVALID_CONFIG");
    expect(refused(bench, TOPIC, "t", [SET, "retention.ms", "1"], [DELETE, "retention.ms"])).toBe("INVALID_REQUEST");
    expect(refused(bench, TOPIC, "t", [SET, "retention.ms", null])).toBe("INVALID_REQUEST");
    expect(refused(bench, BROKER, "9", [SET, "log.retention.ms", "1"])).toBe("BROKER_ID_NOT_REGISTERED");
    expect(refused(bench, GROUP, "", [SET, "consumer.session.timeout.ms", "45000"])).toBe("INVALID_REQUEST");
    expect(refused(bench, GROUP, "g", [SET, "consumer.session.timeout.ms", "1"])).toBe("INVALID_CONFIG");
    expect(refused(bench, TOPIC, "t", [SET, "cleanup.policy", "x".repeat(40_000)])).toBe("INVALID_CONFIG");
  });

  test("resources of every kind", () => {
    const bench = oneTopic();
    alter(bench, BROKER, "1", [SET, "log.retention.ms", "1"]);
    alter(bench, BROKER, "", [SET, "log.retention.ms", "2"]);
    alter(bench, GROUP, "g", [SET, "consumer.session.timeout.ms", "50000"]);
    alter(bench, CLIENT_METRICS, "m", [SET, "interval.ms", "1000"]);
    expect(configsOf(bench, BROKER, "1")).toEqual({ "log.retention.ms": "1" });
    expect(configsOf(bench, BROKER, "")).toEqual({ "log.retention.ms": "2", "min.insync.replicas": "1" });
    expect(configsOf(bench, GROUP, "g")).toEqual({ "consumer.session.timeout.ms": "50000" });
    expect(configsOf(bench, CLIENT_METRICS, "m")).toEqual({ "interval.ms": "1000" });
    // KAFKA-14136: brokers are told again, so that they read files anew.
    const before = bench.nextOffset;
    alter(bench, BROKER, "1", [SET, "log.retention.ms", "1"]);
    expect(bench.nextOffset).toBe(before + 1);
  });
});

describe("configs as a whole", () => {
  test("what is left out is deleted", () => {
    const bench = oneTopic({ "retention.ms": "1", "flush.ms": "5" });
    const replace = (values: Record<string, string>) =>
      bench.do((view) =>
        splittable(
          decideReplacedConfigs(view, { type: TOPIC, name: "t" }, new Map(Object.entries(values)), OLD),
          undefined,
        ),
      );
    replace({ "retention.ms": "1", "segment.ms": "7" });
    expect(configsOf(bench, TOPIC, "t")).toEqual({ "retention.ms": "1", "segment.ms": "7" });
    const before = bench.nextOffset;
    replace({ "retention.ms": "1", "segment.ms": "7" });
    expect(bench.nextOffset).toBe(before);
    expect(codeOf(() => replace({ nope: "1" }))).toBe("INVALID_CONFIG");
  });
});

describe("min.insync.replicas with eligible leader replicas (KIP-966)", () => {
  function withEligible(): DecisionBench {
    const bench = oneTopic({ "min.insync.replicas": "2" });
    bench.do((view) => decideFence(view, 2, view.image.brokers.get(2)?.brokerEpoch ?? -1));
    expect(bench.partition("t").eligibleLeaderReplicas).toEqual([2]);
    return bench;
  }

  test("one broker has none of its own, and the cluster's stays", () => {
    const bench = oneTopic();
    expect(refused(bench, BROKER, "1", [SET, "min.insync.replicas", "2"])).toBe("INVALID_CONFIG");
    expect(refused(bench, BROKER, "", [DELETE, "min.insync.replicas"])).toBe("INVALID_CONFIG");
    expect(refused(bench, BROKER, "", [SET, "min.insync.replicas", "2"])).toBeUndefined();
  });

  test("a change for the topic, or for all, forgets who was eligible under the old one", () => {
    const one = withEligible();
    alter(one, TOPIC, "t", [SET, "min.insync.replicas", "1"]);
    expect(one.partition("t")).toMatchObject({ eligibleLeaderReplicas: [], inSyncReplicas: [1] });
    const all = withEligible();
    alter(all, BROKER, "", [SET, "min.insync.replicas", "2"]);
    expect(all.partition("t").eligibleLeaderReplicas).toEqual([]);
    const other = withEligible();
    other.createTopic("u", [[1]]);
    alter(other, TOPIC, "u", [SET, "min.insync.replicas", "2"]);
    alter(other, TOPIC, "t", [SET, "retention.ms", "1"]);
    expect(other.partition("t").eligibleLeaderReplicas).toEqual([2]);
  });
});

describe("features", () => {
  const levels = new Map([["metadata.version", 27]]);

  function update(bench: DecisionBench, feature: string, level: number, changes: object = {}): string | undefined {
    const request = {
      timeoutMs: 1000,
      validateOnly: false,
      featureUpdates: [{ feature, maxVersionLevel: level, allowDowngrade: false, upgradeType: 1, ...changes }],
    };
    try {
      bench.do((view) => decideUpdateFeatures(view, request));
      return undefined;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return error.message;
    }
  }

  test("up, and down where nothing is lost", () => {
    const bench = new DecisionBench({ features: levels });
    expect(update(bench, "transaction.version", 2)).toBeUndefined();
    expect(update(bench, "metadata.version", 30)).toBeUndefined();
    expect(bench.image.features).toEqual(
      new Map([
        ["metadata.version", 30],
        ["transaction.version", 2],
      ]),
    );
    expect(update(bench, "transaction.version", 1)).toMatch(/Can't downgrade the version of this feature without/);
    expect(update(bench, "transaction.version", 1, { upgradeType: 2 })).toBeUndefined();
    expect(update(bench, "transaction.version", 2, { upgradeType: 2 })).toMatch(/Can't downgrade to a newer version/);
    expect(update(bench, "transaction.version", 0, { upgradeType: 3 })).toBeUndefined();
    expect(bench.image.features.has("transaction.version")).toBe(false);
  });

  test("refused: unknown, beyond this version, what a broker does not have, unknown ways", () => {
    const bench = new DecisionBench({ features: levels });
    expect(update(bench, "nope", 1)).toMatch(/does not support this feature/);
    expect(update(bench, "metadata.version", 31)).toMatch(/only supports versions 7-30/);
    expect(update(bench, "transaction.version", 1, { upgradeType: 9 })).toMatch(/does not support the given upgrade/);
    expect(update(bench, "transaction.version", -1)).toMatch(/cannot be less than 0/);
    const { features } = bench.registration(1);
    bench.register(1, {
      features: features.map((each) =>
        each.name === "transaction.version" ? { ...each, maxSupportedVersion: 1 } : each,
      ),
    });
    expect(update(bench, "transaction.version", 2)).toMatch(/Broker 1 only supports versions 0-1/);
    expect(update(bench, "kraft.version", 1)).toMatch(/Can't change/);
    expect(bench.image.features).toEqual(levels);
  });

  test("switching eligible leader replicas on writes min.insync.replicas for the cluster, and takes the brokers' own", () => {
    const bench = new DecisionBench({ features: levels, configs: { "min.insync.replicas": "2" } });
    bench.start(1);
    alter(bench, BROKER, "1", [SET, "min.insync.replicas", "1"]);
    expect(update(bench, "eligible.leader.replicas.version", 1)).toBeUndefined();
    expect(configsOf(bench, BROKER, "")).toEqual({ "min.insync.replicas": "2" });
    expect(configsOf(bench, BROKER, "1")).toEqual({});
  });
});

test("R108: blocks of producer ids, each given once", () => {
  const bench = oneTopic();
  const { brokerEpoch } = bench.image.brokers.get(1) ?? { brokerEpoch: -1 };
  const allocate = (epoch: number) => bench.do((view) => decideProducerIds(view, { brokerId: 1, brokerEpoch: epoch }));
  expect(allocate(brokerEpoch)).toEqual({ producerIdStart: 0, producerIdLen: 1000 });
  expect(allocate(brokerEpoch)).toEqual({ producerIdStart: 1000, producerIdLen: 1000 });
  expect(codeOf(() => allocate(brokerEpoch + 1))).toBe("STALE_BROKER_EPOCH");
});

describe("client quotas", () => {
  type Entity = { entityType: string; entityName: string | null }[];
  const user: Entity = [{ entityType: "user", entityName: "u" }];

  function set(bench: DecisionBench, entity: Entity, key: string, value: number, remove = false) {
    const request = { validateOnly: false, entries: [{ entity, ops: [{ key, value, remove }] }] };
    return bench.do((view) => decideClientQuotas(view, request)).entries[0]?.errorCode;
  }

  test("set and removed", () => {
    const bench = new DecisionBench();
    expect(set(bench, user, "producer_byte_rate", 1000)).toBe(0);
    expect([...bench.image.clientQuotas.values()].map(({ values }) => [...values])).toEqual([
      [["producer_byte_rate", 1000]],
    ]);
    const before = bench.nextOffset;
    expect(set(bench, user, "producer_byte_rate", 1000)).toBe(0);
    expect(bench.nextOffset).toBe(before);
    expect(set(bench, user, "producer_byte_rate", 0, true)).toBe(0);
    expect(bench.image.clientQuotas.size).toBe(0);
  });

  test("of two parts of one type the last counts", () => {
    const bench = new DecisionBench();
    expect(set(bench, [{ entityType: "user", entityName: "first" }, ...user], "producer_byte_rate", 1000)).toBe(0);
    expect([...bench.image.clientQuotas.values()].map(({ entity }) => entity)).toEqual([user]);
  });

  test("B87: values and entities that cannot be", () => {
    const bench = new DecisionBench();
    for (const value of [0, -1, Number.POSITIVE_INFINITY]) {
      expect(set(bench, user, "producer_byte_rate", value), String(value)).toBe(42);
    }
    expect(set(bench, user, "request_percentage", Number.NaN)).toBe(0);
    expect(set(bench, user, "nope", 1)).toBe(42);
    expect(set(bench, [{ entityType: "user", entityName: "" }], "producer_byte_rate", 1)).toBe(42);
    expect(set(bench, [{ entityType: "nope", entityName: "x" }], "producer_byte_rate", 1)).toBe(42);
    expect(set(bench, [{ entityType: "ip", entityName: null }], "connection_creation_rate", 1.5)).toBe(42);
    expect(set(bench, [], "producer_byte_rate", 1)).toBe(42);
  });
});

describe("SCRAM credentials", () => {
  const SHA_256 = 1;
  const SHA_512 = 2;
  /** The example of RFC 7677. */
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  const saltedPassword = Buffer.from("c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d", "hex");
  const upsertion = { name: "u", mechanism: SHA_256, iterations: 4096, salt, saltedPassword };

  function alter(
    bench: DecisionBench,
    upsertions: (typeof upsertion)[],
    deletions: { name: string; mechanism: number }[] = [],
  ) {
    const { results } = bench.do((view) => decideScramCredentials(view, { upsertions, deletions }));
    return Object.fromEntries(results.map(({ user, errorCode, errorMessage }) => [user, errorMessage ?? errorCode]));
  }

  test("set, of the password only what it is checked with; and removed", () => {
    const bench = new DecisionBench();
    expect(alter(bench, [upsertion])).toEqual({ u: 0 });
    const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();
    expect([...bench.image.scramCredentials.values()]).toEqual([
      {
        ...{ name: "u", mechanism: SHA_256, iterations: 4096, salt },
        storedKey: createHash("sha256").update(hmac(saltedPassword, "Client Key")).digest(),
        serverKey: hmac(saltedPassword, "Server Key"),
      },
    ]);
    expect(alter(bench, [{ ...upsertion, iterations: 8192 }])).toEqual({ u: 0 });
    expect([...bench.image.scramCredentials.values()]).toMatchObject([{ iterations: 8192 }]);
    expect(alter(bench, [], [{ name: "u", mechanism: SHA_256 }])).toEqual({ u: 0 });
    expect(bench.image.scramCredentials.size).toBe(0);
  });

  test("what cannot be is refused in Kafka's words, and the rest done", () => {
    const bench = new DecisionBench();
    const asked = [
      upsertion,
      { ...upsertion, name: "" },
      { ...upsertion, name: "few", iterations: 4095 },
      { ...upsertion, name: "many", iterations: 16385 },
      { ...upsertion, name: "other", mechanism: 3 },
      { ...upsertion, name: "empty", saltedPassword: Buffer.alloc(0) },
      { ...upsertion, name: "twice" },
      { ...upsertion, name: "twice", mechanism: SHA_512 },
    ];
    expect(alter(bench, asked, [{ name: "nobody", mechanism: SHA_256 }])).toEqual({
      u: 0,
      "": "Username must not be empty",
      few: "Too few iterations",
      many: "Too many iterations",
      other: "Unknown SCRAM mechanism",
      empty: -1,
      twice: "A user credential cannot be altered twice in the same request",
      nobody: "Attempt to delete a user credential that does not exist",
    });
    expect([...bench.image.scramCredentials.values()].map(({ name }) => name)).toEqual(["u"]);
  });
});
