/**
 * A client that is a program in another language, driven by its arguments and lines of text.
 *
 *   create BOOTSTRAP TOPIC PARTITIONS
 *   produce BOOTSTRAP TOPIC CODEC       records on standard input, key TAB value
 *   read BOOTSTRAP TOPIC COUNT          records on standard output, partition TAB offset TAB key TAB value
 *   join BOOTSTRAP TOPIC GROUP          the same, until standard input ends: then it leaves the group and ends
 */

import type { ClientUnderTest, Received, Sent } from "../../support/client-contract.ts";
import type { Codec } from "../../support/cluster-probe.ts";
import type { MortalMember } from "../../support/group-failover.ts";
import { Program, type ProgramOptions, runProgram } from "../../support/programs.ts";

const LEAVE_TIMEOUT_MS = 60_000;

export interface ClientProgram {
  readonly command: string;
  /** In front of those above. */
  readonly args?: readonly string[];
  readonly options?: ProgramOptions;
  readonly codecs: readonly Codec[];
}

export class ProgramClient implements ClientUnderTest {
  readonly codecs: readonly Codec[];
  private readonly program: ClientProgram;
  private readonly bootstrapServers: string;

  constructor(program: ClientProgram, bootstrapServers: string) {
    this.program = program;
    this.bootstrapServers = bootstrapServers;
    this.codecs = program.codecs;
  }

  readonly createTopic = async (topic: string, partitions: number): Promise<void> => {
    await this.run(["create", this.bootstrapServers, topic, String(partitions)]);
  };

  async produce(topic: string, codec: Codec, records: readonly Sent[]): Promise<void> {
    await this.run(["produce", this.bootstrapServers, topic, codec], linesOf(records));
  }

  async readAlone(topic: string, count: number): Promise<Received[]> {
    const output = await this.run(["read", this.bootstrapServers, topic, String(count)]);
    return output.split("\n").filter(isRecordLine).map(recordOf);
  }

  async join(topic: string, group: string, receive: (record: Received) => void): Promise<MortalMember> {
    const { command, args = [], options } = this.program;
    const program = new Program(command, [...args, "join", this.bootstrapServers, topic, group], options);
    return memberOf(program, receive, () => program.child.stdin?.end());
  }

  private run(args: readonly string[], input?: string): Promise<string> {
    const { command, args: first = [], options } = this.program;
    return runProgram(command, [...first, ...args], { ...options, ...(input === undefined ? {} : { input }) });
  }
}

/** A running program as a member: its lines, made plain, are records, and `askToLeave` makes it go. */
export function memberOf(
  program: Program,
  receive: (record: Received) => void,
  askToLeave: () => void,
  expectedEnds: readonly (number | string)[] = [0],
  plain: (line: string) => string = (line) => line,
): MortalMember {
  program.onLine((line) => {
    const record = plain(line);
    if (isRecordLine(record)) receive(recordOf(record));
  });
  return {
    leave: async () => {
      askToLeave();
      const code = await program.ended(LEAVE_TIMEOUT_MS);
      if (!expectedEnds.includes(code)) throw new Error(`${program.title} ended with ${code}: ${program.errors}`);
    },
    kill: () => program.kill(),
  };
}

/** Records as the lines that programs read. */
export function linesOf(records: readonly Sent[]): string {
  return records.map(({ key, value }) => `${key}\t${value}\n`).join("");
}

/** Clients also write notices; a record's line starts with two numbers. */
export function isRecordLine(line: string): boolean {
  return /^\d+\t\d+\t/.test(line);
}

export function recordOf(line: string): Received {
  const [partition, offset, key, ...value] = line.split("\t");
  return { partition: Number(partition), offset: Number(offset), key: key ?? "", value: value.join("\t") };
}
