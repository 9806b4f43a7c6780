/**
 * Apache Kafka's own classes: its jars, and its programs run from them.
 *
 * Owns: where the jars are (KAFKA_HOME, a folder with `libs` as Kafka's own distribution has it, or a cache that Maven fills once).
 */
import { existsSync, writeFileSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Program, type ProgramOptions, runProgram } from "../../support/programs.ts";
import { cacheFolder, Missing, needProgram } from "./toolchain.ts";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** For programs that run for seconds. */
const QUICK_TO_START: readonly string[] = [
  ...["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"],
];

export class ApacheKafka {
  private readonly java: string;
  private readonly libs: string;

  constructor(java: string, libs: string) {
    this.java = java;
    this.libs = libs;
  }

  /** The folder with its jars. */
  get libraries(): string {
    return this.libs;
  }

  /** Compiles a program of one source file, named after its class, and gives how it is run. */
  async compile(source: string): Promise<{ command: string; args: string[] }> {
    const classes = cacheFolder("java-classes");
    await runProgram(join(dirname(this.java), "javac"), ["-cp", join(this.libs, "*"), "-d", classes, source]);
    return { command: this.java, args: this.arguments(basename(source, ".java"), [], classes) };
  }

  /** Runs one and gives its standard output. */
  run(main: string, args: readonly string[], options: ProgramOptions = {}): Promise<string> {
    return runProgram(this.java, this.arguments(main, args), options);
  }

  start(main: string, args: readonly string[], options: ProgramOptions = {}, jvm = QUICK_TO_START): Program {
    return new Program(this.java, this.arguments(main, args, "", jvm), options);
  }

  private arguments(main: string, args: readonly string[], classes = "", options = QUICK_TO_START): string[] {
    const log = `-Dlog4j2.configurationFile=${here("apache-kafka-log.xml")}`;
    return [...options, log, "-cp", [join(this.libs, "*"), classes].join(delimiter), main, ...args];
  }
}

/** Apache Kafka 4.3.1, downloaded where it is not there yet; missing without a Java runtime, or without Maven to download it. */
export async function findApacheKafka(): Promise<ApacheKafka | Missing> {
  const java = needProgram("java", "a JDK of version 17 or newer");
  if (java instanceof Missing) return java;
  const given = process.env.KAFKA_HOME;
  if (given !== undefined) {
    const libs = join(given, "libs");
    if (!existsSync(libs)) throw new Error(`KAFKA_HOME=${given} has no folder libs`);
    return new ApacheKafka(java, libs);
  }
  const home = cacheFolder("apache-kafka-4.3.1");
  const libs = join(home, "libs");
  const complete = join(home, "complete");
  if (!existsSync(complete)) {
    const maven = needProgram("mvn", "Maven fetches Apache Kafka's jars; or set KAFKA_HOME");
    if (maven instanceof Missing) return maven;
    const pom = here("apache-kafka.pom.xml");
    const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${libs}`, "-DincludeScope=runtime"];
    await runProgram(maven, ["-q", "-B", "-f", pom, ...goal], { timeoutMs: 600_000 });
    writeFileSync(complete, "");
  }
  return new ApacheKafka(java, libs);
}
