import { createConnection, createServer, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { NodeClock } from "../../storage/node-clock.ts";

const clock = new NodeClock();

/** Holds the loop, as a long turn does. */
function stall(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test("a timer never fires early, even when it was set late in a long turn", async () => {
  for (let i = 0; i < 5; i++) {
    await nextTurn();
    stall(8);
    const start = clock.monotonicMs();
    await new Promise<void>((resolve) => clock.after(10, resolve));
    expect(clock.monotonicMs() - start).toBeGreaterThanOrEqual(10);
  }
});

test("a delay above 2^31 ms does not fire at once", async () => {
  let fired = false;
  const timer = clock.after(2 ** 40, () => {
    fired = true;
  });
  await new Promise<void>((resolve) => clock.after(20, resolve));
  expect(fired).toBe(false);
  timer.cancel();
});

test("a cancelled timer does not fire; cancelling late or twice does nothing", async () => {
  let fired = 0;
  const count = () => {
    fired++;
  };
  clock.after(1, count).cancel();
  const done = clock.after(2, count);
  await new Promise<void>((resolve) => clock.after(10, resolve));
  done.cancel();
  done.cancel();
  expect(fired).toBe(1);
});

test("after a stall, what arrived meanwhile is seen before afterPoll runs", async () => {
  // Asked for from a socket's callback: the poll under way began before the bytes of the other socket came.
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const seen: string[] = [];
  const client = createConnection(port, "127.0.0.1");
  const peer = await new Promise<Socket>((resolve) => server.once("connection", resolve));
  const other = createConnection(port, "127.0.0.1");
  const otherPeer = await new Promise<Socket>((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve) => {
    otherPeer.on("data", () => seen.push("heartbeat"));
    peer.on("data", () => {
      other.write("beat");
      stall(20);
      clock.afterPoll(() => {
        seen.push("judged");
        resolve();
      });
    });
    client.write("x");
  });
  expect(seen).toEqual(["heartbeat", "judged"]);
  for (const socket of [client, other, peer, otherPeer]) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});
