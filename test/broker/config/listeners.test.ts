/**
 * Listeners as Kafka's settings name them.
 */
import { describe, expect, it } from "vitest";
import { BrokerConfigLayers } from "../../../broker/config/broker-config-layers.ts";
import { listenersOf } from "../../../broker/config/listeners.ts";

const of = (texts: Record<string, string>) =>
  listenersOf(new BrokerConfigLayers(new Map(Object.entries(texts))).settings);
const plain = (name: string, host: string, port: number) => ({ name, securityProtocol: "PLAINTEXT", host, port });

describe("listeners", () => {
  it("are one in the clear on every interface, unless set", () => {
    const { broker, advertised, controller, interBrokerName } = of({});
    expect(broker).toEqual([plain("PLAINTEXT", "", 9092)]);
    expect(advertised).toEqual(broker);
    expect(controller).toEqual([]);
    expect(interBrokerName).toBe("PLAINTEXT");
  });

  it("have names, protocols, hosts of either family", () => {
    const { broker, advertised, controller, interBrokerName } = of({
      listeners: "plaintext://[::1]:0, Inside://127.0.0.1:9093,CONTROLLER://:9094",
      "advertised.listeners": "INSIDE://kafka.example:80,PLAINTEXT://localhost:81",
      "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,inside:sasl_ssl",
      "controller.listener.names": "CONTROLLER",
      "inter.broker.listener.name": "inside",
    });
    expect(broker).toEqual([
      plain("PLAINTEXT", "::1", 0),
      { ...plain("INSIDE", "127.0.0.1", 9093), securityProtocol: "SASL_SSL" },
    ]);
    expect(controller).toEqual([plain("CONTROLLER", "", 9094)]);
    expect(advertised.map((listener) => `${listener.name} ${listener.host}:${listener.port}`)).toEqual([
      "INSIDE kafka.example:80",
      "PLAINTEXT localhost:81",
    ]);
    expect(interBrokerName).toBe("INSIDE");
  });

  it.each([
    [{ listeners: "127.0.0.1:9092" }, "it must be NAME://host:port"],
    [{ listeners: "PLAINTEXT://a" }, "it must be NAME://host:port"],
    [{ listeners: "PLAINTEXT://a:65536" }, "it must be NAME://host:port"],
    [{ listeners: "OUTSIDE://a:1" }, "No security protocol defined for listener OUTSIDE"],
    [{ listeners: "PLAINTEXT://a:1,plaintext://b:2" }, "Each listener must have a different name"],
    [{ "advertised.listeners": "PLAINTEXT://0.0.0.0:1" }, "nonroutable meta-address 0.0.0.0"],
    [{ "advertised.listeners": "SSL://a:1" }, "must be equal to or a subset"],
    [{ "inter.broker.listener.name": "SSL" }, "inter.broker.listener.name must be a listener name defined in"],
    [{ "listener.security.protocol.map": "A:B" }, "A:B is not NAME:PROTOCOL"],
    [{ "controller.listener.names": "PLAINTEXT" }, "There must be at least one broker advertised listener."],
  ])("refuse %j", (texts, message) => {
    expect(() => of(texts as unknown as Record<string, string>)).toThrow(message);
  });
});
