/** A coordinator's process that stands still for longer than its members' sessions. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { ClusterProbe } from "../support/cluster-probe.ts";
import { removeBuiltPackage, startCommand } from "../support/odradek-command.ts";
import { formGroup, WireMember } from "../support/wire-member.ts";

const folder = mkdtempSync(join(tmpdir(), "odradek-paused-"));
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await removeBuiltPackage();
});

const SESSION_MS = 1000;

it.skipIf(process.platform === "win32")(
  "R158: stopped for longer than its members' sessions, it throws out none of those who speak up",
  async () => {
    const settings = ["group.initial.rebalance.delay.ms=0", `group.min.session.timeout.ms=${SESSION_MS}`];
    const sets = settings.flatMap((setting) => ["--set", setting]);
    const broker = await startCommand(["start", "--port", "0", "--data-dir", folder, ...sets]);
    try {
      const [address] = (await broker.ready) as [string];
      const probe = new ClusterProbe(address);
      await probe.coordinatorId("g");
      const options = { groupId: "g", sessionTimeoutMs: SESSION_MS };
      const members = await Promise.all(Array.from({ length: 20 }, () => WireMember.open(address, options)));
      await formGroup(members);
      const [silent, ...others] = members as [WireMember, ...WireMember[]];
      const pause = async (ms: number, meanwhile: () => Promise<number[]> | undefined): Promise<number[]> => {
        broker.process.kill("SIGSTOP");
        const asked = meanwhile();
        await new Promise((resolve) => setTimeout(resolve, ms));
        broker.process.kill("SIGCONT");
        return asked ?? Promise.all(others.map((member) => member.heartbeat()));
      };
      const well = others.map(() => ErrorCode.NONE);
      const heartbeats = () => Promise.all(members.map((member) => member.heartbeat()));
      // What was sent meanwhile is read before anybody is judged.
      expect(await pause(1.3 * SESSION_MS, heartbeats)).toEqual([ErrorCode.NONE, ...well]);
      // And who could send nothing has time to come back.
      expect(await pause(2.5 * SESSION_MS, () => undefined)).toEqual(well);
      // Who stays silent has its session from then on, and no more.
      const beat = async (): Promise<boolean> => {
        const heard = await Promise.all(others.map((member) => member.heartbeat()));
        return heard.every((code) => code === ErrorCode.REBALANCE_IN_PROGRESS);
      };
      await expect.poll(beat, { timeout: 20_000 }).toBe(true);
      expect(await silent.heartbeat()).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
      for (const member of members) member.close();
      await probe.close();
    } finally {
      broker.process.kill("SIGKILL");
      await broker.ended;
    }
  },
);
