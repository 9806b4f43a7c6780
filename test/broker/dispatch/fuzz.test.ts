import { describe } from "vitest";
import { NodeProcess } from "../network/node-process.ts";
import { bitFlipCases, damageCases } from "./fuzz-cases.ts";

describe("damaged frames", () => {
  damageCases(() => NodeProcess.start());
  bitFlipCases(() => NodeProcess.start());
});
