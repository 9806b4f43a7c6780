/**
 * Kafka's own command line tools, run one after another in a single virtual machine.
 *
 * Owns: the conversation with KafkaTools.java. A tool is named as in Kafka's bin folder, without "kafka-" and ".sh".
 */
import { fileURLToPath } from "node:url";
import { Program } from "../../support/programs.ts";
import type { ApacheKafka } from "./apache-kafka.ts";

const SOURCE = fileURLToPath(new URL("../clients/KafkaTools.java", import.meta.url));

const MAIN_CLASSES = {
  "broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
  "client-metrics": "org.apache.kafka.tools.ClientMetricsCommand",
  cluster: "org.apache.kafka.tools.ClusterTool",
  configs: "kafka.admin.ConfigCommand",
  "console-share-consumer": "org.apache.kafka.tools.consumer.ConsoleShareConsumer",
  "delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
  features: "org.apache.kafka.tools.FeatureCommand",
  groups: "org.apache.kafka.tools.GroupsCommand",
  "get-offsets": "org.apache.kafka.tools.GetOffsetShell",
  "leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
  "log-dirs": "org.apache.kafka.tools.LogDirsCommand",
  "metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
  "share-groups": "org.apache.kafka.tools.consumer.group.ShareGroupCommand",
  "streams-groups": "org.apache.kafka.tools.streams.StreamsGroupCommand",
  topics: "org.apache.kafka.tools.TopicCommand",
} as const;

export type KafkaTool = keyof typeof MAIN_CLASSES;

export interface ToolResult {
  readonly code: number;
  readonly output: string;
}

export class KafkaTools implements AsyncDisposable {
  bootstrapServers: string;
  private readonly program: Program;
  private lines: string[] = [];
  private waiting:
    | { readonly resolve: (result: ToolResult) => void; readonly reject: (error: Error) => void }
    | undefined;

  private constructor(program: Program, bootstrapServers: string) {
    this.program = program;
    this.bootstrapServers = bootstrapServers;
    program.onLine((line) => this.take(line));
    program.child.on("close", () => this.waiting?.reject(new Error(`the tools ended: ${program.errors}`)));
  }

  static async start(kafka: ApacheKafka, bootstrapServers: string): Promise<KafkaTools> {
    const { command, args } = await kafka.compile(SOURCE);
    return new KafkaTools(new Program(command, args), bootstrapServers);
  }

  /** Runs a tool against the cluster, whatever its exit code. */
  try(tool: KafkaTool, ...args: readonly string[]): Promise<ToolResult> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      const server = ["--bootstrap-server", this.bootstrapServers];
      // The cluster tool wants its command first.
      const words = tool === "cluster" ? [...args, ...server] : [...server, ...args];
      this.program.child.stdin?.write(`${[MAIN_CLASSES[tool], ...words].join("\t")}\n`);
    });
  }

  /** Runs a tool and gives what it wrote. @throws Error when it fails. */
  async run(tool: KafkaTool, ...args: readonly string[]): Promise<string> {
    const { code, output } = await this.try(tool, ...args);
    if (code !== 0) throw new Error(`${tool} ${args.join(" ")} ended with ${code}: ${output}`);
    return output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.kill();
  }

  private take(line: string): void {
    const code = /^exit code (\d+)$/.exec(line)?.[1];
    if (code === undefined) {
      this.lines.push(line);
      return;
    }
    const output = this.lines.join("\n").trim();
    this.lines = [];
    this.waiting?.resolve({ code: Number(code), output });
  }
}
