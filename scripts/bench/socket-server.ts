/**
 * The servers that sockets.ts compares, one to a process: ours (frames, dispatch, stubs for handlers), a whole broker, and two bare
 * ones.
 *
 * The bare echo sends back what comes. The bare sink knows frames only as sizes: it counts bytes, and answers each whole frame
 * with a given number of bytes. What is left out of both is all that a broker must do besides.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Dispatcher } from "../../broker/dispatch/dispatcher.ts";
import type { RequestInfo } from "../../broker/dispatch/handler.ts";
import { HandlerTable, serve } from "../../broker/dispatch/handler-table.ts";
import { ConnectionQuota } from "../../broker/network/connection-quota.ts";
import { NodeNetwork } from "../../broker/network/node-network.ts";
import { DEFAULT_REQUEST_LIMITS } from "../../broker/network/request-limits.ts";
import { RequestListener } from "../../broker/network/request-listener.ts";
import { RequestMemory } from "../../broker/network/request-memory.ts";
import { startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { Heartbeat } from "../../protocol/messages/classic-group.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { SILENT_LOGGER } from "../../storage/logger.ts";
import { NodeClock } from "../../storage/node-clock.ts";
import { BufferPool } from "../../storage/shared-buffer.ts";

const MIB = 1024 * 1024;

async function startOurs(): Promise<number> {
  const payload = Buffer.alloc(MIB, 7);
  const table = new HandlerTable<RequestInfo>("broker", [
    serve(Heartbeat, () => ({ errorCode: ErrorCode.NONE })),
    serve(Produce, (request) => ({
      responses: request.topicData.map(({ name, partitionData }) => ({
        name,
        partitionResponses: partitionData.map(({ index }) => ({ index, errorCode: ErrorCode.NONE, baseOffset: 0 })),
      })),
    })),
    serve(Fetch, (request) => ({
      responses: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition }) => ({
          partitionIndex: partition,
          errorCode: ErrorCode.NONE,
          highWatermark: 1,
          abortedTransactions: null,
          records: payload,
        })),
      })),
    })),
  ]);
  const limits = DEFAULT_REQUEST_LIMITS;
  const listener = new RequestListener({
    name: "PLAINTEXT",
    network: new NodeNetwork(),
    environment: {
      clock: new NodeClock(),
      log: SILENT_LOGGER,
      pool: new BufferPool({ maxIdleBytes: 64 * MIB }),
      memory: new RequestMemory(limits.maxRequestBytesOfNode),
      limits,
    },
    quota: new ConnectionQuota(limits),
    handler: new Dispatcher({ table, context: (info) => info, log: SILENT_LOGGER }),
  });
  const [address] = await listener.listen(["127.0.0.1"], 0);
  return address?.port ?? 0;
}

/** One node with its data on the disk, and a topic with one partition. */
async function startBroker(): Promise<number> {
  const dataDirectory = mkdtempSync(join(tmpdir(), "odradek-sockets-"));
  process.on("exit", () => rmSync(dataDirectory, { recursive: true, force: true }));
  const cluster = await startCluster({ nodes: 1, dataDirectory });
  await cluster.createTopic("topic", { partitions: 1, replicationFactor: 1 });
  return Number(cluster.bootstrapServers.split(":").at(-1));
}

function startEcho(): Promise<number> {
  return listening(
    createServer({ noDelay: true }, (socket) => {
      socket.on("data", (chunk) => socket.write(chunk));
      socket.on("error", () => {});
    }),
  );
}

function startSink(responseBytes: number): Promise<number> {
  const response = Buffer.alloc(responseBytes, 7);
  response.writeInt32BE(responseBytes - 4);
  return listening(
    createServer({ noDelay: true }, (socket) => {
      let left = 0;
      let sizeBytes = 0;
      let sizeLeft = 4;
      socket.on("data", (chunk) => {
        let at = 0;
        while (at < chunk.length) {
          if (sizeLeft > 0) {
            sizeBytes = sizeBytes * 256 + (chunk[at++] as number);
            if (--sizeLeft === 0) left = sizeBytes;
            continue;
          }
          const taken = Math.min(left, chunk.length - at);
          at += taken;
          left -= taken;
          if (left > 0) continue;
          sizeLeft = 4;
          sizeBytes = 0;
          socket.write(response);
        }
      });
      socket.on("error", () => {});
    }),
  );
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Ports of the servers by name, sent to the parent; CPU microseconds used so far, on request. */
const name = process.argv[2];
const starts: Readonly<Record<string, () => Promise<number>>> = {
  ours: startOurs,
  broker: startBroker,
  echo: startEcho,
  sink: () => startSink(Number(process.argv[3])),
};
const port = await starts[name ?? ""]?.();
process.send?.({ port });
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMicros: user + system });
});
process.on("disconnect", () => process.exit());
