/** R198: a share group of real members while one of them, its coordinator's node and a leader are killed. */
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { type ShareMemberProgram, ShareStory } from "../../support/share-story.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith, Missing } from "../support/toolchain.ts";

const SOURCE = fileURLToPath(new URL("../clients/JavaShareMember.java", import.meta.url));

const kafka = await findApacheKafka();
const java = kafka instanceof Missing ? kafka : await kafka.compile(SOURCE);

describeWith("Java's share consumer", java as ShareMemberProgram | Missing, (program) => {
  test("R198: every record is accepted, or dead after its limit, through three deaths", async () => {
    await using story = await ShareStory.begin(program);
    await story.run();
  });
});
