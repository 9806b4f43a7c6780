/**
 * Bad input against a whole data plane: the cases of the wire, and damaged frames, with real handlers behind it.
 */
import { describe } from "vitest";
import { FixedBroker } from "../support/fixed-broker.ts";
import { bodyCases } from "./dispatch/body-cases.ts";
import { damageCases, type FuzzTarget } from "./dispatch/fuzz-cases.ts";
import { headerCases } from "./dispatch/header-cases.ts";
import { framingCases } from "./network/framing-cases.ts";

async function start(): Promise<FuzzTarget> {
  const broker = new FixedBroker();
  const address = await broker.start();
  broker.createTopic("payments", 2);
  return {
    address,
    // The clients live in this process too.
    maxGrowthBytes: 300 * 1024 * 1024,
    residentBytes: async () => process.memoryUsage().rss,
    [Symbol.asyncDispose]: () => broker.close(),
  };
}

describe("framing", () => framingCases(start));
describe("headers", () => headerCases(start));
describe("bodies", () => bodyCases(start));
describe("damaged frames", () => damageCases(start));
