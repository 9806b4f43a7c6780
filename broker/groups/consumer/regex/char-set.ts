/**
 * Sets of characters. Topic names are ASCII, so what a set says of other characters is not kept.
 */
export const ASCII_SIZE = 128;

/** By character code: 1 when it is in the set. Not to be changed once it is made. */
export type CharSet = Uint8Array;

export function charSet(includes: (char: string, code: number) => boolean): CharSet {
  const set = new Uint8Array(ASCII_SIZE);
  for (let code = 0; code < ASCII_SIZE; code++) set[code] = Number(includes(String.fromCharCode(code), code));
  return set;
}

export const ANY_CHAR = charSet(() => true);

export function inverted(set: CharSet): CharSet {
  return set.map((member) => 1 - member);
}

export function union(sets: readonly CharSet[]): CharSet {
  return charSet((_, code) => sets.some((set) => set[code] === 1));
}

/** Characters beyond ASCII that are the other case of one within. */
const KELVIN_SIGN = 0x212a;
const LONG_S = 0x17f;

/** From one code point to another, inclusive. */
export function charRange(low: number, high: number, foldsCase: boolean): CharSet {
  const within = (code: number): boolean => code >= low && code <= high;
  if (!foldsCase) return charSet((_, code) => within(code));
  return charSet((char) => {
    const [lower, upper] = [char.toLowerCase(), char.toUpperCase()];
    if (lower === "k" && within(KELVIN_SIGN)) return true;
    if (lower === "s" && within(LONG_S)) return true;
    return within(lower.charCodeAt(0)) || within(upper.charCodeAt(0));
  });
}

export function isWordChar(code: number): boolean {
  return WORD[code] === 1;
}

export const DIGIT = charSet((char) => /[0-9]/.test(char));
export const SPACE = charSet((char) => /[\t\n\f\r ]/.test(char));
export const WORD = charSet((char) => /[0-9A-Za-z_]/.test(char));

export const POSIX_CLASSES: ReadonlyMap<string, CharSet> = new Map(
  Object.entries({
    alnum: /[0-9A-Za-z]/,
    alpha: /[A-Za-z]/,
    ascii: /./s,
    blank: /[\t ]/,
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is the class of these
    cntrl: /[\x00-\x1f\x7f]/,
    digit: /[0-9]/,
    graph: /[!-~]/,
    lower: /[a-z]/,
    print: /[ -~]/,
    punct: /[!-/:-@[-`{-~]/,
    space: /[\t\n\v\f\r ]/,
    upper: /[A-Z]/,
    word: /[0-9A-Za-z_]/,
    xdigit: /[0-9A-Fa-f]/,
  }).map(([name, pattern]) => [name, charSet((char) => pattern.test(char))]),
);

const CATEGORIES: ReadonlySet<string> = new Set(
  "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs".split(" "),
);
/** Other names as short as these are codes of scripts, which RE2 does not know. */
const SHORT_SCRIPTS: ReadonlySet<string> = new Set(["Cham", "Lao", "Lisu", "Nko", "Thai", "Vai", "Yi"]);

/** A Unicode category or script; undefined when there is none of that name. */
export function unicodeClass(name: string): CharSet | undefined {
  if (name === "Any") return ANY_CHAR;
  if (CATEGORIES.has(name)) return classOf(`\\p{${name}}`);
  const mayBeScript = /^[A-Z][a-z]+(_[A-Z][a-z]+)*$/.test(name) && (name.length > 4 || SHORT_SCRIPTS.has(name));
  return mayBeScript ? classOf(`\\p{Script=${name}}`) : undefined;
}

function classOf(source: string): CharSet | undefined {
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, "u");
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return charSet((char) => pattern.test(char));
}
