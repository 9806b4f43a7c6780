/**
 * HTTP as an argument: small requests, answers in one piece or line by line.
 */
import type { Address } from "../broker/network/network.ts";

export interface HttpRequest {
  readonly method: string;
  /** Without the query; decoded by segments. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly body: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as JSON, a line each, as they come; the client's going away ends them. */
  readonly lines?: AsyncIterable<unknown>;
  readonly headers?: Readonly<Record<string, string>>;
}

export type HttpHandler = (request: HttpRequest) => Promise<HttpAnswer>;

export interface HttpListener {
  readonly address: Address;
  /** Ends everything that is under way. */
  close(): Promise<void>;
}

export interface HttpServer {
  /** @throws NetworkError in-use, unreachable, denied. */
  listen(address: Address, handle: HttpHandler): Promise<HttpListener>;
}
