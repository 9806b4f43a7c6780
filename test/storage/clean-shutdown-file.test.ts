import { expect, test } from "vitest";
import { leaveCleanShutdown, takeCleanShutdown } from "../../storage/clean-shutdown-file.ts";
import { SeededRandom } from "../simulation/seeded-random.ts";
import { SimulatedDisk } from "../simulation/simulated-disk.ts";

function newDisk(seed: number): SimulatedDisk {
  const disk = new SimulatedDisk({ random: new SeededRandom(`clean ${seed}`) });
  disk.makeDirectory("/d");
  return disk;
}

test("R77: the marker is Kafka's, counts once, and is gone for good before anything else happens", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const disk = newDisk(seed);
    await disk.syncDirectory("/");
    await leaveCleanShutdown(disk, "/d", 11);
    disk.crash({ powerLoss: true });
    expect(disk.readFile("/d/.kafka_cleanshutdown").toString()).toBe('{"version":0,"brokerEpoch":11}');
    expect(await takeCleanShutdown(disk, "/d")).toEqual({ clean: true, brokerEpoch: 11 });
    // A crash while loading is a crash, also when the power goes.
    disk.crash({ powerLoss: true });
    expect(await takeCleanShutdown(disk, "/d")).toEqual({ clean: false, brokerEpoch: -1 });
  }
});

test("a marker that says nothing one could understand still marks a clean stop", async () => {
  for (const text of ["", "{}", "garbage", '{"version":0,"brokerEpoch":"x"}', '{"brokerEpoch":99999999999999999999}']) {
    const disk = newDisk(0);
    disk.writeFile("/d/.kafka_cleanshutdown", text);
    expect(await takeCleanShutdown(disk, "/d")).toEqual({ clean: true, brokerEpoch: -1 });
  }
});
