import { describe } from "vitest";
import { NodeProcess } from "../network/node-process.ts";
import { fuzzCases } from "./fuzz-cases.ts";

describe("damaged frames", () => {
  fuzzCases(() => NodeProcess.start());
});
