/** Client metrics (KIP-714): who is asked for what, what is refused, who is forgotten. */
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import { parseMatch } from "../../../broker/config/client-metrics-configs.ts";
import { type MetadataImage, ResourceType } from "../../../broker/metadata/metadata-image.ts";
import { ConnectedClient } from "../../../broker/network/connected-client.ts";
import {
  ClientTelemetry,
  type ClientTelemetryOptions,
  type ClientTelemetryPush,
  type Push,
} from "../../../broker/telemetry/client-telemetry.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Codec } from "../../../protocol/records/codec.ts";
import { crc32c } from "../../../protocol/records/crc32c.ts";
import { isUuid, ZERO_UUID } from "../../../protocol/uuid.ts";
import { SILENT_LOGGER } from "../../../storage/logger.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const DEFAULT_INTERVAL_MS = 300_000;
const MAX_BYTES = 1000;
const ID = "5EaZlO5ySpe1PL9oZ2rMOg";

let clock: ManualClock;
let connection: ConnectedClient;
let pushed: ClientTelemetryPush[];
let image: MetadataImage;

function subscribed(configs: Record<string, Record<string, string>>): void {
  const texts = new Map(Object.entries(configs).map(([name, values]) => [name, new Map(Object.entries(values))]));
  image = {
    resourcesWithConfigs: (type: ResourceType) => (type === ResourceType.CLIENT_METRICS ? [...texts.keys()] : []),
    configsOf: (_type: ResourceType, name: string) => texts.get(name) ?? new Map(),
  } as unknown as MetadataImage;
}

function telemetry({ takes = true, ...more }: Partial<ClientTelemetryOptions> & { takes?: boolean } = {}) {
  return new ClientTelemetry({
    ...{ nodeId: 1, clock, random: new SeededRandom(1), logger: SILENT_LOGGER },
    ...{ image: () => image, maxBytes: () => MAX_BYTES },
    receiver: takes ? (push) => void pushed.push(push) : undefined,
    ...more,
  });
}

function client(from = connection, clientId = "shop") {
  return { connection: from, clientId };
}

function connect(port = 4000): ConnectedClient {
  const one = new ConnectedClient("PLAINTEXT", { host: "10.0.0.1", port }, true);
  one.clientSoftwareName = "librdkafka";
  one.clientSoftwareVersion = "2.12.0";
  return one;
}

function asked(of: ClientTelemetry, id = ID, who = client()) {
  const answer = of.ask(id, who);
  if (typeof answer === "number") throw new Error(`refused: ${answer}`);
  return answer;
}

function pushOf(subscriptionId: number, more: Partial<Push> = {}): Push {
  const metrics = Buffer.from("otlp");
  return { clientInstanceId: ID, subscriptionId, terminating: false, compressionType: Codec.NONE, metrics, ...more };
}

beforeEach(() => {
  clock = new ManualClock();
  connection = connect();
  pushed = [];
  subscribed({});
});

describe("what a client is asked for", () => {
  it("is nothing where nobody has subscribed, every five minutes", () => {
    const { metrics, pushIntervalMs, subscriptionId } = asked(telemetry());
    expect([metrics, pushIntervalMs]).toEqual([[], DEFAULT_INTERVAL_MS]);
    const id = Buffer.from(ID, "base64url");
    const hash = id.readInt32BE(0) ^ id.readInt32BE(4) ^ id.readInt32BE(8) ^ id.readInt32BE(12);
    expect(subscriptionId).toBe((crc32c(Buffer.from("[]300000")) ^ hash) | 0);
  });

  it("comes with an id for whoever has none", () => {
    const of = telemetry();
    const [first, second] = [asked(of, ZERO_UUID), asked(of, ZERO_UUID, client(connect()))];
    expect(isUuid(first.clientInstanceId)).toBe(true);
    expect(first.clientInstanceId).not.toBe(second.clientInstanceId);
  });

  it("is what all subscriptions ask that match it, as often as the most eager of them", () => {
    subscribed({
      a: { metrics: "org.apache.kafka.producer.", "interval.ms": "1000" },
      b: { metrics: "org.apache.kafka.consumer.,org.apache.kafka.producer.", "interval.ms": "500" },
      c: { metrics: "other.", "interval.ms": "100", match: "client_id=till.*" },
    });
    const { metrics, pushIntervalMs } = asked(telemetry());
    expect(metrics).toEqual(["org.apache.kafka.consumer.", "org.apache.kafka.producer."]);
    expect(pushIntervalMs).toBe(500);
  });

  it("is what the others ask where a config does not parse, and what was asked before no more", () => {
    subscribed({ a: { metrics: "old." } });
    const of = telemetry();
    expect(asked(of).metrics).toEqual(["old."]);
    subscribed({ a: { metrics: "new.", match: "client_id=(" }, b: { metrics: "some." }, c: { "interval.ms": "soon" } });
    clock.advance(DEFAULT_INTERVAL_MS);
    expect(asked(of).metrics).toEqual(["some."]);
  });

  it("is everything where one asks for everything", () => {
    subscribed({ a: { metrics: "some." }, b: { metrics: "*" } });
    expect(asked(telemetry()).metrics).toEqual(["*"]);
  });

  it.each([
    ["client_instance_id=5EaZ.*", true],
    ["client_id=shop", true],
    ["client_id=sho", false],
    ["client_id=(?i)SHOP", true],
    ["client_id=(?!till).*", true],
    ["client_software_name=librdkafka,client_software_version=2\\..*", true],
    ["client_software_name=librdkafka,client_software_version=3\\..*", false],
    ["client_source_address=10\\.0\\.0\\.1,client_source_port=4000", true],
    ["client_source_port=40", false],
  ])("matches by %s: %s", (match, does) => {
    subscribed({ a: { metrics: "*", match } });
    expect(asked(telemetry()).metrics).toEqual(does ? ["*"] : []);
  });

  it("a pattern that would take for ever is not tried on a long name", () => {
    subscribed({ a: { metrics: "*", match: "client_id=(?=a)a+a+a+b" } });
    expect(asked(telemetry(), ID, client(connection, "a".repeat(5000))).metrics).toEqual([]);
  });

  it.each([
    ["(?=a)(a+)+b", false],
    ["(?=a)(?:(?:a+))*b", false],
    ["(?=a)((a|a)b?)*c", false],
    ["(?=a)[^](a+)+b", false],
    ["(?=a)[^\\]](a+){2,}b", false],
    [`(?=a)${"(a|a)".repeat(39)}b`, false],
    [`(?=a)${"a*".repeat(12)}b`, false],
    [`(?=a)${"a?".repeat(30)}b`, false],
    ["(?=a)a*a*a*a*b", true],
    ["(?!prod|test|stage).*-(?:blue|green)(?:-v\\d+)?", true],
    ["(?=a)[(+)+]\\(a\\)+(?:ab)+", true],
    ["(\\w+)-\\1", true],
  ])("matching by trying takes no name long: %s", (regex, isTried) => {
    const match = `client_id=${regex}`;
    if (isTried)
      expect(
        parseMatch([match])
          .get("client_id")
          ?.matches(`${"a".repeat(39)}!`),
      ).toBe(false);
    else expect(() => parseMatch([match])).toThrow("Illegal client matching pattern");
  });

  it("changes with the subscriptions, at once", () => {
    subscribed({ a: { metrics: "one." } });
    const of = telemetry();
    const before = asked(of);
    expect(of.ask(ID, client())).toBe(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
    subscribed({ a: { metrics: "two." } });
    const after = asked(of);
    expect(after.metrics).toEqual(["two."]);
    expect(after.subscriptionId).not.toBe(before.subscriptionId);
    // Other metadata changes nothing.
    subscribed({ a: { metrics: "two." } });
    expect(of.ask(ID, client())).toBe(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  });
});

describe("what a client pushes", () => {
  it.each([
    [Codec.NONE, Buffer.from("otlp")],
    [Codec.GZIP, gzipSync("otlp")],
  ])("codec %i reaches the receiver decompressed", (compressionType, metrics) => {
    const of = telemetry();
    const { subscriptionId } = asked(of);
    expect(of.push(pushOf(subscriptionId, { compressionType, metrics }), client())).toBe(ErrorCode.NONE);
    expect(pushed).toEqual([
      {
        ...{ nodeId: 1, clientInstanceId: ID, clientId: "shop", terminating: false, metrics: Buffer.from("otlp") },
        ...{ clientSoftwareName: "librdkafka", clientSoftwareVersion: "2.12.0" },
      },
    ]);
  });

  it("is dropped where nobody takes it, whatever it is", () => {
    const of = telemetry({ takes: false });
    const { subscriptionId } = asked(of);
    const push = pushOf(subscriptionId, { compressionType: Codec.GZIP, metrics: Buffer.from("no gzip") });
    expect(of.push(push, client())).toBe(ErrorCode.NONE);
  });

  it("that cannot be decompressed is an INVALID_RECORD", () => {
    const of = telemetry();
    const { subscriptionId } = asked(of);
    const push = pushOf(subscriptionId, { compressionType: Codec.GZIP, metrics: Buffer.from("no gzip") });
    expect(of.push(push, client())).toBe(ErrorCode.INVALID_RECORD);
  });

  it("that its receiver fails at is an INVALID_RECORD, and the failure is told", () => {
    const failed: unknown[] = [];
    const of = telemetry({
      logger: { ...SILENT_LOGGER, error: ({ err }) => void failed.push((err as Error).message) },
      receiver: () => {
        throw new Error("not these");
      },
    });
    expect(of.push(pushOf(asked(of).subscriptionId), client())).toBe(ErrorCode.INVALID_RECORD);
    expect(failed).toEqual(["not these"]);
    clock.advance(DEFAULT_INTERVAL_MS);
    expect(of.ask(ID, client())).toMatchObject({ clientInstanceId: ID });
  });

  it("without metrics is no push, and nothing is wrong with it", () => {
    const of = telemetry();
    expect(of.push(pushOf(asked(of).subscriptionId, { metrics: Buffer.alloc(0) }), client())).toBe(ErrorCode.NONE);
    expect(pushed).toEqual([]);
  });

  it.each([ZERO_UUID, "AAAAAAAAAAAAAAAAAAAAAQ"])("of nobody (%s) is an INVALID_REQUEST", (clientInstanceId) => {
    expect(telemetry().push(pushOf(1, { clientInstanceId }), client())).toBe(ErrorCode.INVALID_REQUEST);
  });

  it("under another subscription is refused, and the client may ask anew at once", () => {
    const of = telemetry();
    const { subscriptionId } = asked(of);
    expect(of.push(pushOf(subscriptionId + 1), client())).toBe(ErrorCode.UNKNOWN_SUBSCRIPTION_ID);
    expect(asked(of).subscriptionId).toBe(subscriptionId);
    expect(of.ask(ID, client())).toBe(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  });

  it("in a codec that there is not is refused, and the client may ask anew at once", () => {
    const of = telemetry();
    const { subscriptionId } = asked(of);
    const push = pushOf(subscriptionId, { compressionType: 9 });
    expect(of.push(push, client())).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
    expect(asked(of).subscriptionId).toBe(subscriptionId);
  });

  it("beyond telemetry.max.bytes is too large", () => {
    const of = telemetry();
    const { subscriptionId } = asked(of);
    const most = pushOf(subscriptionId, { metrics: Buffer.alloc(MAX_BYTES) });
    expect(of.push(most, client())).toBe(ErrorCode.NONE);
    clock.advance(DEFAULT_INTERVAL_MS);
    const more = pushOf(subscriptionId, { metrics: Buffer.alloc(MAX_BYTES + 1) });
    expect(of.push(more, client())).toBe(ErrorCode.TELEMETRY_TOO_LARGE);
  });

  it("is taken once in an interval, the first at any time", () => {
    const of = telemetry();
    const { subscriptionId } = asked(of);
    clock.advance(1);
    expect(of.push(pushOf(subscriptionId), client())).toBe(ErrorCode.NONE);
    clock.advance(DEFAULT_INTERVAL_MS - 1);
    expect(of.push(pushOf(subscriptionId), client())).toBe(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
    clock.advance(1);
    expect(of.push(pushOf(subscriptionId), client())).toBe(ErrorCode.NONE);
  });

  it("for the last time is taken early, and nothing is after it", () => {
    const of = telemetry();
    const { subscriptionId } = asked(of);
    expect(of.push(pushOf(subscriptionId), client())).toBe(ErrorCode.NONE);
    expect(of.push(pushOf(subscriptionId, { terminating: true }), client())).toBe(ErrorCode.NONE);
    expect(pushed.map(({ terminating }) => terminating)).toEqual([false, true]);
    clock.advance(DEFAULT_INTERVAL_MS);
    expect(of.push(pushOf(subscriptionId), client())).toBe(ErrorCode.INVALID_REQUEST);
  });
});

describe("clients are forgotten", () => {
  it("with their connection", () => {
    const of = telemetry();
    asked(of);
    connection.close();
    expect(of.size).toBe(0);
    // On another connection it is as if it came for the first time.
    asked(of, ID, client(connect()));
  });

  it("when they have been silent for three intervals", () => {
    const of = telemetry();
    asked(of);
    clock.advance(3 * DEFAULT_INTERVAL_MS);
    asked(of, "zzzzzzzzSpe1PL9oZ2rMOg", client(connect()));
    expect(of.size).toBe(1);
  });

  it("when there are too many, the one heard of longest ago first", () => {
    const of = telemetry();
    asked(of);
    for (let count = 0; count < 16_384; count++) asked(of, ZERO_UUID);
    expect(of.size).toBe(16_384);
    asked(of);
  });
});
