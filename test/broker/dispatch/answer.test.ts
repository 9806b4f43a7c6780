import { describe, expect, test } from "vitest";
import { Later, laterFrom, type Settled, withRelease } from "../../../broker/dispatch/answer.ts";

/** What one who waits is told. */
function listen<R>(later: Later<R>): {
  values: Settled<R>[];
  errors: unknown[];
  releases: ((() => void) | undefined)[];
} {
  const told = { values: [] as Settled<R>[], errors: [] as unknown[], releases: [] as ((() => void) | undefined)[] };
  later.onComplete(
    (value, whenSent) => {
      told.values.push(value);
      told.releases.push(whenSent);
    },
    (error) => told.errors.push(error),
  );
  return told;
}

describe("Later", () => {
  test("tells its listener once, whether it listens before or after", () => {
    const early = new Later<number>();
    const told = listen(early);
    early.complete(1);
    const late = new Later<number>();
    late.complete(2);
    expect([told.values, listen(late).values]).toEqual([[1], [2]]);
    expect([early.completed, late.completed]).toEqual([true, true]);
  });

  test("is completed once, and listened to once", () => {
    const later = new Later<number>();
    later.complete(1);
    expect(() => later.complete(2)).toThrow("twice");
    listen(later);
    expect(() => listen(later)).toThrow("two listeners");
  });

  test("a failure reaches who listens for it, else it is thrown", () => {
    const later = new Later<number>();
    const told = listen(later);
    later.fail(new Error("no"));
    expect(told).toMatchObject({ values: [], errors: [new Error("no")] });
    const unexpected = new Later<number>();
    unexpected.fail(new Error("no"));
    expect(() => unexpected.onComplete(() => {})).toThrow("no");
  });

  test("cancelling frees what was parked once; what comes afterwards is dropped, and freed", () => {
    const freed: string[] = [];
    const later = new Later<number>();
    const told = listen(later);
    later.whenCancelled(() => freed.push("parked"));
    later.cancel();
    later.cancel();
    later.complete(1, () => freed.push("response"));
    later.fail(new Error("no"));
    expect(freed).toEqual(["parked", "response"]);
    expect([told.values, told.errors]).toEqual([[], []]);
  });

  test("a completed Later is not cancelled any more", () => {
    const later = new Later<number>();
    later.whenCancelled(() => expect.unreachable());
    later.complete(1);
    later.cancel();
    expect(listen(later).values).toEqual([1]);
  });

  test("holds its connection until it lets go or is completed", () => {
    const moves: string[] = [];
    const later = new Later<number>({ holdsConnection: true });
    later.whenReleased(() => moves.push("released"));
    expect(later.holdsConnection).toBe(true);
    later.releaseConnection();
    later.releaseConnection();
    expect([later.holdsConnection, moves]).toEqual([false, ["released"]]);
    const completed = new Later<number>({ holdsConnection: true });
    completed.complete(1);
    expect(completed.holdsConnection).toBe(false);
    expect(new Later<number>().holdsConnection).toBe(false);
  });

  test("made of a response with something to free, and of promises", async () => {
    let freed = 0;
    const told = listen(withRelease(7, () => freed++));
    expect(told.values).toEqual([7]);
    told.releases[0]?.();
    expect(freed).toBe(1);
    const [kept, broken] = [
      listen(laterFrom(Promise.resolve(8))),
      listen(laterFrom<number>(Promise.reject(new Error("no")))),
    ];
    await Promise.resolve();
    await Promise.resolve();
    expect([kept.values, broken.errors]).toEqual([[8], [new Error("no")]]);
  });
});
