/** A life that stands still, and one that ends: on the machine's own sockets and a clock moved by hand. */
import { expect, test } from "vitest";
import type { Connection } from "../../../broker/network/network.ts";
import { NodeNetwork } from "../../../broker/network/node-network.ts";
import { Incarnation } from "../../../cluster/incarnation.ts";
import { SILENT_LOGGER } from "../../../storage/logger.ts";
import { MemoryDisk } from "../../../storage/memory-disk.ts";
import { NodeClock } from "../../../storage/node-clock.ts";
import { NodeRandom } from "../../../storage/node-random.ts";
import { BufferPool } from "../../../storage/shared-buffer.ts";

function incarnation(): Incarnation {
  return new Incarnation({
    clock: new NodeClock(),
    random: new NodeRandom(),
    disk: new MemoryDisk(),
    network: new NodeNetwork(),
    compute: { run: () => Promise.reject(new Error("no compute")), close: () => Promise.resolve() },
    logger: SILENT_LOGGER,
    pool: new BufferPool({ maxIdleBytes: 0 }),
  });
}

/** Gathers what a connection brings. */
function gather(connection: Connection, onChange: () => void): { text: string; ended: boolean; closed: boolean } {
  const seen = { text: "", ended: false, closed: false };
  const memory = Buffer.alloc(16);
  connection.receive({
    target: () => memory,
    received: (sizeBytes) => {
      seen.text += memory.toString("latin1", 0, sizeBytes);
      onChange();
      return true;
    },
    ended: () => {
      seen.ended = true;
      onChange();
    },
    closed: () => {
      seen.closed = true;
      onChange();
    },
  });
  return seen;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test("a paused life accepts connections and leaves them open and unread; what came is read when it goes on", async () => {
  const life = incarnation();
  const accepted: ReturnType<typeof gather>[] = [];
  const { network } = life.environment;
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
    accepted.push(gather(connection, () => {}));
  });
  const outside = new NodeNetwork();
  const first = await outside.connect(listener.address);
  const heard = gather(first, () => {});
  first.write([Buffer.from("before ")]);
  await until(() => accepted[0]?.text === "before ");
  life.pause();
  first.write([Buffer.from("x".repeat(20_000))]);
  first.end();
  const second = await outside.connect(listener.address);
  gather(second, () => {});
  second.write([Buffer.from("hello")]);
  // Long enough for all of it to be there, if it were read.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(accepted.map(({ text, ended }) => ({ text, ended }))).toEqual([{ text: "before ", ended: false }]);
  expect(heard.closed).toBe(false);
  await life.resume();
  await until(() => accepted[0]?.ended === true && accepted[1]?.text === "hello");
  expect(accepted[0]?.text).toBe(`before ${"x".repeat(20_000)}`);
  life.kill();
  await until(() => heard.closed);
  second.destroy();
});

test("timers of a paused life fire when it goes on, in their order; those cancelled do not", async () => {
  const life = incarnation();
  const { clock } = life.environment;
  const fired: string[] = [];
  clock.after(5, () => fired.push("second"));
  clock.after(1, () => fired.push("first"));
  const cancelled = clock.after(2, () => fired.push("cancelled"));
  life.pause();
  await new Promise((resolve) => new NodeClock().after(20, () => resolve(undefined)));
  expect(fired).toEqual([]);
  cancelled.cancel();
  await life.resume();
  expect(fired).toEqual(["first", "second"]);
  life.kill();
});

test("a life that is paused for two reasons goes on when both are gone, and a killed one never", async () => {
  const life = incarnation();
  let fired = 0;
  life.pause("asked");
  life.pause("disk");
  life.environment.clock.after(0, () => fired++);
  await new Promise((resolve) => setTimeout(resolve, 10));
  await life.resume("asked");
  expect([life.isPaused, fired]).toEqual([true, 0]);
  await life.resume("disk");
  expect([life.isPaused, fired]).toEqual([false, 1]);
  life.pause();
  life.environment.clock.after(0, () => fired++);
  await new Promise((resolve) => setTimeout(resolve, 10));
  life.kill();
  await life.resume();
  expect(fired).toBe(1);
});

test("promises of a paused life settle when it goes on", async () => {
  const life = incarnation();
  const { disk } = life.environment;
  disk.makeDirectory("/d");
  const file = disk.open("/d/f", { create: true });
  let synced = false;
  life.pause();
  const sync = file.sync().then(() => {
    synced = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(synced).toBe(false);
  await life.resume();
  await sync;
  expect(synced).toBe(true);
  life.kill();
});
