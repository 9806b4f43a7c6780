/** What Apache Kafka answers about client metrics (KIP-714) when nobody has subscribed to any. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { GetTelemetrySubscriptions, PushTelemetry } from "../../../protocol/messages/telemetry.ts";
import { crc32c } from "../../../protocol/records/crc32c.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import type { DataPlane } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";

const MAX_BYTES = 1_048_576;
const ASKED = {
  ...{ throttleTimeMs: 0, errorCode: ErrorCode.NONE, acceptedCompressionTypes: [4, 3, 1, 2], pushIntervalMs: 300_000 },
  ...{ telemetryMaxBytes: MAX_BYTES, deltaTemporality: true, requestedMetrics: [] },
};
const REFUSED = {
  ...{ throttleTimeMs: 0, clientInstanceId: ZERO_UUID, subscriptionId: 0, acceptedCompressionTypes: [] },
  ...{ pushIntervalMs: 0, telemetryMaxBytes: 0, deltaTemporality: false, requestedMetrics: [] },
};

/** Each case is another client. */
function newId(first: number): string {
  return Buffer.from(Array.from({ length: 16 }, (_, at) => first + at)).toString("base64url");
}

function subscriptionIdOf(clientInstanceId: string): number {
  const id = Buffer.from(clientInstanceId, "base64url");
  const hash = id.readInt32BE(0) ^ id.readInt32BE(4) ^ id.readInt32BE(8) ^ id.readInt32BE(12);
  return (crc32c(Buffer.from("[]300000")) ^ hash) | 0;
}

class Client implements Disposable {
  private readonly asker: WireAsker;
  private readonly clientInstanceId: string;

  private constructor(asker: WireAsker, clientInstanceId: string) {
    this.asker = asker;
    this.clientInstanceId = clientInstanceId;
  }

  static async open(plane: DataPlane, clientInstanceId: string): Promise<Client> {
    return new Client(await WireAsker.open(plane.address), clientInstanceId);
  }

  ask() {
    return this.asker.ask(GetTelemetrySubscriptions, 0, { clientInstanceId: this.clientInstanceId });
  }

  async push(
    more: { subscriptionId?: number; terminating?: boolean; compressionType?: number; metrics?: Buffer } = {},
  ) {
    const { errorCode } = await this.asker.ask(PushTelemetry, 0, {
      ...{ clientInstanceId: this.clientInstanceId, subscriptionId: subscriptionIdOf(this.clientInstanceId) },
      ...{ terminating: false, compressionType: 0, metrics: Buffer.from("otlp"), ...more },
    });
    return errorCode;
  }

  [Symbol.dispose](): void {
    this.asker[Symbol.dispose]();
  }
}

export function telemetryCases(planeOf: () => DataPlane): void {
  test("telemetry: a client without an id is given one, and asked for nothing", async () => {
    using client = await Client.open(planeOf(), ZERO_UUID);
    const { clientInstanceId, subscriptionId, ...asked } = await client.ask();
    expect(asked).toEqual(ASKED);
    expect(subscriptionId).toBe(subscriptionIdOf(clientInstanceId));
    expect(await client.push()).toBe(ErrorCode.INVALID_REQUEST);
  });

  test("telemetry: who asks or pushes too early is told so", async () => {
    const clientInstanceId = newId(20);
    using client = await Client.open(planeOf(), clientInstanceId);
    const asked = { ...ASKED, clientInstanceId, subscriptionId: subscriptionIdOf(clientInstanceId) };
    expect(await client.ask()).toEqual(asked);
    expect(await client.ask()).toEqual({ ...REFUSED, errorCode: ErrorCode.THROTTLING_QUOTA_EXCEEDED });
    // Clocks that count in milliseconds: the push must come in a later one.
    await expect.poll(() => client.push()).toBe(ErrorCode.NONE);
    expect(await client.push()).toBe(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
    expect(await client.push({ terminating: true })).toBe(ErrorCode.NONE);
    expect(await client.push()).toBe(ErrorCode.INVALID_REQUEST);
  });

  test.each([
    ["under another subscription", { subscriptionId: 1 }, ErrorCode.UNKNOWN_SUBSCRIPTION_ID],
    ["in a codec that there is not", { compressionType: 9 }, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE],
  ])("telemetry: a push %s is refused, and the client may ask again", async (what, push, code) => {
    using client = await Client.open(planeOf(), newId(what.length));
    expect(await client.push(push)).toBe(code);
    expect((await client.ask()).errorCode).toBe(ErrorCode.NONE);
  });

  test("telemetry: a push beyond telemetry.max.bytes is too large, one of as many is not", async () => {
    using large = await Client.open(planeOf(), newId(60));
    expect(await large.push({ metrics: Buffer.alloc(MAX_BYTES + 1) })).toBe(ErrorCode.TELEMETRY_TOO_LARGE);
    using largest = await Client.open(planeOf(), newId(80));
    expect(await largest.push({ metrics: Buffer.alloc(MAX_BYTES) })).toBe(ErrorCode.NONE);
  });
}
