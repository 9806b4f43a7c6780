/**
 * The machine's HTTP server, over node:http.
 *
 * Owns: bytes, limits on them, and streams that nobody reads any more. Leaves to its handler: what a request means.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Address, NetworkError } from "../broker/network/network.ts";
import type { HttpAnswer, HttpHandler, HttpListener, HttpRequest, HttpServer } from "./http.ts";

/** The largest request has a fault rule in it. */
const MAX_BODY_BYTES = 64 * 1024;
/** Programs of one machine; each stream of events keeps one. */
const MAX_CONNECTIONS = 256;
/** Who begins a request finishes it. */
const REQUEST_TIMEOUT_MS = 30_000;

export class NodeHttpServer implements HttpServer {
  async listen(address: Address, handle: HttpHandler): Promise<HttpListener> {
    const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (incoming, outgoing) => {
      serve(incoming, outgoing, handle).catch(() => outgoing.destroy());
    });
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => reject(asNetworkError(error, address)));
      server.listen({ host: address.host, port: address.port }, resolve);
    });
    server.removeAllListeners("error");
    server.on("error", () => {}); // no handles left: those who wait come later
    return new NodeHttpListener(server, address.host);
  }
}

class NodeHttpListener implements HttpListener {
  readonly address: Address;
  private readonly server: Server;

  constructor(server: Server, host: string) {
    this.server = server;
    const bound = server.address();
    this.address = { host, port: typeof bound === "object" && bound !== null ? bound.port : 0 };
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}

async function serve(incoming: IncomingMessage, outgoing: ServerResponse, handle: HttpHandler): Promise<void> {
  const body = await bodyOf(incoming);
  if (body === undefined) {
    send(outgoing, {
      status: 413,
      body: { error: `a request has at most ${MAX_BODY_BYTES} bytes` },
      headers: { connection: "close" },
    });
    return;
  }
  const answer = await handle(requestOf(incoming, body));
  if (answer.lines === undefined) send(outgoing, answer);
  else await stream(outgoing, answer, answer.lines);
}

function requestOf(incoming: IncomingMessage, body: string): HttpRequest {
  const target = incoming.url ?? "/";
  const [path = "/", query = ""] = target.split("?", 2);
  return {
    method: incoming.method ?? "GET",
    segments: path
      .split("/")
      .filter((segment) => segment !== "")
      .map(decoded),
    query: new URLSearchParams(query),
    host: incoming.headers.host,
    origin: incoming.headers.origin,
    body,
  };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // names nothing
  }
}

/** Undefined: too large. */
async function bodyOf(incoming: IncomingMessage): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of incoming as AsyncIterable<Buffer>) {
    sizeBytes += piece.length;
    if (sizeBytes > MAX_BODY_BYTES) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function send(outgoing: ServerResponse, { status, body, headers = {} }: HttpAnswer): void {
  const text = body === undefined ? "" : `${JSON.stringify(body)}\n`;
  outgoing.writeHead(status, {
    ...{ "content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff" },
    "content-length": Buffer.byteLength(text),
    ...headers,
  });
  outgoing.end(text);
}

async function stream(outgoing: ServerResponse, answer: HttpAnswer, lines: AsyncIterable<unknown>): Promise<void> {
  const iterator = lines[Symbol.asyncIterator]();
  outgoing.writeHead(answer.status, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
  // Whoever asked sees that it is being listened for before anything happens.
  outgoing.flushHeaders();
  const gone = new Promise<void>((resolve) => outgoing.once("close", resolve));
  void gone.then(() => iterator.return?.());
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    if (outgoing.write(`${JSON.stringify(next.value)}\n`)) continue;
    await Promise.race([gone, new Promise((resolve) => outgoing.once("drain", resolve))]);
    if (outgoing.destroyed) break;
  }
  outgoing.end();
}

function asNetworkError(error: NodeJS.ErrnoException, address: Address): NetworkError {
  const kinds: Readonly<Record<string, NetworkError["kind"]>> = {
    EADDRINUSE: "in-use",
    EACCES: "denied",
    EPERM: "denied",
  };
  const kind = kinds[error.code ?? ""] ?? "unreachable";
  return new NetworkError(kind, `${address.host}:${address.port} (${error.code ?? error.message})`, { cause: error });
}
