/** Brokers follow the metadata log: over restarts of either side, logs that diverge, snapshots, damage on the way. */
import { describe, expect, test } from "vitest";
import { snapshotName } from "../../../cluster/metadata/snapshot-format.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { CreateTopics } from "../../../protocol/messages/topics.ts";
import type { Disk } from "../../../storage/disk.ts";
import { MemoryDisk } from "../../../storage/memory-disk.ts";
import { ControllerBench, METADATA_LOG_PATH, machine } from "../support/controller-bench.ts";
import { sameImage } from "../support/images.ts";
import { DirectChannel, ObserverBench } from "../support/observer-bench.ts";

const FIRST_SEGMENT = `${METADATA_LOG_PATH}/00000000000000000000.log`;

async function createTopics(bench: ControllerBench, prefix: string, count = 1): Promise<void> {
  for (let index = 0; index < count; index++) {
    const topics = [
      { name: `${prefix}${index}`, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
    ];
    const answer = await bench.send(CreateTopics, 7, { topics, timeoutMs: 1000 });
    expect(answer.topics[0]?.errorCode).toBe(0);
  }
}

/** A controller that has something to tell. */
async function controllerWithTopics(configs: Record<string, string> = {}, topicCount = 3): Promise<ControllerBench> {
  const bench = await ControllerBench.started({ configs });
  await bench.brokers(1);
  await createTopics(bench, "t", topicCount);
  return bench;
}

function copyOf(disk: Disk): MemoryDisk {
  const copy = new MemoryDisk();
  copy.makeDirectory(METADATA_LOG_PATH);
  for (const { name } of disk.list(METADATA_LOG_PATH)) {
    copy.writeFile(`${METADATA_LOG_PATH}/${name}`, disk.readFile(`${METADATA_LOG_PATH}/${name}`));
  }
  return copy;
}

function allSegments(disk: Disk): Buffer {
  const names = disk.list(METADATA_LOG_PATH).map(({ name }) => name);
  const segments = names.filter((name) => name.endsWith(".log")).sort();
  return Buffer.concat(segments.map((name) => disk.readFile(`${METADATA_LOG_PATH}/${name}`)));
}

describe("following", () => {
  test("from nothing: the same log to the byte, the same image, deltas that join", async () => {
    const controller = await controllerWithTopics();
    const follower = await ObserverBench.following(controller);
    await follower.caughtUp(controller);
    sameImage(follower.image, controller.controller.image);
    expect(follower.machine.disk.readFile(FIRST_SEGMENT)).toEqual(controller.machine.disk.readFile(FIRST_SEGMENT));
    expect(follower.channel.leader).toEqual({ id: 100, port: 9093 });
    expect(follower.observer).toMatchObject({ leaderId: 100, leaderEpoch: 1 });
    follower.deltas.reduce((before, delta) => {
      if (before !== undefined) expect(delta.previous).toBe(before.image);
      return delta;
    });
  });

  test("what is committed arrives at once, not by the clock", async () => {
    const controller = await controllerWithTopics();
    const follower = await ObserverBench.following(controller);
    await follower.caughtUp(controller);
    const { clock } = controller.machine;
    const before = clock.monotonicMs();
    await createTopics(controller, "u", 5);
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(clock.monotonicMs()).toBe(before);
    sameImage(follower.image, controller.controller.image);
  });

  test("idle, it asks twice a second and no more", async () => {
    const controller = await controllerWithTopics();
    const follower = await ObserverBench.following(controller);
    await follower.caughtUp(controller);
    const before = follower.channel.sent.length;
    for (let step = 0; step < 1000; step++) {
      controller.machine.clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(follower.channel.sent.length - before).toBeLessThanOrEqual(21);
    expect(follower.channel.sent.length - before).toBeGreaterThanOrEqual(18);
  });

  test("only what is committed is applied, however much has come", async () => {
    const controller = await controllerWithTopics();
    const channel = new DirectChannel(controller);
    channel.onTheWay = (answer) => {
      const partition = (answer as { responses: { partitions: { highWatermark: number }[] }[] }).responses[0]
        ?.partitions[0];
      if (partition === undefined || partition.highWatermark < 0) return;
      // The batch that starts the epoch, and nothing behind it; and nothing more is heard.
      partition.highWatermark = 1;
      channel.controller = undefined;
    };
    const follower = await ObserverBench.started(channel, { machine: machine({ clock: controller.machine.clock }) });
    await follower.until(() => follower.log.endOffset === controller.controller.image.offset + 1);
    expect(follower.observer.highWatermark).toBe(1);
    expect(follower.image).toMatchObject({ offset: 0, features: new Map() });
    channel.onTheWay = undefined;
    channel.controller = controller;
    await follower.caughtUp(controller);
    sameImage(follower.image, controller.controller.image);
  });

  test("a controller that restarts leads a new epoch, and is followed on", async () => {
    const controller = await controllerWithTopics();
    const follower = await ObserverBench.following(controller);
    await follower.caughtUp(controller);
    follower.channel.controller = undefined;
    const after = await controller.restarted();
    follower.channel.controller = after;
    await createTopics(after, "u");
    await follower.caughtUp(after);
    sameImage(follower.image, after.controller.image);
    expect(follower.observer.leaderEpoch).toBe(2);
  });

  test("an observer that restarts goes on where its log ends, and shows nothing that it cannot know to be committed", async () => {
    const controller = await controllerWithTopics();
    let follower = await ObserverBench.following(controller);
    await follower.caughtUp(controller);
    for (const how of ["kill", "stop"] as const) {
      const away = new DirectChannel(undefined);
      follower = await follower.restarted(how, away);
      expect(follower.image.offset).toBe(-1);
      const { endOffset } = follower.log;
      expect(endOffset).toBe(controller.controller.image.offset + 1);
      away.controller = controller;
      await follower.caughtUp(controller);
      sameImage(follower.image, controller.controller.image);
    }
  });

  test("a controller that cannot be reached is asked again at controller.quorum.retry.backoff.ms, not faster", async () => {
    const controller = await controllerWithTopics();
    const channel = new DirectChannel(undefined);
    const follower = await ObserverBench.started(channel, { machine: machine({ clock: controller.machine.clock }) });
    for (let step = 0; step < 100; step++) {
      controller.machine.clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(channel.sent.length).toBeGreaterThan(20);
    expect(channel.sent.length).toBeLessThanOrEqual(52);
    channel.controller = controller;
    await follower.caughtUp(controller);
  });

  test("stopped, it leaves no timer behind and applies nothing any more", async () => {
    const controller = await controllerWithTopics();
    const { clock } = controller.machine;
    const before = clock.pending;
    const follower = await ObserverBench.following(controller);
    await follower.caughtUp(controller);
    await follower.stop();
    const { length } = follower.deltas;
    await createTopics(controller, "u");
    await new Promise((resolve) => setImmediate(resolve));
    expect(follower.deltas.length).toBe(length);
    expect(clock.pending).toBe(before);
  });

  test("the quorum tells who follows and how far", async () => {
    const controller = await controllerWithTopics();
    const follower = await ObserverBench.following(controller);
    await follower.caughtUp(controller);
    await follower.until(() => follower.channel.sent.length > 4);
    const quorum = controller.controller.quorum?.describe(
      { topics: [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }] },
      2,
    );
    const partition = quorum?.topics[0]?.partitions[0];
    const endOffset = controller.controller.image.offset + 1;
    expect(partition).toMatchObject({ errorCode: 0, leaderId: 100, leaderEpoch: 1, highWatermark: endOffset });
    expect(partition?.currentVoters).toMatchObject([{ replicaId: 100, logEndOffset: endOffset }]);
    expect(partition?.observers).toMatchObject([{ replicaId: 5, logEndOffset: endOffset }]);
    expect(partition?.observers?.[0]?.lastCaughtUpTimestamp).toBeGreaterThan(0);
    expect(quorum?.nodes).toEqual([
      { nodeId: 100, listeners: [{ name: "CONTROLLER", host: "127.0.0.1", port: 9093 }] },
    ]);
  });
});

describe("what does not fit", () => {
  test("B91: records damaged on the way are not appended, and asked for again", async () => {
    const controller = await controllerWithTopics();
    const channel = new DirectChannel(controller);
    let damaged = 0;
    channel.onTheWay = (answer) => {
      const records = (answer as { responses: { partitions: { records: Buffer | null }[] }[] }).responses[0]
        ?.partitions[0]?.records;
      if (records === null || records === undefined || records.length < 100 || damaged >= 3) return;
      damaged++;
      records[records.length - 5] = (records[records.length - 5] as number) ^ 1;
    };
    const follower = await ObserverBench.started(channel, { machine: machine({ clock: controller.machine.clock }) });
    await follower.caughtUp(controller);
    expect(damaged).toBe(3);
    sameImage(follower.image, controller.controller.image);
    expect(follower.machine.disk.readFile(FIRST_SEGMENT)).toEqual(controller.machine.disk.readFile(FIRST_SEGMENT));
  });

  test("another cluster's controller is not followed", async () => {
    const controller = await controllerWithTopics();
    const follower = await ObserverBench.following(controller, { clusterId: "BBBBBBBBBBBBBBBBBBBBBQ" });
    await follower.until(() => follower.failure !== undefined);
    expect(follower.failure).toMatchObject({ code: ErrorCode.INCONSISTENT_CLUSTER_ID });
    expect(follower.image.offset).toBe(-1);
  });

  test("a log that the leader does not have is cut where it parts from the leader's", async () => {
    const controller = await controllerWithTopics();
    const past = copyOf(controller.machine.disk);
    const follower = await ObserverBench.following(controller);
    await createTopics(controller, "lost", 4);
    await follower.caughtUp(controller);
    controller.controller.kill();
    follower.channel.controller = undefined;
    // The controller's disk comes back as it was some time ago.
    const after = await ControllerBench.started({ machine: { ...controller.machine, disk: past } });
    await createTopics(after, "other", 1);
    const again = await follower.restarted("kill", new DirectChannel(after));
    await again.caughtUp(after);
    sameImage(again.image, after.controller.image);
    expect(again.image.topics.has("lost0")).toBe(false);
    // What follows a truncation lies in a segment of its own.
    expect(allSegments(again.machine.disk)).toEqual(past.readFile(FIRST_SEGMENT));
  });

  test("one that has applied what the leader lost cannot go on, and says so", async () => {
    const controller = await controllerWithTopics();
    const past = copyOf(controller.machine.disk);
    const follower = await ObserverBench.following(controller);
    await createTopics(controller, "lost", 4);
    await follower.caughtUp(controller);
    controller.controller.kill();
    const after = await ControllerBench.started({ machine: { ...controller.machine, disk: past } });
    follower.channel.controller = after;
    await follower.until(() => follower.failure !== undefined);
    expect(String(follower.failure)).toMatch(/committed/);
    expect(follower.image.topics.has("lost3")).toBe(true);
  });
});

describe("snapshots", () => {
  /** Everything older than the newest snapshot goes at once. */
  const SMALL = {
    "metadata.log.max.record.bytes.between.snapshots": "4000",
    "metadata.max.retention.bytes": "1",
    "internal.metadata.log.segment.bytes": "10000",
  };

  /** A controller that has cut off the beginning of its log. */
  async function cutController(): Promise<ControllerBench> {
    const controller = await controllerWithTopics(SMALL, 30);
    await controller.settled(
      (async () => {
        while ((controller.controller.quorum?.metadataLog.startOffset ?? 0) === 0) {
          await createTopics(controller, `more-${controller.controller.image.offset}-`);
        }
      })(),
    );
    return controller;
  }

  test("R70: who has nothing gets the newest snapshot in pieces, and what follows from the log", async () => {
    const controller = await cutController();
    const follower = await ObserverBench.following(controller, {
      configs: { "controller.quorum.fetch.snapshot.max.bytes": "100" },
    });
    await follower.caughtUp(controller);
    sameImage(follower.image, controller.controller.image);
    expect(follower.channel.sent.filter((name) => name.startsWith("FetchSnapshot")).length).toBeGreaterThan(10);
    expect(follower.log.startOffset).toBeGreaterThan(0);
    const restarted = await follower.restarted("kill");
    // What is in the snapshot is committed, whether or not anybody can be asked.
    expect(restarted.image.topics.size).toBeGreaterThan(10);
    await restarted.caughtUp(controller);
    sameImage(restarted.image, controller.controller.image);
  });

  test("R70: one that is behind the log's start takes the snapshot over its own log", async () => {
    const controller = await ControllerBench.started({ configs: SMALL });
    await controller.brokers(1);
    const follower = await ObserverBench.following(controller);
    await follower.caughtUp(controller);
    await follower.stop();
    await createTopics(controller, "t", 60);
    expect(controller.controller.quorum?.metadataLog.startOffset).toBeGreaterThan(follower.log.endOffset);
    const channel = new DirectChannel(undefined);
    const again = await ObserverBench.started(channel, { machine: follower.machine });
    expect(again.log.startOffset).toBe(0);
    channel.controller = controller;
    await again.caughtUp(controller);
    sameImage(again.image, controller.controller.image);
    expect(again.log.startOffset).toBeGreaterThan(0);
    expect(again.machine.disk.exists(FIRST_SEGMENT)).toBe(false);
  });

  test("a download that breaks off begins anew, and leaves nothing", async () => {
    const controller = await cutController();
    const channel = new DirectChannel(controller);
    channel.onTheWay = () => {
      if (channel.sent.filter((name) => name.startsWith("FetchSnapshot")).length === 5) channel.controller = undefined;
    };
    const follower = await ObserverBench.started(channel, {
      machine: machine({ clock: controller.machine.clock }),
      configs: { "controller.quorum.fetch.snapshot.max.bytes": "200" },
    });
    await follower.until(() => channel.controller === undefined);
    expect(follower.machine.disk.list(METADATA_LOG_PATH).some(({ name }) => name.endsWith(".part"))).toBe(true);
    const after = await controller.restarted();
    channel.controller = after;
    await createTopics(after, "after", 40);
    await follower.caughtUp(after);
    sameImage(follower.image, after.controller.image);
    const parts = follower.machine.disk.list(METADATA_LOG_PATH).filter(({ name }) => name.endsWith(".part"));
    expect(parts).toEqual([]);
  });

  test("a snapshot after so many bytes; older ones, and the log behind them, go as retention asks; it starts again from them", async () => {
    const controller = await cutController();
    const log = controller.controller.quorum?.metadataLog;
    const ids = log?.snapshots.all ?? [];
    expect(ids.length).toBeLessThanOrEqual(2);
    expect(log?.startOffset).toBe(ids[0]?.endOffset);
    expect(controller.machine.disk.exists(`${METADATA_LOG_PATH}/${snapshotName(ids[0] as never)}`)).toBe(true);
    const after = await controller.restarted();
    // Its own registration is another one.
    const [held, again] = [controller.controller.image, after.controller.image];
    expect([...again.topics]).toEqual([...held.topics]);
    expect([...again.brokers]).toEqual([...held.brokers]);
    expect([...again.features]).toEqual([...held.features]);
  });

  test("a snapshot after metadata.log.max.snapshot.interval.ms, when anything has changed", async () => {
    const controller = await controllerWithTopics({ "metadata.log.max.snapshot.interval.ms": "60000" });
    const snapshots = () => controller.controller.quorum?.metadataLog.snapshots.all.length;
    controller.machine.clock.advance(3_600_000);
    await controller.brokers(2);
    await controller.settled(Promise.resolve());
    expect(snapshots()).toBe(1);
    controller.machine.clock.advance(3_600_000);
    expect(snapshots()).toBe(1);
  });

  test("a disk that has no room for a snapshot: the next one comes, and nothing waits for it", async () => {
    const disk = new MemoryDisk();
    const controller = await ControllerBench.started({ configs: SMALL, machine: machine({ disk }) });
    await controller.brokers(1);
    disk.makeDirectory(`${METADATA_LOG_PATH}/00000000000000000020-0000000001.checkpoint.part`);
    await createTopics(controller, "t", 60);
    expect(controller.controller.quorum?.metadataLog.snapshots.latest).toBeDefined();
    expect(controller.controller.image.topics.size).toBe(60);
  });
});
