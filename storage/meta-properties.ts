/**
 * `meta.properties`: which cluster and node a directory belongs to, and its own id (version 1; KIP-858 for the id).
 *
 * Owns: the file, and the refusal of a directory that is not this node's. A directory without one is new and gets one.
 * Differs from Kafka: a new data directory is formatted when a node starts on it, where Kafka wants `kafka-storage format` first.
 */
import { getProperties } from "properties-file";
import { isUuid } from "../protocol/uuid.ts";
import { readFileIfThere, replaceFile } from "./checkpoint-file.ts";
import type { Disk } from "./disk.ts";
import { type Random, randomUuid } from "./random.ts";

export const META_PROPERTIES_NAME = "meta.properties";

/** A directory that this node must not use, in words for whoever started it. */
export class DirectoryRefused extends Error {
  override readonly name = "DirectoryRefused";
}

export interface MetaProperties {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directoryId: string;
}

/** What a directory says of itself; undefined when it is new. @throws DirectoryRefused: not this version's. */
export function readMetaProperties(disk: Disk, directory: string): Partial<MetaProperties> | undefined {
  const path = `${directory}/${META_PROPERTIES_NAME}`;
  const text = readFileIfThere(disk, path);
  if (text === undefined) return undefined;
  const properties = new Map(Object.entries(getProperties(text)));
  const version = properties.get("version");
  if (version === "0") {
    throw new DirectoryRefused(`${path} has version 0, of the time of ZooKeeper: migrate the cluster to KRaft first`);
  }
  if (version !== "1") throw new DirectoryRefused(`${path} has version ${version ?? "none"}: only version 1 is known`);
  const clusterId = properties.get("cluster.id");
  const nodeId = properties.get("node.id");
  const directoryId = properties.get("directory.id");
  if (nodeId !== undefined && !/^\d+$/.test(nodeId))
    throw new DirectoryRefused(`${path}: node.id=${nodeId} is no number`);
  if (directoryId !== undefined && !isUuid(directoryId)) {
    throw new DirectoryRefused(`${path}: directory.id=${directoryId} is no uuid`);
  }
  return {
    ...(clusterId === undefined ? {} : { clusterId }),
    ...(nodeId === undefined ? {} : { nodeId: Number(nodeId) }),
    ...(directoryId === undefined ? {} : { directoryId }),
  };
}

export interface ClaimOptions {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly random: Random;
  /** For the comment that Kafka leaves as well. */
  readonly wallMs: number;
}

/** Makes the directory this node's, or sees that it is. @throws DirectoryRefused: it is another's. */
export async function claimDirectory(disk: Disk, directory: string, options: ClaimOptions): Promise<MetaProperties> {
  const { clusterId, nodeId } = options;
  const found = readMetaProperties(disk, directory);
  if (found?.clusterId !== undefined && found.clusterId !== clusterId) {
    throw new DirectoryRefused(`${directory} belongs to the cluster ${found.clusterId}, this node to ${clusterId}`);
  }
  if (found?.nodeId !== undefined && found.nodeId !== nodeId) {
    throw new DirectoryRefused(`${directory} belongs to the node ${found.nodeId}, this one is ${nodeId}`);
  }
  const meta: MetaProperties = { clusterId, nodeId, directoryId: found?.directoryId ?? randomUuid(options.random) };
  if (found?.clusterId === undefined || found.nodeId === undefined || found.directoryId === undefined) {
    await replaceFile(disk, `${directory}/${META_PROPERTIES_NAME}`, format(meta, options.wallMs));
  }
  return meta;
}

/**
 * The cluster that directories belong to; undefined when all are new.
 * @throws DirectoryRefused: they belong to several.
 */
export function clusterIdOf(disk: Disk, directories: readonly string[]): string | undefined {
  let first: { readonly directory: string; readonly clusterId: string } | undefined;
  for (const directory of directories) {
    const clusterId = readMetaProperties(disk, directory)?.clusterId;
    if (clusterId === undefined) continue;
    first ??= { directory, clusterId };
    if (first.clusterId !== clusterId) {
      throw new DirectoryRefused(
        `${first.directory} belongs to the cluster ${first.clusterId}, ${directory} to ${clusterId}`,
      );
    }
  }
  return first?.clusterId;
}

function format(meta: MetaProperties, wallMs: number): string {
  const lines = [
    "#",
    `#${new Date(wallMs).toUTCString()}`,
    `node.id=${meta.nodeId}`,
    `directory.id=${meta.directoryId}`,
    "version=1",
    `cluster.id=${escapeValue(meta.clusterId)}`,
  ];
  return `${lines.join("\n")}\n`;
}

/** As java.util.Properties writes a value. */
function escapeValue(value: string): string {
  return value.replace(/[\\:=#!]/g, "\\$&").replace(/^ /, "\\ ");
}
