/**
 * R152, R157 with kafkajs: a group outlives a member and the node of its coordinator. (@platformatic/kafka never looks for a
 * coordinator again: its groups end with the node.)
 */
import { fileURLToPath } from "node:url";
import { describe } from "vitest";
import { ProgramClient } from "../interop/support/program-client.ts";
import { MEMBER_SESSION_MS, ROUND_ROBIN, testGroupFailover } from "../support/group-failover.ts";

function memberProgram(file: string) {
  const program = fileURLToPath(new URL(`./members/${file}`, import.meta.url));
  const options = { env: { SESSION_TIMEOUT_MS: String(MEMBER_SESSION_MS) } };
  const command = { command: process.execPath, args: ["--import", "tsx", program], options, codecs: [] };
  return (bootstrapServers: string) => new ProgramClient(command, bootstrapServers);
}

describe("R152, R157: a member is killed, its coordinator's node is killed, a member is added; nothing is lost", () => {
  const kafkajs = memberProgram("kafkajs.ts");
  testGroupFailover("kafkajs", {
    join: (bootstrapServers, ...rest) => kafkajs(bootstrapServers).join(...rest),
    assignments: ROUND_ROBIN,
  });
});
