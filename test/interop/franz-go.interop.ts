/** franz-go (Go): idempotent, topic ids, the newest versions. */
import { describeClient } from "../support/client-contract.ts";
import { CODECS } from "../support/cluster-probe.ts";
import { findGoClient } from "./support/go.ts";
import { ProgramClient } from "./support/program-client.ts";
import { describeWith } from "./support/toolchain.ts";

describeWith("franz-go", await findGoClient("franz-go"), (command) =>
  describeClient((bootstrapServers) => new ProgramClient({ command, codecs: CODECS }, bootstrapServers), CODECS),
);
