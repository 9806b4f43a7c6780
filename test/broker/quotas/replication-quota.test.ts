/** The rate of throttled replicas over windows, on a clock moved by hand. */
import { expect, test } from "vitest";
import type { MetadataImage } from "../../../broker/metadata/metadata-image.ts";
import { ReplicationQuota } from "../../../broker/quotas/replication-quota.ts";
import { ManualClock } from "../../support/manual-clock.ts";

function quotaOf(settings: { rate?: string; replicas?: string } = {}) {
  const clock = new ManualClock();
  const configs = new Map(
    settings.replicas === undefined ? [] : [["leader.replication.throttled.replicas", settings.replicas]],
  );
  const quota = new ReplicationQuota({
    ...{ side: "leader", brokerId: 2, clock, windows: { count: 11, sizeMs: 1000 } },
    image: () => ({ configsOf: () => configs }) as unknown as MetadataImage,
    rateText: () => settings.rate,
  });
  return { clock, quota };
}

test("nothing is throttled without a rate, nor a replica that no config names", () => {
  expect(quotaOf({ replicas: "*" }).quota.isSet).toBe(false);
  expect(quotaOf({ rate: "9223372036854775807", replicas: "*" }).quota.isSet).toBe(false);
  const { quota } = quotaOf({ rate: "1000", replicas: "0:1,0:2, 3:2" });
  expect(quota.isSet).toBe(true);
  expect([0, 1, 3].map((partition) => quota.isThrottled("t", partition))).toEqual([true, false, true]);
  expect(quotaOf({ rate: "1000", replicas: "*" }).quota.isThrottled("t", 9)).toBe(true);
  expect(quotaOf({ rate: "1000" }).quota.isThrottled("t", 0)).toBe(false);
});

test("the quota is exceeded while more went than the rate allows over the windows", () => {
  const { clock, quota } = quotaOf({ rate: "1000", replicas: "*" });
  expect(quota.isExceeded).toBe(false);
  quota.record(900);
  expect(quota.isExceeded).toBe(false);
  quota.record(2100);
  expect(quota.isExceeded).toBe(true);
  clock.advance(2500);
  expect(quota.isExceeded).toBe(true);
  clock.advance(600);
  expect(quota.isExceeded).toBe(false);
  quota.record(20_000);
  expect(quota.isExceeded).toBe(true);
  // What is older than the windows counts no more.
  clock.advance(11_001);
  expect(quota.isExceeded).toBe(false);
});
