/** A program in another language as a client of the workload. */
import { TransactionProgram, type TransactionProgramCommand } from "../interop/support/transaction-program.ts";
import { HISTORY_TOPIC, type HistoryClient, type Polled } from "./history-client.ts";

export class ProgramHistoryClient implements HistoryClient {
  readonly subscribes = false;
  private readonly program: TransactionProgram;

  constructor(command: TransactionProgramCommand, bootstrapServers: string, process: number) {
    this.program = new TransactionProgram(command, bootstrapServers, `process-${process}`, `group-${process}`);
  }

  async init(): Promise<void> {
    await this.program.ask("init");
  }

  async begin(): Promise<void> {
    await this.program.ask("begin");
  }

  async send(key: number, value: number): Promise<number> {
    return await this.program.send(HISTORY_TOPIC, key, String(value));
  }

  async commit(): Promise<void> {
    await this.program.ask("commit");
  }

  async abort(): Promise<void> {
    await this.program.ask("abort");
  }

  async assign(keys: readonly number[]): Promise<void> {
    await this.program.ask("assign", HISTORY_TOPIC, keys.join(","));
  }

  async poll(timeoutMs: number): Promise<Polled> {
    const polled = await this.program.poll(timeoutMs);
    const values = polled.map(({ partition, offset, value }) => ({ key: partition, offset, value: Number(value) }));
    return { values, repositioned: false };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
  }
}
