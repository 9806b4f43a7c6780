/**
 * A client with transactions that is a program in another language, driven line by line; each line has one line in answer.
 *
 *   PROGRAM BOOTSTRAP TRANSACTIONAL_ID GROUP
 *   init                      a new producer, which fences the one before
 *   begin | commit | abort
 *   send TOPIC PARTITION VALUE       ok OFFSET
 *   assign TOPIC P[,P...]     a new read_committed consumer, from the beginning
 *   subscribe TOPIC           the same as a member of the group, where the client has it
 *   poll MS                   ok PARTITION:OFFSET:VALUE ...
 *   offsets                   the consumer's positions become part of the transaction
 *   rewind                    the consumer goes back to what the group has committed
 *
 * Answers are `ok ...`, `error fenced ...` when another producer has the id, or `error ...`.
 */
import { Program } from "../../support/programs.ts";
import type { ClientProgram } from "./program-client.ts";

export interface PolledRecord {
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
}

export class ProgramError extends Error {
  readonly isFenced: boolean;

  constructor(detail: string) {
    super(detail);
    this.isFenced = detail.startsWith("fenced");
  }
}

export type TransactionProgramCommand = Pick<ClientProgram, "command" | "args" | "options">;

export class TransactionProgram implements AsyncDisposable {
  private readonly program: Program;
  private readonly waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];

  constructor(of: TransactionProgramCommand, bootstrapServers: string, transactionalId: string, group: string) {
    this.program = new Program(of.command, [...(of.args ?? []), bootstrapServers, transactionalId, group], of.options);
    this.program.onLine((line) => {
      if (line.startsWith("ok") || line.startsWith("error")) this.waiting.shift()?.resolve(line);
    });
    this.program.child.once("close", () => {
      for (const { reject } of this.waiting.splice(0)) reject(new Error(`the program ended: ${this.program.errors}`));
    });
  }

  /** @throws ProgramError what the client said; Error when the program has ended. */
  async ask(...words: readonly (string | number)[]): Promise<string> {
    const line = await new Promise<string>((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.program.child.stdin?.write(`${words.join(" ")}\n`);
    });
    if (line.startsWith("ok")) return line.slice("ok".length).trim();
    throw new ProgramError(line.slice("error ".length));
  }

  async send(topic: string, partition: number, value: string): Promise<number> {
    return Number(await this.ask("send", topic, partition, value));
  }

  async poll(timeoutMs: number): Promise<PolledRecord[]> {
    const answer = await this.ask("poll", timeoutMs);
    return answer === "" ? [] : answer.split(" ").map(polledRecord);
  }

  /** Polls until so many records have come. */
  async pollFor(count: number, patienceMs = 60_000): Promise<PolledRecord[]> {
    const all: PolledRecord[] = [];
    const deadline = performance.now() + patienceMs;
    while (all.length < count) {
      if (performance.now() > deadline) throw new Error(`${all.length} of ${count} records came`);
      all.push(...(await this.poll(200)));
    }
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.kill();
  }
}

function polledRecord(text: string): PolledRecord {
  const [partition, offset, ...value] = text.split(":");
  return { partition: Number(partition), offset: Number(offset), value: value.join(":") };
}
