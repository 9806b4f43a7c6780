/**
 * The settings of nodes, gathered from the command line and a file: Kafka's names, with what the command line stands for.
 *
 * Owns: which setting is refused, which is accepted without effect, which follows from the options. Leaves to broker/config: names,
 * types, ranges.
 */
import { join } from "node:path";
import { BrokerConfigLayers } from "../broker/config/broker-config-layers.ts";
import { isBrokerConfigName } from "../broker/config/broker-configs.ts";
import { ConfigError } from "../broker/config/config-value.ts";
import { EFFECTIVE_CONFIGS } from "../broker/config/effective-configs.ts";
import { listenersOf } from "../broker/config/listeners.ts";
import { unknownSetting } from "../broker/config/setting-hints.ts";
import type { NodeListener } from "../cluster/broker-listeners.ts";
import { logDirectoriesWithin } from "../cluster/log-settings.ts";
import { CONTROLLER_ID } from "../cluster/running-cluster.ts";
import type { NodeOptions } from "../cluster/start-nodes.ts";
import { CommandError } from "./command-error.ts";
import type { StartOptions } from "./start-options.ts";

export interface Settings {
  readonly nodes: readonly NodeOptions[];
  /** Settings that are accepted and do nothing, each with the reason. */
  readonly withoutEffect: ReadonlyMap<string, string>;
}

/** Said by the command line; a file that is made for Kafka has them, and they must not stand in its way. */
const FROM_OPTIONS: ReadonlyMap<string, string> = new Map([
  ["process.roles", "every node is a broker, and controllers come with them"],
  ["controller.quorum.voters", "controllers find each other"],
  ["controller.quorum.bootstrap.servers", "controllers find each other"],
  ["log.dir", "--data-dir says where data lies"],
  ["log.dirs", "--data-dir says where data lies"],
  ["metadata.log.dir", "--data-dir says where data lies"],
]);

/** Of the first node; the others follow. */
const NODE_NUMBERS: ReadonlySet<string> = new Set(["node.id", "broker.id"]);
/** Kafka's word for no number. */
const NONE = "-1";
const MAX_NODE_ID = 2 ** 31 - 1;

/** @throws CommandError it is no number of a node, or the controller's beside several nodes */
function firstNodeId(given: ReadonlyMap<string, string>, nodes: number): number {
  const text = given.get("node.id") ?? given.get("broker.id") ?? NONE;
  if (text.trim() === NONE) return 1;
  const id = /^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN;
  const last = id + nodes - 1;
  if (!(last <= MAX_NODE_ID)) throw new CommandError(`node.id=${text}: nodes have numbers from 0 to ${MAX_NODE_ID}`);
  if (nodes > 1 && id <= CONTROLLER_ID && last >= CONTROLLER_ID) {
    throw new CommandError(`node.id=${text}: ${CONTROLLER_ID} is the controller's number`);
  }
  return id;
}

/**
 * The nodes that the options and the settings ask for.
 * @param file settings of the file, by name; those of --set go before them
 * @throws CommandError a setting is unknown or refused
 */
export function gatherSettings(
  options: StartOptions,
  file: ReadonlyMap<string, string>,
  dataDirectory: string,
): Settings {
  const given = new Map([...file, ...parseSets(options.set)]);
  const withoutEffect = new Map<string, string>();
  for (const name of given.keys()) {
    if (!isBrokerConfigName(name)) throw new CommandError(unknownSetting(name));
    if (NODE_NUMBERS.has(name)) continue;
    const instead = FROM_OPTIONS.get(name);
    const isWithin = name === "log.dirs" && logDirectoriesWithin("", given.get(name)) !== "";
    if (isWithin) continue;
    if (instead !== undefined) withoutEffect.set(name, instead);
    else if (!hasEffect(name)) withoutEffect.set(name, "nothing here depends on it");
  }
  const first = firstNodeId(given, options.nodes);
  const nodes = Array.from({ length: options.nodes }, (_, index) => {
    return nodeOptions(options, given, { index, nodeId: first + index }, dataDirectory);
  });
  return { nodes, withoutEffect };
}

function nodeOptions(
  options: StartOptions,
  given: ReadonlyMap<string, string>,
  { index, nodeId }: { readonly index: number; readonly nodeId: number },
  dataDirectory: string,
): NodeOptions {
  const directory = join(dataDirectory, String(nodeId));
  const { port, host } = options;
  const controllers = given.get("controller.listener.names") ?? "CONTROLLER";
  const listeners = shifted(given.get("listeners") ?? `PLAINTEXT://${bracketed(host)}:${port}`, index);
  const advertised = given.get("advertised.listeners");
  const texts = new Map([
    ...internalTopics(options.nodes),
    ...[...given].filter(([name]) => !FROM_OPTIONS.has(name) && !NODE_NUMBERS.has(name)),
    ["node.id", String(nodeId)] as const,
    ["broker.id", String(nodeId)] as const,
    ["process.roles", "broker,controller"] as const,
    ["controller.listener.names", controllers] as const,
    ["log.dirs", logDirectoriesWithin(directory, given.get("log.dirs"))] as const,
    ["listeners", listeners] as const,
    [
      "advertised.listeners",
      advertised === undefined ? told(listeners, controllers) : shifted(advertised, index),
    ] as const,
  ]);
  try {
    const config = new BrokerConfigLayers(texts);
    const isNamed = given.has("listeners") || options.given.has("host");
    return { nodeId, dataDirectory: directory, config, listeners: listenersToOpen(config, isNamed) };
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

/** Replicas and in-sync replicas of internal topics that so few nodes can have. */
function internalTopics(nodes: number): [string, string][] {
  const replicas = String(Math.min(nodes, 3));
  const inSync = String(Math.min(nodes, 2));
  return [
    ["offsets.topic.replication.factor", replicas],
    ["transaction.state.log.replication.factor", replicas],
    ["transaction.state.log.min.isr", inSync],
    ["share.coordinator.state.topic.replication.factor", replicas],
    ["share.coordinator.state.topic.min.isr", inSync],
  ];
}

function listenersToOpen(config: BrokerConfigLayers, isNamed: boolean): NodeListener[] {
  const { broker, advertised } = listenersOf(config.settings);
  const secured = broker.find((listener) => listener.securityProtocol !== "PLAINTEXT");
  if (secured !== undefined)
    // In the clear it would be taken for what it is not.
    throw new CommandError(`listeners: ${secured.name} asks for ${secured.securityProtocol}; only PLAINTEXT is served`);
  return broker.map((listener): NodeListener => {
    const told = advertised.find((candidate) => candidate.name === listener.name);
    return {
      name: listener.name,
      securityProtocol: listener.securityProtocol,
      hosts: hostsOf(listener.host, isNamed),
      port: listener.port,
      advertised: told === undefined ? undefined : { host: told.host, port: told.port === 0 ? undefined : told.port },
    };
  });
}

/** Unless somebody named the address, the loopback is meant, whichever way a client spells it. */
function hostsOf(host: string, isNamed: boolean): string[] {
  if (!isNamed || host === "localhost") return ["127.0.0.1", "::1"];
  return host === "" || host === "::" ? ["0.0.0.0", "::"] : [host];
}

/**
 * What is advertised for listeners when nothing says it.
 * Differs from Kafka: a listener on every interface advertises 127.0.0.1, where Kafka tells the machine's name or refuses to start.
 */
function told(listeners: string, controllers: string): string {
  const notTold = new Set(controllers.split(",").map((name) => name.trim().toUpperCase()));
  return listeners
    .split(",")
    .filter((listener) => !notTold.has((listener.split("://")[0] as string).trim().toUpperCase()))
    .map((listener) => listener.replace(/:\/\/(?:|0\.0\.0\.0|\[::\]):/, "://127.0.0.1:"))
    .join(",");
}

/** Node 2 listens one port above node 1, and so on; 0 stays 0. */
function shifted(listeners: string, by: number): string {
  return listeners.replace(/:(\d+)(?=\s*(?:,|$))/g, (all, port: string) =>
    Number(port) === 0 ? all : `:${Number(port) + by}`,
  );
}

function parseSets(sets: readonly string[]): Map<string, string> {
  const settings = new Map<string, string>();
  for (const set of sets) {
    const [, name, value] = /^\s*([^=\s]+)\s*=([\s\S]*)$/.exec(set) ?? [];
    if (name === undefined) throw new CommandError(`--set needs KEY=VALUE, not ${JSON.stringify(set)}`);
    settings.set(name, (value as string).trim());
  }
  return settings;
}

function hasEffect(name: string): boolean {
  return EFFECTIVE_CONFIGS.has(name.replace(/^listener\.name\.[^.]+\./, ""));
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
