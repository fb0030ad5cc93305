// Reads and writes the command words in a post. The server's help list holds the names of each word.

const LISTS = { i: true, c: true }; // words whose value may hold spaces: it ends at the next slash word
const names = (letter) => document.querySelector(`#words [data-names^="${letter}|"]`)?.dataset.names ?? letter;

function pattern(letter) {
  const value = LISTS[letter] ? "(.*?)(?=\\s+/[a-z]|\\s*$)" : letter === "k" ? "([^\\s/]+(?:\\s+(?:major|minor|maj|min|sharp|flat)\\b)*)" : "([^\\s/]+)";
  return new RegExp(`(^|\\s)/(?:${names(letter)})\\s+${value}`, "is");
}

const flagPattern = (letter) => new RegExp(`(^|\\s)/(?:${names(letter)})(?=\\s|$)`, "i");
const VERB = /(^|\s)\/(compose|help|genres|again|vary|extend|replace|stop)\b/i;

export const hasVerb = (text) => VERB.test(text);
export const readWord = (text, letter) => text.match(pattern(letter))?.[2].trim() || null;
// "D minor", "d min" and "Dm" are "Dm"; "D major" is "D"; "" without a key.
export const readKey = (text) => (readWord(text, "k") ?? "").replace(/\s*(major|maj)$/i, "").replace(/\s*(minor|min)$/i, "m").replace(/^[a-g]/, (tonic) => tonic.toUpperCase());
export const readFlag = (text, letter) => flagPattern(letter).test(text);

// The text that is sent: a post without a verb asks for a song.
export const withVerb = (text) => (hasVerb(text) ? text : text.match(/(^|\s)\/[a-z]/i) ? text.replace(/(^|\s)(?=\/[a-z])/i, "$1/compose ") : `${text.trimEnd()} /compose`.trimStart());

// Sets a word to a value, or takes it out (null).
export function writeWord(text, letter, value) {
  return write(text, pattern(letter), value === null ? null : `/${letter} ${value}`);
}

export function writeFlag(text, letter, on) {
  return write(text, flagPattern(letter), on ? `/${letter}` : null);
}

function write(text, found, words) {
  if (words === null) return text.replace(found, "$1").replace(/[ \t]{2,}/g, " ").trimEnd();
  if (found.test(text)) return text.replace(found, (_all, before) => before + words);
  const asked = text.trim() ? withVerb(text) : "/compose";
  return `${asked.trimEnd()} ${words}`;
}

export const withoutSeed = (text) => writeWord(text, "s", null);

// The text in front of the first command word.
export const titleOf = (text) => text.split(/(?:^|\s)\/[a-z]/i)[0].trim();

// Splits a post into commands, names, tags and other text.
export function pieces(text) {
  return text.split(/(\/[a-z]+(?=\s|$)|@\w+|#\w+)/i).filter(Boolean).map((part) => ({ part, command: /^[/@#]/.test(part) }));
}

// {genre: weight} of "jazz" or "metal:0.7+jazz:0.3"; weights sum to 1. Names as written.
export function readBlend(value) {
  const parts = (value ?? "").split("+").filter(Boolean).map((part) => part.split(":")).map(([name, weight]) => [name.trim().toLowerCase().replaceAll("_", "-"), Number(weight?.replace(",", ".") ?? 1) || 0]);
  const total = parts.reduce((sum, [, weight]) => sum + weight, 0) || 1;
  return parts.map(([name, weight]) => ({ name, weight: weight / total }));
}

export function writeBlend(first, second, share) {
  if (!second || share <= 0) return first;
  if (share >= 1) return second;
  return `${first}:${(1 - share).toFixed(2)}+${second}:${share.toFixed(2)}`;
}

// ["Dm7", "G7-A7"] of "Dm7 | G7-A7": one entry a bar.
export const readChords = (value) => (value ?? "").split(/[|,;\s]+/).map((bar) => bar.trim()).filter(Boolean);
export const writeChords = (bars) => (bars.length ? bars.join(" | ") : null);
