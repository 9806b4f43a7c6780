/** Asks the control API of a cluster, as a program in any language would. */
export interface ControlAnswer {
  readonly status: number;
  readonly body: unknown;
}

export class ControlClient {
  readonly url: string;

  /** @param url without a slash at its end */
  constructor(url: string) {
    this.url = url;
  }

  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<ControlAnswer> {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** The same, of a request that must succeed. */
  async do<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.ask(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  }

  /** Events as they come, until the loop is left. */
  async *events(query = ""): AsyncGenerator<Record<string, unknown>> {
    const abort = new AbortController();
    const answer = await fetch(`${this.url}/events${query}`, { signal: abort.signal });
    const decoder = new TextDecoder();
    let text = "";
    try {
      for await (const piece of answer.body as unknown as AsyncIterable<Uint8Array>) {
        text += decoder.decode(piece, { stream: true });
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) yield JSON.parse(line);
      }
    } finally {
      abort.abort();
    }
  }
}
