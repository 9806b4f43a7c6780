/** aiokafka, the asyncio client for Python. */
import { describeClient } from "../support/client-contract.ts";
import { CODECS } from "../support/cluster-probe.ts";
import { ProgramClient } from "./support/program-client.ts";
import { findPython } from "./support/python.ts";
import { describeWith } from "./support/toolchain.ts";

describeWith("aiokafka", await findPython(), (python) => {
  const program = { ...python.program("aiokafka_client.py"), codecs: CODECS };
  describeClient((bootstrapServers) => new ProgramClient(program, bootstrapServers), CODECS);
});
