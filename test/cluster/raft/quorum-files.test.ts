/** Files of the quorum beside the log: quorum-state and snapshots. */
import { describe, expect, test } from "vitest";
import { record } from "../../../cluster/metadata/metadata-record.ts";
import { encodeSnapshot } from "../../../cluster/metadata/snapshot-format.ts";
import { QuorumStateFile } from "../../../cluster/raft/quorum-state-file.ts";
import { SnapshotStore } from "../../../cluster/raft/snapshot-store.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { MemoryDisk } from "../../../storage/memory-disk.ts";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import { SimulatedDisk } from "../../simulation/simulated-disk.ts";
import { goldenFiles } from "../../support/golden-disk.ts";

const DIRECTORY = "/log";

function diskWith(files: Record<string, string | Buffer> = {}): MemoryDisk {
  const disk = new MemoryDisk();
  disk.makeDirectory(DIRECTORY);
  for (const [name, content] of Object.entries(files)) disk.writeFile(`${DIRECTORY}/${name}`, content);
  return disk;
}

describe("quorum-state", () => {
  const self = [{ id: 1, directoryId: ZERO_UUID }];

  test("Kafka's file is read, and ours is the same to the byte", async () => {
    const kafkas =
      goldenFiles("clean")
        .find(({ path }) => path.endsWith("/quorum-state"))
        ?.content.toString() ?? "";
    const disk = diskWith({ "quorum-state": kafkas });
    const file = new QuorumStateFile(disk, DIRECTORY);
    const state = file.read();
    expect(state).toEqual({ leaderId: 1, leaderEpoch: 1, votedId: -1, voterIds: [1] });
    if (state === undefined) return;
    await file.write(state, self, 0);
    expect(disk.readFile(`${DIRECTORY}/quorum-state`).toString()).toBe(kafkas);
  });

  test("a dynamic quorum's version has no voters", async () => {
    const disk = diskWith();
    const file = new QuorumStateFile(disk, DIRECTORY);
    expect(file.read()).toBeUndefined();
    await file.write({ leaderId: 3, leaderEpoch: 7, votedId: -1 }, self, 1);
    expect(file.read()).toEqual({ leaderId: 3, leaderEpoch: 7, votedId: -1, voterIds: undefined });
    expect(JSON.parse(disk.readFile(`${DIRECTORY}/quorum-state`).toString())).toEqual({
      leaderId: 3,
      leaderEpoch: 7,
      votedId: -1,
      votedDirectoryId: ZERO_UUID,
      data_version: 1,
    });
  });

  test("a file that is damaged is no empty file: a vote could be given twice", () => {
    for (const content of ["", "{", "{}", '{"data_version":2}', '{"data_version":0,"leaderId":"x"}']) {
      expect(() => new QuorumStateFile(diskWith({ "quorum-state": content }), DIRECTORY).read(), content).toThrow();
    }
  });

  test("R69: when the write resolves, no power cut takes it back; before, the old one is whole", async () => {
    for (let steps = 0; steps < 8; steps++) {
      const disk = new SimulatedDisk({ random: new SeededRandom(`quorum ${steps}`) });
      disk.makeDirectory(DIRECTORY);
      await disk.syncDirectory("/");
      const file = new QuorumStateFile(disk, DIRECTORY);
      await file.write({ leaderId: 1, leaderEpoch: 1, votedId: -1 }, self, 0);
      disk.cutPowerAfter(steps);
      let written = true;
      await file.write({ leaderId: 1, leaderEpoch: 2, votedId: -1 }, self, 0).catch(() => {
        written = false;
      });
      disk.crash({ powerLoss: true });
      const epoch = file.read()?.leaderEpoch ?? 0;
      expect(written ? [2] : [1, 2], `after ${steps} steps`).toContain(epoch);
    }
  });
});

describe("snapshots", () => {
  const content = [
    ...encodeSnapshot({
      leaderEpoch: 1,
      timestamp: 5,
      lastContainedLogTimestamp: 4,
      quorum: [],
      records: [record("FeatureLevel", 0, { name: "metadata.version", featureLevel: 30 })],
    }),
  ];

  async function add(store: SnapshotStore, endOffset: number): Promise<void> {
    const writer = store.create({ endOffset, leaderEpoch: 1 });
    for (const bytes of content) writer.append(bytes);
    await writer.finish();
  }

  test("listed in order, read in pieces, removed", async () => {
    const disk = diskWith({ "00000000000000000000.log": "" });
    const store = SnapshotStore.open(disk, DIRECTORY);
    for (const endOffset of [20, 3, 100]) await add(store, endOffset);
    const again = SnapshotStore.open(disk, DIRECTORY);
    expect(again.all.map(({ endOffset }) => endOffset)).toEqual([3, 20, 100]);
    expect([again.earliest?.endOffset, again.latest?.endOffset]).toEqual([3, 100]);
    const id = { endOffset: 20, leaderEpoch: 1 };
    expect(again.has(id)).toBe(true);
    expect(again.has({ endOffset: 20, leaderEpoch: 2 })).toBe(false);
    const whole = Buffer.concat(content);
    expect(again.sizeBytes(id)).toBe(whole.length);
    const pieces: Buffer[] = [];
    for (let position = 0; position < whole.length; position += 50) pieces.push(await again.read(id, position, 50));
    expect(Buffer.concat(pieces)).toEqual(whole);
    expect((await again.load(id)).records).toHaveLength(1);
    again.remove(id);
    expect(SnapshotStore.open(disk, DIRECTORY).all.length).toBe(2);
    await expect(again.read(id, 0, 1)).rejects.toThrow();
  });

  test("R70: one that was not finished is none, and leaves nothing behind", async () => {
    const disk = diskWith();
    const store = SnapshotStore.open(disk, DIRECTORY);
    const writer = store.create({ endOffset: 7, leaderEpoch: 1 });
    writer.append(content[0] as Buffer);
    expect(store.latest).toBeUndefined();
    expect(disk.list(DIRECTORY).length).toBe(1);
    expect(SnapshotStore.open(disk, DIRECTORY).latest).toBeUndefined();
    expect(disk.list(DIRECTORY).length).toBe(0);
    const other = store.create({ endOffset: 8, leaderEpoch: 1 });
    other.discard();
    expect(disk.list(DIRECTORY).length).toBe(0);
  });

  test("a power cut leaves a whole snapshot or none", async () => {
    for (let steps = 0; steps < 12; steps++) {
      const disk = new SimulatedDisk({ random: new SeededRandom(`snapshot ${steps}`) });
      disk.makeDirectory(DIRECTORY);
      await disk.syncDirectory("/");
      const store = SnapshotStore.open(disk, DIRECTORY);
      disk.cutPowerAfter(steps);
      let written = true;
      try {
        await add(store, 9);
      } catch {
        written = false;
      }
      disk.crash({ powerLoss: true });
      const after = SnapshotStore.open(disk, DIRECTORY);
      if (written) expect(after.latest?.endOffset).toBe(9);
      if (after.latest !== undefined) expect((await after.load(after.latest)).records).toHaveLength(1);
    }
  });
});
