/** A program that any runtime can run: holds both engines together on random messages, prints how many. */
import { isDeepStrictEqual } from "node:util";
import { allMessages, versionsOf } from "../../support/all-messages.ts";
import { engines } from "../../support/engines.ts";
import { randomMessage } from "../../support/random-message.ts";
import { SeededRandom, seedOf } from "../../support/seeded-random.ts";

const [compiled, interpreted] = engines();
let messages = 0;
for (const message of await allMessages()) {
  for (const version of versionsOf(message)) {
    const random = new SeededRandom(seedOf(`${message.name} ${version}`));
    for (let i = 0; i < 4; i++) {
      const value = randomMessage(message, version, random);
      const bytes = compiled.encode(message, version, value);
      const decoded = compiled.decode(message, version, bytes);
      const agree =
        interpreted.encode(message, version, value).equals(bytes) &&
        isDeepStrictEqual(interpreted.decode(message, version, bytes), decoded) &&
        compiled.encode(message, version, decoded).equals(bytes);
      if (!agree) throw new Error(`the engines differ on ${message.name} ${version}, message ${i}`);
      messages++;
    }
  }
}
console.log(`${messages} messages`);
