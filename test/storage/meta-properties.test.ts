import { expect, test } from "vitest";
import { MemoryDisk } from "../../storage/memory-disk.ts";
import { claimDirectory, clusterIdOf, DirectoryRefused, readMetaProperties } from "../../storage/meta-properties.ts";
import { SeededRandom } from "../simulation/seeded-random.ts";

const KAFKAS = `#
#Sat Nov 21 08:32:01 UTC 2026
node.id=1
directory.id=E06ThbWK_bULAm2VVb5b-w
version=1
cluster.id=AAAAAAAAAAAAAAAAAAAAAQ
`;

function diskWith(text?: string): MemoryDisk {
  const disk = new MemoryDisk();
  disk.makeDirectory("/d");
  if (text !== undefined) disk.writeFile("/d/meta.properties", text);
  return disk;
}

const owner = { clusterId: "AAAAAAAAAAAAAAAAAAAAAQ", nodeId: 1, random: new SeededRandom(1), wallMs: 0 };

test("a directory of Apache Kafka is known again and left as it is", async () => {
  const disk = diskWith(KAFKAS);
  expect(clusterIdOf(disk, ["/d"])).toBe("AAAAAAAAAAAAAAAAAAAAAQ");
  const meta = await claimDirectory(disk, "/d", owner);
  expect(meta).toEqual({ clusterId: owner.clusterId, nodeId: 1, directoryId: "E06ThbWK_bULAm2VVb5b-w" });
  expect(disk.readFile("/d/meta.properties").toString()).toBe(KAFKAS);
});

test("a new directory gets the file, with an id that stays", async () => {
  const disk = diskWith();
  expect(clusterIdOf(disk, ["/d"])).toBeUndefined();
  const meta = await claimDirectory(disk, "/d", { ...owner, clusterId: "a:b=c" });
  expect(disk.readFile("/d/meta.properties").toString()).toContain("\nversion=1\ncluster.id=a\\:b\\=c\n");
  expect(await claimDirectory(disk, "/d", { ...owner, clusterId: "a:b=c" })).toEqual(meta);
});

test("an id is added where an older Kafka left none", async () => {
  const disk = diskWith("version=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAQ\nnode.id=1\n");
  const { directoryId } = await claimDirectory(disk, "/d", owner);
  expect(readMetaProperties(disk, "/d")?.directoryId).toBe(directoryId);
});

test("R94: a directory of another format, cluster or node is refused with a clear error", async () => {
  const refusals: [string, RegExp][] = [
    ["version=0\nbroker.id=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAQ\n", /version 0.*ZooKeeper/],
    ["version=2\n", /version 2: only version 1/],
    ["broker.id=1\n", /version none/],
    [
      KAFKAS.replace("AAAAAAAAAAAAAAAAAAAAAQ", "BAAAAAAAAAAAAAAAAAAAAQ"),
      /cluster BAAAAAAAAAAAAAAAAAAAAQ, this node to AAAA/,
    ],
    [KAFKAS.replace("node.id=1", "node.id=2"), /belongs to the node 2, this one is 1/],
    [KAFKAS.replace("node.id=1", "node.id=one"), /node.id=one is no number/],
    [KAFKAS.replace("E06ThbWK_bULAm2VVb5b-w", "short"), /directory.id=short is no uuid/],
  ];
  for (const [text, message] of refusals) {
    const disk = diskWith(text);
    const error = await claimDirectory(disk, "/d", owner).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DirectoryRefused);
    expect((error as Error).message).toMatch(message);
    expect(disk.readFile("/d/meta.properties").toString()).toBe(text);
  }
});

test("R94: directories of two clusters are refused together", () => {
  const disk = diskWith(KAFKAS);
  disk.makeDirectory("/e");
  disk.writeFile("/e/meta.properties", KAFKAS.replace("AAAAAAAAAAAAAAAAAAAAAQ", "BAAAAAAAAAAAAAAAAAAAAQ"));
  expect(() => clusterIdOf(disk, ["/d", "/e"])).toThrow(DirectoryRefused);
});
