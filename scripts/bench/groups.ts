/**
 * Groups: how long until one is stable, and again after a member died; commits, big answers, memory. On three nodes in this process,
 * over real sockets, members in the same process.
 *
 * Owns: the load. Time of one process holds the members' share as well: what a coordinator alone takes is less.
 */

import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { OffsetFetch } from "../../protocol/messages/group-offsets.ts";
import { ClusterProbe } from "../../test/support/cluster-probe.ts";
import { WireClient } from "../../test/support/wire-client.ts";
import { formGroup, WireMember } from "../../test/support/wire-member.ts";

export interface GroupRow {
  readonly measurement: string;
  readonly value: number;
  readonly unit: string;
  readonly "process CPU ms": number;
}

const SESSION_MS = 6000;
const COMMIT_ROUNDS = 2000;
const COMMITTERS = 8;
/** Together ten thousand partitions: more than one request may create. */
const TOPICS = ["t", "u"];
const PARTITIONS = 5000;
const MEMBERS_FOR_MEMORY = 2000;

export async function benchGroups(): Promise<GroupRow[]> {
  const rows: GroupRow[] = [];
  await using cluster = await startCluster({ nodes: 3 });
  for (const topic of TOPICS) await cluster.createTopic(topic, { partitions: PARTITIONS, replicationFactor: 1 });
  const probe = new ClusterProbe(cluster.bootstrapServers);
  // Schemas are compiled and the offsets topic is there before anything is measured.
  await formed(cluster, probe, "warm", 5);
  for (const size of [1, 50, 200, 500]) rows.push(...(await stability(cluster, probe, size)));
  rows.push(...(await commits(cluster, probe)));
  rows.push(...(await bigFetch(cluster, probe)));
  rows.push(await memory(cluster, probe));
  await probe.close();
  return rows;
}

async function coordinatorOf(cluster: Cluster, probe: ClusterProbe, groupId: string): Promise<string> {
  return cluster.node(await probe.coordinatorId(groupId)).address;
}

async function formed(cluster: Cluster, probe: ClusterProbe, groupId: string, size: number): Promise<WireMember[]> {
  const address = await coordinatorOf(cluster, probe, groupId);
  const options = { groupId, sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: 60_000 };
  const members = await Promise.all(Array.from({ length: size }, () => WireMember.open(address, options)));
  await formGroup(members);
  return members;
}

async function stability(cluster: Cluster, probe: ClusterProbe, size: number): Promise<GroupRow[]> {
  const groupId = `group-${size}`;
  const address = await coordinatorOf(cluster, probe, groupId);
  const options = { groupId, sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: 60_000 };
  const members = await Promise.all(Array.from({ length: size }, () => WireMember.open(address, options)));
  const rows = [await timed(`first join to stable, ${size} members`, () => formGroup(members))];
  if (size > 1) {
    const [first, ...others] = members as [WireMember, ...WireMember[]];
    first.close();
    const beats = setInterval(() => {
      for (const member of others) void member.heartbeat().catch(() => {});
    }, SESSION_MS / 3);
    // Its session has to end first; what comes after is measured.
    while ((await (others[0] as WireMember).heartbeat()) !== ErrorCode.REBALANCE_IN_PROGRESS) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    clearInterval(beats);
    rows.push(await timed(`re-balance after a kill, ${size - 1} members`, () => formGroup(others)));
  }
  for (const member of members) member.close();
  return rows;
}

async function commits(cluster: Cluster, probe: ClusterProbe): Promise<GroupRow[]> {
  const groups = await Promise.all(
    Array.from({ length: COMMITTERS }, (_, index) => formed(cluster, probe, `committers-${index}`, 1)),
  );
  const total = COMMITTERS * COMMIT_ROUNDS;
  const row = await timed("", async () => {
    await Promise.all(
      groups.map(async ([member]) => {
        for (let round = 0; round < COMMIT_ROUNDS; round++) await member?.commit("t", [round % 100], round);
      }),
    );
  });
  for (const member of groups.flat()) member.close();
  return [
    {
      ...row,
      measurement: `offset commits, ${COMMITTERS} groups, one in flight each, replicated to 3 nodes`,
      value: (total / row.value) * 1000,
      unit: "commits/s",
    },
  ];
}

async function bigFetch(cluster: Cluster, probe: ClusterProbe): Promise<GroupRow[]> {
  const groupId = "wide";
  const [member] = (await formed(cluster, probe, groupId, 1)) as [WireMember];
  const partitions = Array.from({ length: PARTITIONS }, (_, index) => index);
  const all = TOPICS.length * PARTITIONS;
  const commit = await timed(`commit of ${all} partitions in ${TOPICS.length} requests`, async () => {
    for (const topic of TOPICS) {
      const refused = (await member.commit(topic, partitions, 1)).filter((code) => code !== ErrorCode.NONE);
      if (refused.length > 0) throw new Error(`commit: error ${refused[0]}`);
    }
  });
  const client = await WireClient.connect(await coordinatorOf(cluster, probe, groupId));
  const fetch = async (): Promise<void> => {
    const answer = await client.request(OffsetFetch, 9, { groups: [{ groupId, topics: null }], requireStable: true });
    const told = answer.groups[0]?.topics.reduce((sum, topic) => sum + topic.partitions.length, 0);
    if (told !== all) throw new Error(`OffsetFetch told ${told} partitions`);
  };
  await fetch();
  const row = await timed(`OffsetFetch of ${all} partitions`, fetch);
  client.close();
  member.close();
  return [commit, row];
}

async function memory(cluster: Cluster, probe: ClusterProbe): Promise<GroupRow> {
  const before = heapBytes();
  const cpu = process.cpuUsage();
  const groups = 40;
  const each = MEMBERS_FOR_MEMORY / groups;
  for (let index = 0; index < groups; index++) {
    // Members stay when their connections go, until their sessions end.
    for (const member of await formed(cluster, probe, `memory-${index}`, each)) member.close();
  }
  const grown = heapBytes() - before;
  return {
    measurement: `memory per member, ${MEMBERS_FOR_MEMORY} in ${groups} groups, with its log on 3 memory disks`,
    value: grown / MEMBERS_FOR_MEMORY / 1024,
    unit: "KiB",
    "process CPU ms": cpuMs(cpu),
  };
}

function heapBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function timed(measurement: string, run: () => Promise<void>): Promise<GroupRow> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await run();
  return { measurement, value: performance.now() - startMs, unit: "ms", "process CPU ms": cpuMs(cpu) };
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}
