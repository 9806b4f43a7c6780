/**
 * The control API of a running cluster, from the side that asks.
 *
 * Owns: what of its answers a user can mend. Leaves to console/: what may be asked.
 */
import { DEFAULT_CONTROL_PORT } from "../../console/control-port.ts";
import { CommandError } from "../command-error.ts";

export class ControlClient {
  private readonly url: string;

  constructor(port: number = DEFAULT_CONTROL_PORT) {
    this.url = `http://127.0.0.1:${port}`;
  }

  /** @throws CommandError what was asked is refused, or nobody answers. */
  async ask<T>(method: "GET" | "POST" | "DELETE", path: string, body?: object): Promise<T> {
    const answer = await this.fetch(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const told = (await answer.json()) as T & { readonly error?: string };
    if (!answer.ok) throw new CommandError(told.error ?? `${method} ${path}: ${answer.status}`);
    return told;
  }

  /** Lines of JSON, until the other side ends or `stop` says so. */
  async *lines(path: string, stop: AbortSignal): AsyncGenerator<string> {
    const answer = await this.fetch(path, { signal: stop });
    const decoder = new TextDecoder();
    let text = "";
    try {
      for await (const piece of answer.body as unknown as AsyncIterable<Uint8Array>) {
        text += decoder.decode(piece, { stream: true });
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        yield* lines;
      }
    } catch (error) {
      if (!stop.aborted) throw new CommandError("the cluster is gone", { cause: error });
    }
  }

  private async fetch(path: string, options: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.url}${path}`, options);
    } catch (error) {
      if (options.signal?.aborted === true) throw error;
      throw new CommandError(
        `no cluster answers at ${this.url}; odradek start has it with several nodes, or with --control-port`,
        { cause: error },
      );
    }
  }
}
