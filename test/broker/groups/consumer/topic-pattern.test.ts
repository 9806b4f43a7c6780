/**
 * Regular expressions over topic names: RE2's syntax, whole names, and no expression that takes long.
 */
import { describe, expect, it } from "vitest";
import { RegexSyntaxError } from "../../../../broker/groups/consumer/regex/syntax-tree.ts";
import { TopicPattern } from "../../../../broker/groups/consumer/regex/topic-pattern.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const matching = (regex: string, ...names: string[]): string[] =>
  names.filter((name) => new TopicPattern(regex).matches(name));

describe("a topic pattern", () => {
  it.each([
    ["abc", ["abc"], ["ab", "abcd", "xabc", "ABC", ""]],
    ["a.c", ["abc", "a.c", "a-c"], ["ac", "abbc"]],
    ["", [""], ["a"]],
    ["a|b|cd", ["a", "b", "cd"], ["c", "ab"]],
    ["(?:ab)*", ["", "ab", "abab"], ["a", "aba"]],
    ["a+b?", ["a", "aa", "ab"], ["b", "abb"]],
    ["a{2}", ["aa"], ["a", "aaa"]],
    ["a{2,}", ["aa", "aaaaa"], ["a"]],
    ["a{1,3}", ["a", "aaa"], ["", "aaaa"]],
    ["a{,3}", ["a{,3}"], ["a"]],
    ["x{", ["x{"], ["x"]],
    ["[a-c_]+", ["abc_"], ["d", ""]],
    ["[^a-c]", ["d", "-"], ["a"]],
    ["[]a]", ["]", "a"], ["b"]],
    ["[a-]", ["a", "-"], ["b"]],
    ["[[:alpha:]0]+", ["aZ0"], ["1"]],
    ["[[:^alpha:]]", ["1", "-"], ["a"]],
    ["\\d+\\.\\w", ["12.x", "1._"], ["12x", "a.x"]],
    ["[\\d.]+", ["1.2"], ["a"]],
    ["\\pL+", ["aB"], ["1"]],
    ["\\p{Lu}\\P{Lu}", ["Ab"], ["AB"]],
    ["\\p{^Lu}", ["a"], ["A"]],
    ["\\p{Latin}+", ["az"], ["1"]],
    ["\\p{Greek}?", [""], ["a"]],
    ["(?i)ab", ["ab", "AB", "aB"], []],
    ["(?i:a)b", ["Ab", "ab"], ["AB"]],
    ["(?i)a(?-i)b", ["Ab"], ["AB"]],
    ["(?i)[a-b]", ["A"], ["c"]],
    ["(?i)[[:upper:]]\\p{Lu}", ["aB", "Ab"], ["1a"]],
    ["(?P<name>a)(?<other>b)", ["ab"], ["a"]],
    ["^a$", ["a"], ["ab"]],
    ["(^|x)a", ["a", "xa"], ["ya"]],
    ["a\\b.c", ["a.c"], ["abc"]],
    ["a\\B.c", ["abc"], ["a.c"]],
    ["\\Aa\\z", ["a"], ["b"]],
    ["\\Qa.b\\E+", ["a.b", "a.bb"], ["axb"]],
    ["\\x61\\x{62}\\143", ["abc"], ["x"]],
    ["(a|ab)(c|bcd)(d*)", ["abcd", "acd", "abc"], ["abd"]],
    ["(?s).*(?U)a*?", ["anything", "a"], []],
  ])("%s", (regex, matched, unmatched) => {
    expect(matching(regex, ...matched, ...unmatched)).toEqual(matched);
  });

  it.each([
    "(",
    ")",
    "a)",
    "(?",
    "(?P<n",
    "(?P<>a)",
    "(?P<n>a)(?P<n>b)",
    "(?x)a",
    "(?=a)",
    "(?!a)",
    "(?<=a)",
    "[",
    "[a",
    "[b-a]",
    "[[:nope:]]",
    "*",
    "+a",
    "a**",
    "a+*",
    "a{2}{3}",
    "{*",
    "|*",
    "(*)",
    "a{1001}",
    "a{2,1}",
    "\\",
    "\\q",
    "\\1",
    "\\8",
    "\\x",
    "\\x{110000}",
    "\\p",
    "\\p{Nope}",
    "\\pX",
    "\\C",
    "\\Z",
    "((((a{100}){100}){100}){100})",
    "(((){1000}){1000}){1000}",
  ])("%s is none", (regex) => {
    expect(() => new TopicPattern(regex)).toThrow(RegexSyntaxError);
  });

  it("takes no longer for expressions that make others slow", () => {
    const name = "a".repeat(240);
    const start = performance.now();
    for (const regex of ["(a*)*b", "(a|aa)+b", "(a+)+b", "(?:a?){200}a{200}b", "(.*)(.*)(.*)(.*)(.*)x", ".*a.{200}b"]) {
      expect(new TopicPattern(regex).matches(name)).toBe(false);
    }
    expect(new TopicPattern("(?:a?){240}a{240}").matches(name)).toBe(true);
    expect(performance.now() - start).toBeLessThan(3000);
  });

  it("remembers a limited number of places, however many there are", () => {
    const pattern = new TopicPattern("(a|b)*a(a|b){400}");
    const random = new SeededRandom(1);
    const name = (): string => Array.from({ length: 600 }, () => random.pick(["a", "b"])).join("");
    for (let i = 0; i < 10; i++) {
      const text = name();
      expect(pattern.matches(text)).toBe(text.at(-401) === "a");
    }
  });

  it("nests as deep as anyone writes, and no expression overruns the stack", () => {
    const deep = (depth: number): string => `${"(".repeat(depth)}a${")".repeat(depth)}`;
    expect(new TopicPattern(deep(900)).matches("a")).toBe(true);
    expect(() => new TopicPattern(deep(15_000))).toThrow(RegexSyntaxError);
    expect(() => new TopicPattern(`${"(".repeat(15_000)}`)).toThrow(RegexSyntaxError);
    expect(new TopicPattern("x".repeat(15_000)).matches("x")).toBe(false);
  });
});
