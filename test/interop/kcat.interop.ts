/** kcat (librdkafka): topics come with their first use, as it has no call to create one. */
import { type ClientUnderTest, describeClient } from "../support/client-contract.ts";
import { CODECS } from "../support/cluster-probe.ts";
import { Program, runProgram } from "../support/programs.ts";
import { isRecordLine, linesOf, memberOf, recordOf } from "./support/program-client.ts";
import { describeWith, needProgram } from "./support/toolchain.ts";

const FORMAT = ["-u", "-f", "%p\\t%o\\t%k\\t%s\\n"];

function kcatClient(kcat: string, bootstrapServers: string): ClientUnderTest {
  const broker = ["-b", bootstrapServers];
  return {
    codecs: CODECS,
    createTopic: undefined,
    produce: async (topic, codec, records) => {
      const args = [...broker, "-P", "-t", topic, "-K", "\t", "-X", "acks=all", "-z", codec];
      await runProgram(kcat, args, { input: linesOf(records) });
    },
    readAlone: async (topic, count) => {
      const args = [...broker, "-C", "-t", topic, "-o", "beginning", "-c", String(count), "-e", ...FORMAT];
      return (await runProgram(kcat, args)).split("\n").filter(isRecordLine).map(recordOf);
    },
    join: async (topic, group, receive) => {
      const args = [...broker, "-X", "auto.offset.reset=earliest", ...FORMAT, "-G", group, topic];
      const program = new Program(kcat, args);
      return memberOf(program, receive, () => program.child.kill("SIGTERM"));
    },
  };
}

describeWith("kcat", needProgram("kcat", "apt-get install kcat"), (kcat) =>
  describeClient((bootstrapServers) => kcatClient(kcat, bootstrapServers), CODECS),
);
