/** The controller over a log and a disk: it starts, commits before it answers, fails, and comes back with what it said. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ClusterDelta } from "../../../cluster/metadata/cluster-image.ts";
import { metadataBatches } from "../../../cluster/metadata/metadata-batch.ts";
import { AlterPartition } from "../../../protocol/messages/alter-partition.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { DescribeQuorum } from "../../../protocol/messages/quorum.ts";
import { CreatePartitions, CreateTopics, DeleteTopics } from "../../../protocol/messages/topics.ts";
import { METADATA_TOPIC_ID, ZERO_UUID } from "../../../protocol/uuid.ts";
import { SeededRandom as SimulationRandom } from "../../simulation/seeded-random.ts";
import { SimulatedDisk } from "../../simulation/simulated-disk.ts";
import { unpackGolden } from "../../support/golden-disk.ts";
import { ControllerBench, METADATA_DIRECTORY, METADATA_LOG_PATH, machine } from "../support/controller-bench.ts";
import { uuid } from "../support/decision-bench.ts";

function newTopic(name: string, numPartitions = 1, replicationFactor = 1) {
  return { name, numPartitions, replicationFactor, assignments: [], configs: [] };
}

/** The creation of one topic. */
function creating(name: string, timeoutMs = 1000) {
  return { topics: [newTopic(name)], timeoutMs };
}

function logOf(bench: ControllerBench): Buffer {
  return bench.machine.disk.readFile(`${METADATA_LOG_PATH}/00000000000000000000.log`);
}

function faultyDisk(): SimulatedDisk {
  return new SimulatedDisk({ random: new SimulationRandom("controller") });
}

/** Lets it go on until the condition holds. */
async function until(bench: ControllerBench, condition: () => boolean): Promise<void> {
  await bench.settled(
    (async () => {
      while (!condition()) await new Promise((resolve) => setImmediate(resolve));
    })(),
  );
}

describe("start", () => {
  test("an empty disk: the same records as Kafka writes, in the same batches", async () => {
    const bench = await ControllerBench.started({ nodeId: 1 });
    const kafkas = [
      ...metadataBatches(readFileSync(new URL("../../golden/metadata/clean.log", import.meta.url))),
    ].slice(0, 3);
    const ours = [...metadataBatches(logOf(bench))];
    const shape = (batches: typeof ours) =>
      batches.map(({ baseOffset, leaderEpoch, controls, records }) => ({
        baseOffset,
        leaderEpoch,
        controls: controls.map(({ type, data }) => ({ type, data })),
        records: records.map((record) =>
          record.type === "RegisterController"
            ? record.type
            : { type: record.type, version: record.version, data: record.data },
        ),
      }));
    // Kafka puts its own registration where it comes to it; what is before it is the same.
    expect(shape(ours.slice(0, 2))).toEqual(shape(kafkas.slice(0, 2)));
    expect(ours.at(-1)?.records.map(({ type }) => type)).toEqual(["RegisterController"]);
  });

  test("R68: it answers nobody before the start of its epoch is on the device", async () => {
    const disk = faultyDisk();
    const fault = disk.faults.add({ operation: "sync", path: /\.log$/, error: "io" });
    const bench = new ControllerBench({ machine: machine({ disk }) });
    await expect(bench.settled(bench.controller.start())).rejects.toThrow();
    expect(bench.controller.isActive).toBe(false);
    expect((await bench.send(CreateTopics, 7, creating("t"))).topics[0]?.errorCode).toBe(41);
    fault.remove();
    await bench.settled(bench.controller.start());
    expect(bench.controller.isActive).toBe(true);
  });

  test("a restart gives the same image, in a new epoch, and tells listeners of all there is", async () => {
    const before = await ControllerBench.started();
    await before.brokers(1, 2);
    await before.send(CreateTopics, 7, creating("t"));
    const held = before.controller.image;
    for (const how of ["kill", "stop"] as const) {
      const after = await before.restarted(how);
      expect(after.controller.image.topics.get("t")).toEqual(held.topics.get("t"));
      expect([...after.controller.image.brokers]).toEqual([...held.brokers]);
      after.controller.kill();
    }
  });

  test("each epoch is one more than the last, also when nothing was written in it", async () => {
    let bench = await ControllerBench.started();
    const epochs = [bench.controller.image.leaderEpoch];
    for (let count = 0; count < 3; count++) {
      bench = await bench.restarted(count === 1 ? "stop" : "kill");
      epochs.push(bench.controller.image.leaderEpoch);
    }
    expect(epochs).toEqual([1, 2, 3, 4]);
  });

  test("directories of Kafka, closed or not, are taken over", async () => {
    for (const name of ["clean", "unclean"] as const) {
      const around = machine();
      // meta.properties lies beside the partitions.
      unpackGolden(around.disk, METADATA_DIRECTORY, name, ["", "__cluster_metadata-0"]);
      const properties = around.disk.readFile(`${METADATA_DIRECTORY}/meta.properties`).toString();
      const clusterId = /cluster\.id=(.+)/.exec(properties)?.[1]?.trim();
      if (clusterId === undefined) throw new Error("no cluster id");
      const bench = await ControllerBench.started({
        machine: around,
        nodeId: 1,
        clusterId,
        cleanShutdown: name === "clean",
      });
      expect(bench.controller.image.topics.size, name).toBeGreaterThan(0);
      expect(bench.controller.image.features.get("metadata.version")).toBe(30);
      const again = await bench.restarted();
      expect(again.controller.image.leaderEpoch).toBe(bench.controller.image.leaderEpoch + 1);
    }
  });
});

describe("commits", () => {
  test("the image is told before whoever asked is answered, and neither before the records are on the device", async () => {
    const disk = faultyDisk();
    const bench = await ControllerBench.started({ machine: machine({ disk }) });
    await bench.brokers(1);
    const told: string[] = [];
    bench.controller.onCommit(({ image }: ClusterDelta) => told.push(`image with ${image.topics.size}`));
    const answer = bench.send(CreateTopics, 7, creating("t")).then(() => told.push("answered"));
    expect(bench.controller.view.image.topics.size).toBe(1);
    expect(bench.controller.image.topics.size).toBe(0);
    expect(told).toEqual([]);
    await answer;
    expect(told).toEqual(["image with 1", "answered"]);
  });

  test("what reads what is not committed waits for it", async () => {
    const bench = await ControllerBench.started();
    await bench.brokers(1);
    const order: string[] = [];
    const first = bench.send(CreateTopics, 7, creating("t")).then(() => order.push("created"));
    const second = bench.send(CreateTopics, 7, creating("t")).then(({ topics }) => {
      order.push(`again: ${topics[0]?.errorCode}`);
    });
    await Promise.all([first, second]);
    expect(order).toEqual(["created", "again: 36"]);
  });

  test("R72: the disk fails between deciding and committing: NOT_CONTROLLER, and after the restart the log alone says what is", async () => {
    const disk = faultyDisk();
    const bench = await ControllerBench.started({ machine: machine({ disk }) });
    await bench.brokers(1);
    const images: number[] = [];
    bench.controller.onCommit(({ image }) => images.push(image.topics.size));
    const fault = disk.faults.add({ operation: "sync", path: /\.log$/, error: "io" });
    const { topics } = await bench.send(CreateTopics, 7, creating("t"));
    expect(topics[0]?.errorCode).toBe(41);
    expect(bench.controller.isActive).toBe(false);
    expect(images).toEqual([]);
    // The disk is still broken when it first tries again.
    bench.machine.clock.advance(1000);
    await until(bench, () => bench.machine.clock.pending > 0);
    expect(bench.controller.isActive).toBe(false);
    fault.remove();
    bench.machine.clock.advance(1000);
    await until(bench, () => bench.controller.isActive);
    expect(bench.controller.image.leaderEpoch).toBeGreaterThan(1);
    // What it decided and did not commit either came true or did not; either way the client may ask again.
    const again = await bench.send(CreateTopics, 7, creating("t"));
    expect([0, 36]).toContain(again.topics[0]?.errorCode);
    const restarted = await bench.restarted();
    expect([...restarted.controller.image.topics]).toEqual([...bench.controller.image.topics]);
  });

  test("a full disk: the request fails, and nothing does once there is room again", async () => {
    const disk = faultyDisk();
    const bench = await ControllerBench.started({ machine: machine({ disk }) });
    await bench.brokers(1);
    const fault = disk.faults.add({ operation: "append", path: /\.log$/, error: "full" });
    expect((await bench.send(CreateTopics, 7, creating("t"))).topics[0]?.errorCode).toBeGreaterThan(0);
    fault.remove();
    bench.machine.clock.advance(1000);
    await until(bench, () => bench.controller.isActive);
    expect((await bench.send(CreateTopics, 7, creating("t"))).topics[0]?.errorCode).toBe(0);
  });

  test("power goes at any step: what was answered is there afterwards", async () => {
    for (let steps = 0; steps < 60; steps++) {
      const disk = faultyDisk();
      const around = machine({ disk });
      const bench = new ControllerBench({ machine: around });
      const answered: string[] = [];
      disk.cutPowerAfter(steps);
      try {
        await bench.settled(
          (async () => {
            await bench.controller.start();
            await bench.brokers(1);
            for (let count = 0; count < 5; count++) {
              const { topics } = await bench.send(CreateTopics, 7, creating(`t${count}`));
              if (topics[0]?.errorCode === 0) answered.push(`t${count}`);
            }
          })(),
        );
      } catch {
        // The power went while it started.
      }
      bench.controller.kill();
      disk.crash({ powerLoss: true });
      const after = await ControllerBench.started({ machine: around });
      for (const name of answered) expect(after.controller.image.topics.has(name), `${steps}: ${name}`).toBe(true);
      after.controller.kill();
    }
  });
});

describe("deadlines", () => {
  test("a broker that falls silent is fenced after the session timeout; one that beats is not", async () => {
    const bench = await ControllerBench.started();
    await bench.brokers(1, 2);
    const { clock } = bench.machine;
    for (let seconds = 0; seconds < 9; seconds++) {
      clock.advance(1000);
      await bench.heartbeat(2);
    }
    expect(bench.controller.image.brokers.get(1)?.fenced).toBe(false);
    clock.advance(2);
    await until(bench, () => bench.controller.image.brokers.get(1)?.fenced === true);
    expect(bench.controller.image.brokers.get(2)?.fenced).toBe(false);
  });

  test("R48: after a stall what has come meanwhile counts before deadlines are judged", async () => {
    const bench = await ControllerBench.started();
    await bench.brokers(1);
    bench.machine.clock.stall(60_000, () => void bench.heartbeat(1));
    await bench.settled(Promise.resolve());
    await until(bench, () => true);
    expect(bench.controller.image.brokers.get(1)?.fenced).toBe(false);
  });

  test("a controller that has just begun gives unfenced brokers a whole session", async () => {
    const before = await ControllerBench.started();
    await before.brokers(1);
    before.machine.clock.advance(8000);
    const after = await before.restarted();
    after.machine.clock.advance(8000);
    await until(after, () => true);
    expect(after.controller.image.brokers.get(1)?.fenced).toBe(false);
    after.machine.clock.advance(1100);
    await until(after, () => after.controller.image.brokers.get(1)?.fenced === true);
  });

  test("proof that a broker is dead fences it at once; news of an earlier incarnation does not", async () => {
    const bench = await ControllerBench.started();
    await bench.brokers(1);
    const { brokerEpoch } = bench.controller.image.brokers.get(1) ?? { brokerEpoch: -1 };
    bench.controller.brokerIsDead(1, brokerEpoch - 1);
    bench.controller.brokerIsDead(7, 1);
    await until(bench, () => true);
    expect(bench.controller.image.brokers.get(1)?.fenced).toBe(false);
    bench.controller.brokerIsDead(1, brokerEpoch);
    await until(bench, () => bench.controller.image.brokers.get(1)?.fenced === true);
  });

  test("R51: preferred leaders get their partitions back every leader.imbalance.check.interval.seconds", async () => {
    const bench = await ControllerBench.started();
    await bench.brokers(1, 2);
    const assignments = [{ partitionIndex: 0, brokerIds: [2, 1] }];
    await bench.send(CreateTopics, 7, {
      topics: [{ ...newTopic("t", -1, -1), assignments }],
      timeoutMs: 1000,
    });
    const partition = () => bench.controller.image.topics.get("t")?.partitions[0];
    await bench.heartbeat(2, { wantShutDown: true });
    expect(partition()).toMatchObject({ leader: 1, inSyncReplicas: [1] });
    await bench.heartbeat(2, { wantShutDown: true });
    await bench.register(2, { incarnationId: uuid("again") });
    await bench.heartbeat(2);
    const epochOf = (id: number) => bench.controller.image.brokers.get(id)?.brokerEpoch ?? -1;
    const topicId = bench.controller.image.topics.get("t")?.id as string;
    await bench.send(AlterPartition, 3, {
      brokerId: 1,
      brokerEpoch: epochOf(1),
      topics: [
        {
          topicId,
          partitions: [
            {
              partitionIndex: 0,
              leaderEpoch: partition()?.leaderEpoch ?? -1,
              partitionEpoch: partition()?.partitionEpoch ?? -1,
              newIsrWithEpochs: [1, 2].map((brokerId) => ({ brokerId, brokerEpoch: epochOf(brokerId) })),
            },
          ],
        },
      ],
    });
    expect(partition()).toMatchObject({ leader: 1, inSyncReplicas: [1, 2] });
    for (let seconds = 0; seconds < 300; seconds += 5) {
      bench.machine.clock.advance(5000);
      await Promise.all([bench.heartbeat(1), bench.heartbeat(2)]);
    }
    expect(partition()).toMatchObject({ leader: 2, inSyncReplicas: [1, 2] });
  });

  test("idle, it writes nothing and wakes for its own deadlines alone", async () => {
    const bench = await ControllerBench.started();
    const size = logOf(bench).length;
    bench.machine.clock.advance(3_600_000);
    expect(logOf(bench).length).toBe(size);
    expect(bench.machine.clock.pending).toBeLessThanOrEqual(3);
    bench.controller.kill();
    expect(bench.machine.clock.pending).toBe(0);
  });
});

describe("requests", () => {
  test("B80: timeoutMs 0 or less is refused, and nothing is done", async () => {
    const bench = await ControllerBench.started();
    await bench.brokers(1);
    for (const timeoutMs of [0, -1]) {
      expect((await bench.send(CreateTopics, 7, creating("t", timeoutMs))).topics[0]?.errorCode).toBe(7);
      const grown = await bench.send(CreatePartitions, 3, {
        topics: [{ name: "t", count: 2, assignments: null }],
        timeoutMs,
        validateOnly: false,
      });
      expect(grown.results[0]?.errorCode).toBe(7);
      const deleted = await bench.send(DeleteTopics, 6, { topics: [{ name: "t", topicId: ZERO_UUID }], timeoutMs });
      expect(deleted.responses[0]?.errorCode).toBe(7);
    }
    expect(bench.controller.image.topics.size).toBe(0);
  });

  test("a controller that has not started, or was stopped, answers NOT_CONTROLLER; the quorum's part BROKER_NOT_AVAILABLE", async () => {
    const bench = new ControllerBench();
    const asked = async () => ({
      topic: (await bench.send(CreateTopics, 7, creating("t"))).topics[0]?.errorCode,
      quorum: (await bench.send(DescribeQuorum, 2, { topics: [] })).errorCode,
    });
    expect(await asked()).toEqual({ topic: 41, quorum: 8 });
    await bench.settled(bench.controller.start());
    expect((await asked()).topic).not.toBe(41);
    await bench.settled(bench.controller.stop());
    expect(await asked()).toEqual({ topic: 41, quorum: 8 });
  });

  test("records too many for one batch are refused as a whole", async () => {
    const bench = await ControllerBench.started();
    await bench.brokers(1);
    const topics = [newTopic("t", 10_000)];
    const answer = await bench.send(CreateTopics, 7, { topics, timeoutMs: 1000 });
    expect(answer.topics[0]).toMatchObject({
      errorCode: 44,
      errorMessage: "Unable to perform excessively large batch operation.",
    });
  });

  test("a thousand topics with ten partitions each in little time, and a restart reads them quickly", async () => {
    const bench = await ControllerBench.started();
    await bench.brokers(1, 2, 3);
    const began = performance.now();
    let longest = 0;
    for (let from = 0; from < 1000; from += 100) {
      const topics = Array.from({ length: 100 }, (_, index) => newTopic(`topic-${from + index}`, 10, 3));
      const started = performance.now();
      const { topics: answers } = await bench.send(CreateTopics, 7, { topics, timeoutMs: 1000 });
      longest = Math.max(longest, performance.now() - started);
      expect(answers.every(({ errorCode }) => errorCode === 0)).toBe(true);
    }
    const created = performance.now();
    const after = await bench.restarted();
    expect(after.controller.image.topics.size).toBe(1000);
    const restarted = performance.now();
    // A few hundred milliseconds on an idle machine; the bound is for one that is busy.
    expect(created - began).toBeLessThan(15_000);
    expect(restarted - created).toBeLessThan(15_000);
    expect(longest).toBeLessThan(3000);
  });

  test("the metadata log is fetched as an observer fetches it", async () => {
    const bench = await ControllerBench.started();
    const partition = {
      partition: 0,
      currentLeaderEpoch: 1,
      fetchOffset: 0,
      lastFetchedEpoch: 0,
      partitionMaxBytes: 0,
    };
    const { responses } = await bench.send(Fetch, 17, {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1 << 20,
      topics: [{ topicId: METADATA_TOPIC_ID, partitions: [partition] }],
      forgottenTopicsData: [],
    });
    const records = responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
    expect([...metadataBatches(records)].length).toBeGreaterThan(1);
  });
});
