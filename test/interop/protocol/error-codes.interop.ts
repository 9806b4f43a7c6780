/** Our error codes against Apache Kafka's own: codes, names, and which of them clients try again after. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ErrorCode, isRetriable } from "../../../protocol/error-codes.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith } from "../support/toolchain.ts";

const JAVA_PROGRAM = fileURLToPath(new URL("ErrorCodes.java", import.meta.url));

describeWith("Apache Kafka's errors", await findApacheKafka(), (kafka) => {
  test("have our codes and names, and are tried again alike", async () => {
    const theirs = (await kafka.run(JAVA_PROGRAM, [])).trimEnd().split("\n");
    const ours = Object.entries(ErrorCode).map(([name, code]) => `${code} ${name} ${isRetriable(code)}`);
    expect(ours.sort()).toEqual(theirs.sort());
  });
});
