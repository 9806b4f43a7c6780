/** Nodes with their control API, as `odradek start --nodes 3` has them, in this process; to be ended. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BrokerConfigLayers } from "../../broker/config/broker-config-layers.ts";
import { LoggerLevels } from "../../broker/config/logger-levels.ts";
import { type RunningNodes, startNodes } from "../../cluster/start-nodes.ts";
import { serveControl } from "../../console/control-server.ts";
import type { HttpListener } from "../../console/http.ts";
import { NodeHttpServer } from "../../console/node-http.ts";
import { CreateTopics } from "../../protocol/messages/topics.ts";
import { SILENT_LOGGER } from "../../storage/logger.ts";
import { ControlClient } from "./control-client.ts";
import { RawClient } from "./raw-client.ts";

export interface ControlledCluster {
  readonly running: RunningNodes;
  readonly listener: HttpListener;
  readonly client: ControlClient;
  /** One partition on every node; resolves when all replicas are in sync. */
  createTopic(name: string): Promise<void>;
  end(): Promise<void>;
}

export async function startControlled(nodes: number): Promise<ControlledCluster> {
  const directory = await mkdtemp(join(tmpdir(), "odradek-control-"));
  const running = await startNodes({
    nodes: Array.from({ length: nodes }, (_, index) => nodeOptions(index + 1, join(directory, String(index + 1)))),
    logger: SILENT_LOGGER,
    loggerLevels: new LoggerLevels("INFO", () => {}),
    withFaults: true,
  });
  const listener = await serveControl(new NodeHttpServer(), 0, running.control, SILENT_LOGGER);
  const client = new ControlClient(`http://127.0.0.1:${listener.address.port}`);
  return {
    ...{ running, listener, client },
    createTopic: async (name) => {
      const [first] = running.addresses;
      using raw = await RawClient.open(`${first?.host}:${first?.port}`);
      const topics = [{ name, numPartitions: 1, replicationFactor: nodes, assignments: [], configs: [] }];
      const answer = await raw.asker.ask(CreateTopics, 7, { topics, timeoutMs: 10_000, validateOnly: false });
      if (answer.topics[0]?.errorCode !== 0) throw new Error(`creating ${name}: ${answer.topics[0]?.errorCode}`);
      await client.do("POST", "/wait", { for: "in-sync", topic: name });
    },
    end: async () => {
      await listener.close();
      await running.stop();
      await rm(directory, { recursive: true });
    },
  };
}

function nodeOptions(nodeId: number, dataDirectory: string) {
  const settings = {
    ...{ "node.id": String(nodeId), "process.roles": "broker,controller", "log.dirs": dataDirectory },
    "controller.listener.names": "CONTROLLER",
  };
  const advertised = { host: "127.0.0.1", port: undefined };
  const listener = {
    name: "PLAINTEXT",
    securityProtocol: "PLAINTEXT",
    hosts: ["127.0.0.1"],
    port: 0,
    advertised,
  } as const;
  return {
    ...{ nodeId, dataDirectory, listeners: [listener] },
    config: new BrokerConfigLayers(new Map(Object.entries(settings))),
  };
}
