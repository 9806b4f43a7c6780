/** Our regular expressions against those of Apache Kafka's coordinator, on expressions made at random: valid or not, and which names they stand for. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { RegexSyntaxError } from "../../../broker/groups/consumer/regex/syntax-tree.ts";
import { TopicPattern } from "../../../broker/groups/consumer/regex/topic-pattern.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith } from "../support/toolchain.ts";

const JAVA_PROGRAM = fileURLToPath(new URL("KafkaRegexes.java", import.meta.url));
const EXPRESSIONS = 6000;

/** What expressions are made of, whole and broken. */
const PARTS = [
  ..."ab A 1 _ - . \\. \\- \\_ \\d \\D \\w \\W \\s \\S ^ $ \\A \\z \\Z \\b \\B * + ? *? +? ?? ** | | ( ( ) ) (?: (?i) (?-i)".split(
    " ",
  ),
  ..."(?i:b) (?s) (?m) (?U) (?x) (?P<n> (?<m> (?P<> (?P=n) (?=a) (?!a) \\Q.*\\E \\Qa \\E \\C \\q \\n \\a \\".split(" "),
  ..."[a-c] [^a] []a] [^]] [a- [-a] [a\\-b] [\\d_] [^\\d] [[a] [b-a] [\\b] [a-z&&[^b]] [[:alpha:]] [[:^digit:]]".split(
    " ",
  ),
  ..."[[:word:]] [[:x:]] [[:alpha:] \\pL \\PL \\p{Lu} \\p{^Lu} \\pN \\p{Greek} \\p{Latin} \\p{Foo} \\p{ \\pZ \\p{Any}".split(
    " ",
  ),
  ..."[\\pL1] [^\\pL] (?i)[a-b] (?i)[^a] (?i)[[:upper:]] {2} {2,} {1,3} {0} {,2} { } {1001} {3,2} {01} {2}{2}".split(
    " ",
  ),
  ..."\\x61 \\x{62} \\x{ \\xg \\141 \\08 \\1 \\9 \\é é [é-ü]".split(" "),
];
const NAMES = [
  ..."a b A B k K s ab ba aa aaa aab abc a.b a-b a_b 1 12 a1 1a _ - . .. a.* .* aaaa AB Ab abab E Q z0".split(" "),
  "",
];

/** As the Java program shows it. */
function shown(regex: string): string {
  try {
    const pattern = new TopicPattern(regex);
    return NAMES.map((name) => (pattern.matches(name) ? "1" : "0")).join("");
  } catch (error) {
    if (!(error instanceof RegexSyntaxError)) throw error;
    return "invalid";
  }
}

describeWith("Apache Kafka's regular expressions", await findApacheKafka(), (kafka) => {
  test("are what ours are, and stand for the same names", async () => {
    const random = new SeededRandom(1);
    const regexes = Array.from({ length: EXPRESSIONS }, () =>
      Array.from({ length: 1 + random.below(random.oneIn(4) ? 8 : 4) }, () => random.pick(PARTS)).join(""),
    );
    const input = regexes.map((regex) => `${JSON.stringify({ regex, names: NAMES })}\n`).join("");
    const theirs = (await kafka.run(JAVA_PROGRAM, [], { input })).trimEnd().split("\n");
    expect(theirs).toHaveLength(EXPRESSIONS);
    expect(theirs.filter((line) => line !== "invalid").length).toBeGreaterThan(EXPRESSIONS / 4);
    const different = regexes.flatMap((regex, i) =>
      shown(regex) === theirs[i] ? [] : [[regex, theirs[i], shown(regex)]],
    );
    expect(different).toEqual([]);
  });
});
