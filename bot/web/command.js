// Reads and writes the command words in a post. The server's help list holds the names of each word.

const names = (letter) => document.querySelector(`#words [data-names^="${letter}|"]`).dataset.names;

function pattern(letter) {
  return new RegExp(`(^|\\s)/(?:${names(letter)})\\s+([^\\s/]+)`, "i");
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

// Splits a post into commands, names, tags and other text.
export function pieces(text) {
  return text.split(/(\/[a-z]+(?=\s|$)|@\w+|#\w+)/i).filter(Boolean).map((part) => ({ part, command: /^[/@#]/.test(part) }));
}
