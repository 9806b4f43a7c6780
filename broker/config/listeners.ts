/**
 * Listeners as `listeners`, `advertised.listeners` and `listener.security.protocol.map` name them: NAME://host:port, comma-separated.
 *
 * Owns: their form and Kafka's rules between them. Leaves to network/: opening them.
 */
import type { BrokerConfig } from "./broker-configs.ts";
import { ConfigError } from "./config-value.ts";

/** By the number that the protocol gives them. */
export const SECURITY_PROTOCOLS = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] as const;
export type SecurityProtocol = (typeof SECURITY_PROTOCOLS)[number];

export interface ListenerAddress {
  /** In capital letters. */
  readonly name: string;
  readonly securityProtocol: SecurityProtocol;
  /** "" for every interface. Without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
}

export interface BrokerListeners {
  /** Where clients and other brokers connect. */
  readonly broker: readonly ListenerAddress[];
  /** Where controllers are asked. */
  readonly controller: readonly ListenerAddress[];
  /** What clients are told, by the names of `broker`. */
  readonly advertised: readonly ListenerAddress[];
  /** The one over which brokers reach each other. */
  readonly interBrokerName: string;
}

const ADDRESS = /^([A-Za-z0-9_.-]+):\/\/(\[[\da-fA-F:%.]+\]|[^[\]:/]*):(-?\d+)$/;

/** The listeners of one broker. @throws ConfigError */
export function listenersOf(settings: BrokerConfig): BrokerListeners {
  const controllerNames = new Set((settings.controllerListenerNames ?? []).map(normalised));
  const protocols = protocolMap(settings.listenerSecurityProtocolMap, controllerNames);
  const listeners = parseListeners("listeners", settings.listeners, protocols);
  checkNamesDiffer(listeners, settings.listeners);
  const broker = listeners.filter((listener) => !controllerNames.has(listener.name));
  const controller = listeners.filter((listener) => controllerNames.has(listener.name));
  const advertised =
    settings.advertisedListeners === null
      ? broker
      : parseListeners("advertised.listeners", settings.advertisedListeners, protocols).filter(
          (listener) => !controllerNames.has(listener.name),
        );
  if (advertised.length === 0) throw new ConfigError("There must be at least one broker advertised listener.");
  const names = new Set(broker.map((listener) => listener.name));
  if (advertised.some((listener) => !names.has(listener.name)))
    throw new ConfigError(
      `advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. Found ${namesOf(advertised)}. The valid options based on the current configuration are ${namesOf(broker)}`,
    );
  if (advertised.some((listener) => listener.host === "0.0.0.0" || listener.host === "::"))
    throw new ConfigError(
      "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.",
    );
  const interBrokerName = interBrokerListener(settings, advertised);
  return { broker, controller, advertised, interBrokerName };
}

function interBrokerListener(settings: BrokerConfig, advertised: readonly ListenerAddress[]): string {
  const byName = settings.interBrokerListenerName;
  const found =
    byName === null
      ? advertised.find((listener) => listener.securityProtocol === settings.securityInterBrokerProtocol)
      : advertised.find((listener) => listener.name === normalised(byName));
  if (found === undefined)
    throw new ConfigError(
      `inter.broker.listener.name must be a listener name defined in advertised.listeners. The valid options based on currently configured listeners are ${namesOf(advertised)}`,
    );
  return found.name;
}

function parseListeners(
  config: string,
  entries: readonly string[],
  protocols: ReadonlyMap<string, SecurityProtocol>,
): ListenerAddress[] {
  return entries.map((entry) => {
    const parts = ADDRESS.exec(entry.trim());
    const port = Number(parts?.[3]);
    if (parts === null || port < 0 || port > 65_535)
      throw new ConfigError(`Invalid value ${entry} for configuration ${config}: it must be NAME://host:port`);
    const name = normalised(parts[1] as string);
    const securityProtocol = protocols.get(name);
    if (securityProtocol === undefined)
      throw new ConfigError(
        `Invalid value ${entry} for configuration ${config}: No security protocol defined for listener ${name}`,
      );
    return { name, securityProtocol, host: (parts[2] as string).replace(/^\[|\]$/g, ""), port };
  });
}

function protocolMap(text: string, controllerNames: ReadonlySet<string>): Map<string, SecurityProtocol> {
  const protocols = new Map<string, SecurityProtocol>();
  for (const entry of text.split(",")) {
    const [name, protocol] = entry.split(":").map((part) => part.trim());
    const known = SECURITY_PROTOCOLS.find((candidate) => candidate === protocol?.toUpperCase());
    if (name === undefined || name === "" || known === undefined)
      throw new ConfigError(
        `Invalid value ${text} for configuration listener.security.protocol.map: ${entry.trim()} is not NAME:PROTOCOL`,
      );
    protocols.set(normalised(name), known);
  }
  // As long as nothing says otherwise, a controller's listener is one in the clear (KIP-801).
  for (const name of controllerNames) if (!protocols.has(name)) protocols.set(name, "PLAINTEXT");
  return protocols;
}

function checkNamesDiffer(listeners: readonly ListenerAddress[], entries: readonly string[]): void {
  if (new Set(listeners.map((listener) => listener.name)).size < listeners.length)
    throw new ConfigError(`Each listener must have a different name, listeners: ${entries.join(",")}`);
}

function normalised(name: string): string {
  return name.toUpperCase();
}

function namesOf(listeners: readonly ListenerAddress[]): string {
  return listeners.map((listener) => listener.name).join(",");
}
