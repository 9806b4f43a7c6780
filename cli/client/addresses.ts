/**
 * Addresses as people write them: HOST:PORT, HOST alone for Kafka's usual port, several with commas in between.
 */
import type { Address } from "../../broker/network/network.ts";
import { CommandError } from "../command-error.ts";

const KAFKA_PORT = 9092;
const MAX_PORT = 65_535;

/** @throws CommandError it is no list of addresses. */
export function parseAddresses(text: string): Address[] {
  const addresses = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(parseAddress);
  if (addresses.length === 0) throw new CommandError("--bootstrap needs HOST:PORT");
  return addresses;
}

function parseAddress(text: string): Address {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? KAFKA_PORT : Number(digits);
  if (host === undefined || port < 1 || port > MAX_PORT) {
    throw new CommandError(`${JSON.stringify(text)} is no address; --bootstrap needs HOST:PORT, several with commas`);
  }
  return { host, port };
}

export function addressText({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
