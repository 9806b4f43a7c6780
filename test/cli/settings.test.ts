/**
 * What the options and settings of the command line come to for each node.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CommandError } from "../../cli/command-error.ts";
import { userDataFolder } from "../../cli/data-folder.ts";
import { gatherSettings } from "../../cli/settings.ts";
import { readSettingsFile } from "../../cli/settings-file.ts";
import { startOptions } from "../../cli/start-options.ts";

interface Given {
  readonly options?: Record<string, string>;
  readonly set?: readonly string[];
  readonly file?: Record<string, string>;
}

function gather({ options = {}, set = [], file = {} }: Given = {}) {
  const values = new Map<string, readonly string[]>(Object.entries(options).map(([name, value]) => [name, [value]]));
  if (set.length > 0) values.set("set", set);
  return gatherSettings(startOptions(values), new Map(Object.entries(file)), "/data");
}

const loopback = (port: number, advertisedPort = port === 0 ? undefined : port) => ({
  name: "PLAINTEXT",
  securityProtocol: "PLAINTEXT",
  hosts: ["127.0.0.1", "::1"],
  port,
  advertised: { host: "127.0.0.1", port: advertisedPort },
});

describe("nodes", () => {
  it.each([
    [{ set: ["node.id=0"] }, [0]],
    [{ file: { "broker.id": "1001" }, options: { nodes: "3" } }, [1001, 1002, 1003]],
    [{ file: { "node.id": "5" }, set: ["node.id=2147483647"] }, [2 ** 31 - 1]],
    [{ file: { "node.id": "-1" } }, [1]],
  ])("have the numbers that node.id says of the first: %j", (given, ids) => {
    const { nodes, withoutEffect } = gather(given);
    expect(nodes.map(({ nodeId }) => nodeId)).toEqual(ids);
    expect(nodes.map(({ config }) => [config.settings.nodeId, config.settings.brokerId])).toEqual(
      ids.map((id) => [id, id]),
    );
    expect(nodes[0]?.dataDirectory).toBe(`/data/${ids[0]}`);
    expect(withoutEffect.size).toBe(0);
  });

  it.each(["x", "1.5", "-2", "2147483647", "2999", "3000"])("have no number %s where they are several", (id) => {
    expect(() => gather({ set: [`node.id=${id}`], options: { nodes: "2" } })).toThrow(CommandError);
  });

  it("are one on 9092, unless asked otherwise", () => {
    const { nodes, withoutEffect } = gather();
    expect(nodes).toMatchObject([{ nodeId: 1, dataDirectory: "/data/1", listeners: [loopback(9092)] }]);
    expect(withoutEffect.size).toBe(0);
    expect(nodes[0]?.config.settings).toMatchObject({
      nodeId: 1,
      processRoles: ["broker", "controller"],
      logDirs: ["/data/1"],
      listeners: ["PLAINTEXT://127.0.0.1:9092"],
      advertisedListeners: ["PLAINTEXT://127.0.0.1:9092"],
    });
  });

  it("have their numbers, folders and ports", () => {
    const { nodes } = gather({ options: { nodes: "3", port: "100" } });
    expect(nodes.map((node) => [node.nodeId, node.dataDirectory, node.listeners])).toEqual([
      [1, "/data/1", [loopback(100)]],
      [2, "/data/2", [loopback(101)]],
      [3, "/data/3", [loopback(102)]],
    ]);
    expect(nodes.map((node) => node.config.nodeId)).toEqual([1, 2, 3]);
    expect(gather({ options: { nodes: "2", port: "0" } }).nodes.map((node) => node.listeners)).toEqual([
      [loopback(0)],
      [loopback(0)],
    ]);
  });

  it.each([
    [1, 1, 1],
    [2, 2, 2],
    [3, 3, 2],
    [5, 3, 2],
  ])("%i of them keep internal topics on %i, %i in sync, unless set", (nodes, replicas, inSync) => {
    const { settings } = gather({ options: { nodes: String(nodes) } }).nodes[0]?.config ?? expect.fail();
    expect(settings).toMatchObject({
      offsetsTopicReplicationFactor: replicas,
      transactionStateLogReplicationFactor: replicas,
      transactionStateLogMinIsr: inSync,
      shareCoordinatorStateTopicReplicationFactor: replicas,
      shareCoordinatorStateTopicMinIsr: inSync,
    });
    const set = gather({ options: { nodes: String(nodes) }, set: ["offsets.topic.replication.factor=1"] });
    expect(set.nodes[0]?.config.settings.offsetsTopicReplicationFactor).toBe(1);
  });
});

describe("listeners", () => {
  const listenersOf = (given: Given) => gather(given).nodes.map((node) => node.listeners);

  it("are where --host says", () => {
    expect(listenersOf({ options: { host: "127.0.0.1" } })).toMatchObject([[{ hosts: ["127.0.0.1"] }]]);
    expect(listenersOf({ options: { host: "::1" } })).toMatchObject([
      [{ hosts: ["::1"], advertised: { host: "::1", port: 9092 } }],
    ]);
    expect(listenersOf({ options: { host: "0.0.0.0" } })).toMatchObject([
      [{ hosts: ["0.0.0.0"], advertised: { host: "127.0.0.1", port: 9092 } }],
    ]);
    expect(listenersOf({ options: { host: "localhost" } })).toMatchObject([
      [{ hosts: ["127.0.0.1", "::1"], advertised: { host: "localhost", port: 9092 } }],
    ]);
  });

  it("are those of Kafka's settings, which go before --host and --port", () => {
    const file = {
      listeners: "PLAINTEXT://:19092,INSIDE://127.0.0.1:0,CONTROLLER://:19093",
      "advertised.listeners": "PLAINTEXT://kafka.example:80,INSIDE://127.0.0.1:0",
      "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
    };
    expect(listenersOf({ file, options: { port: "1", nodes: "2" } })).toEqual([
      [
        {
          name: "PLAINTEXT",
          securityProtocol: "PLAINTEXT",
          hosts: ["0.0.0.0", "::"],
          port: 19_092,
          advertised: { host: "kafka.example", port: 80 },
        },
        {
          name: "INSIDE",
          securityProtocol: "PLAINTEXT",
          hosts: ["127.0.0.1"],
          port: 0,
          advertised: { host: "127.0.0.1", port: undefined },
        },
      ],
      [
        expect.objectContaining({ port: 19_093, advertised: { host: "kafka.example", port: 81 } }),
        expect.objectContaining({ port: 0, advertised: { host: "127.0.0.1", port: undefined } }),
      ],
    ]);
  });

  it("advertise the loopback when they are on every interface and nothing says better", () => {
    expect(listenersOf({ set: ["listeners=PLAINTEXT://:5,CONTROLLER://:6"] })).toMatchObject([
      [{ hosts: ["0.0.0.0", "::"], port: 5, advertised: { host: "127.0.0.1", port: 5 } }],
    ]);
  });
});

describe("settings", () => {
  it("of --set go before those of the file", () => {
    const { nodes } = gather({ file: { "num.partitions": "2", "log.roll.ms": "7" }, set: ["num.partitions=3"] });
    expect(nodes[0]?.config.settings).toMatchObject({ numPartitions: 3, logRollMs: 7 });
  });

  it("that do nothing here are accepted and named", () => {
    const file = { "log.dirs": "elsewhere", "num.io.threads": "9", "process.roles": "broker" };
    const { nodes, withoutEffect } = gather({ file });
    expect([...withoutEffect.keys()]).toEqual(Object.keys(file));
    expect(nodes[0]?.config.settings).toMatchObject({ nodeId: 1, logDirs: ["/data/1"], numIoThreads: 9 });
  });

  it("log.dirs of several plain names are directories within each node's own", () => {
    const { nodes, withoutEffect } = gather({ file: { "log.dirs": "a, b" } });
    expect([nodes[0]?.config.settings.logDirs, [...withoutEffect]]).toEqual([["/data/1/a", "/data/1/b"], []]);
    for (const elsewhere of ["/a,/b", "a,../b", "a,", "a"]) {
      const { nodes, withoutEffect } = gather({ file: { "log.dirs": elsewhere } });
      expect([nodes[0]?.config.settings.logDirs, [...withoutEffect.keys()]]).toEqual([["/data/1"], ["log.dirs"]]);
    }
  });

  it.each([
    [{ "num.partition": "1" }, "unknown setting num.partition; did you mean num.partitions?"],
    [{ "zookeeper.connect": "a" }, "unknown setting zookeeper.connect"],
    [
      { listeners: "SSL://127.0.0.1:9093,PLAINTEXT://127.0.0.1:9092" },
      "listeners: SSL asks for SSL; only PLAINTEXT is served",
    ],
    [{ "num.partitions": "0" }, "Invalid value 0 for configuration num.partitions: Value must be at least 1"],
    [{ listeners: "nonsense" }, "it must be NAME://host:port"],
    [{ "local.retention.ms": "1" }, "for all of them set log.local.retention.ms"],
    [{ "remote.storage.enable": "true" }, "remote.storage.enable is a config of topics, not of nodes"],
  ])("are refused: %j", (file, message) => {
    expect(() => gather({ file: file as unknown as Record<string, string> })).toThrow(CommandError);
    expect(() => gather({ file: file as unknown as Record<string, string> })).toThrow(message);
  });
});

describe("a file of settings", () => {
  it("is read as Java reads properties", async () => {
    const directory = mkdtempSync(join(tmpdir(), "odradek-settings-"));
    const file = join(directory, "a.properties");
    writeFileSync(
      file,
      "# a comment\n! another\nlog.dirs = /a/b\nlisteners:PLAINTEXT://\\\n    :9092\nempty=\nunicode=\\u00e9\nlog.dirs=/c\n",
    );
    expect(await readSettingsFile(file)).toEqual(
      new Map([
        ["log.dirs", "/c"],
        ["listeners", "PLAINTEXT://:9092"],
        ["empty", ""],
        ["unicode", "é"],
      ]),
    );
    await expect(readSettingsFile(join(directory, "none"))).rejects.toThrow(/^--config .*none cannot be read: ENOENT/);
    await expect(readSettingsFile(directory)).rejects.toThrow(CommandError);
    rmSync(directory, { recursive: true });
  });
});

describe("the folder for data", () => {
  it("is the user's, by the custom of each system", () => {
    expect(userDataFolder("linux", { XDG_DATA_HOME: "/x" })).toBe("/x/odradek");
    expect(userDataFolder("linux", { XDG_DATA_HOME: "relative" })).toMatch(/\.local\/share\/odradek$/);
    expect(userDataFolder("darwin", {})).toMatch(/Library\/Application Support\/odradek$/);
    expect(userDataFolder("win32", { LOCALAPPDATA: "/l" })).toBe("/l/odradek");
  });
});
