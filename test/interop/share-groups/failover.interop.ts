/** R198: a share group of real members while one of them, the keeper of their state and a leader are killed. */
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { type ShareMemberProgram, ShareStory } from "../../support/share-story.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { findGoClient } from "../support/go.ts";
import { findPython } from "../support/python.ts";
import { describeWith, Missing } from "../support/toolchain.ts";

const SOURCE = fileURLToPath(new URL("../clients/JavaShareMember.java", import.meta.url));

const kafka = await findApacheKafka();
const java: ShareMemberProgram | Missing = kafka instanceof Missing ? kafka : await kafka.compile(SOURCE);
const franzGo = (await findGoClient("franz-go-share")) as string | Missing;
const python = await findPython();

function testStory(program: ShareMemberProgram): void {
  test("R198: every record is accepted, or dead after its limit, through three deaths", async () => {
    await using story = await ShareStory.begin(program);
    await story.run();
  });
}

describeWith("Java's share consumer", java, testStory);
describeWith("franz-go's share group", franzGo, (command) => testStory({ command }));
describeWith("librdkafka's share consumer", python, (found) => testStory(found.program("confluent_kafka_share.py")));
