/**
 * The `quorum-state` file: one line of JSON, replaced as a whole and synced (R69).
 *
 * Owns: its two versions: 0 with a static quorum, 1 with a dynamic one (KIP-853). Read here, written by Kafka, and the other way.
 */
import { ZERO_UUID } from "../../protocol/uuid.ts";
import { readFileIfThere, replaceFile } from "../../storage/checkpoint-file.ts";
import type { Disk } from "../../storage/disk.ts";
import type { QuorumState, ReplicaKey } from "./raft-core.ts";

const NAME = "quorum-state";

export class QuorumStateFile {
  private readonly disk: Disk;
  private readonly path: string;

  /** @param directory that of the metadata log. */
  constructor(disk: Disk, directory: string) {
    this.disk = disk;
    this.path = `${directory}/${NAME}`;
  }

  /** Undefined when there is none. @throws Error when it is not what a quorum wrote: a vote could be given twice. */
  read(): (QuorumState & { readonly voterIds: readonly number[] | undefined }) | undefined {
    const text = readFileIfThere(this.disk, this.path);
    if (text === undefined) return undefined;
    const [line] = text.split("\n");
    const data = JSON.parse(line ?? "") as { readonly [name: string]: unknown };
    const { data_version: version, currentVoters } = data;
    if (version !== 0 && version !== 1) throw new Error(`${this.path} has data_version ${version}`);
    const integer = (name: string): number => {
      const value = data[name];
      if (!Number.isInteger(value)) throw new Error(`${this.path} has ${name} ${JSON.stringify(value)}`);
      return value as number;
    };
    const voters = currentVoters as readonly { readonly voterId: number }[] | null | undefined;
    return {
      leaderId: integer("leaderId"),
      leaderEpoch: integer("leaderEpoch"),
      votedId: integer("votedId"),
      voterIds: voters?.map(({ voterId }) => voterId),
    };
  }

  /** When it resolves the state is on the device. */
  async write(state: QuorumState, voters: readonly ReplicaKey[], kraftVersion: number): Promise<void> {
    const { leaderId, leaderEpoch, votedId } = state;
    const content =
      kraftVersion === 0
        ? {
            clusterId: "",
            leaderId,
            leaderEpoch,
            votedId,
            appliedOffset: 0,
            currentVoters: voters.map(({ id }) => ({ voterId: id })),
            data_version: 0,
          }
        : { leaderId, leaderEpoch, votedId, votedDirectoryId: ZERO_UUID, data_version: 1 };
    await replaceFile(this.disk, this.path, JSON.stringify(content));
  }
}
