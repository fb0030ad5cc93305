// Reads and writes the command words in a tweet, so that chips and sliders and typing stay one. The server has the last word.

const NAMES = { g: "g|genre", t: "t|tempo", r: "r|randomness", s: "s|seed" };

function pattern(letter) {
  return new RegExp(`(^|\\s)/(?:${NAMES[letter]})\\s+([^\\s/]+)`, "i");
}

export function readWord(text, letter) {
  return text.match(pattern(letter))?.[2] ?? null;
}

export function writeWord(text, letter, value) {
  const found = pattern(letter);
  if (value === null) return text.replace(found, "$1").replace(/\s{2,}/g, " ").trimEnd();
  if (found.test(text)) return text.replace(found, `$1/${letter} ${value}`);
  const asked = /(^|\s)\/compose\b/i.test(text) ? text : `${text.trimEnd()} /compose`.trimStart();
  return `${asked.trimEnd()} /${letter} ${value}`;
}

export const withoutSeed = (text) => writeWord(text, "s", null);

// The words in a tweet that are commands, for showing them in another colour.
export function pieces(text) {
  return text.split(/(\/[a-z]+(?=\s|$)|@\w+|#\w+)/i).filter(Boolean).map((part) => ({ part, command: /^[/@#]/.test(part) }));
}
