// What this browser keeps: own songs with their deletion tokens, songs under way, posts not yet sent, preferences.

const PREFIX = "riffbird-";
const LONGEST_LIST = 300;

export function load(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name)) ?? fallback;
  } catch {
    return fallback; // storage is blocked, or holds no JSON
  }
}

// False if the browser keeps nothing (private mode, full).
export function save(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

// A list of records with an `id`, oldest first, kept under one name.
export class Records {
  constructor(name) {
    this.name = name;
  }

  all() {
    const kept = load(this.name, []);
    return (Array.isArray(kept) ? kept : []).map((each) => (typeof each === "string" ? { id: each } : each));
  }

  find(id) {
    return this.all().find((record) => record.id === id) ?? null;
  }

  put(record) {
    return save(this.name, [...this.all().filter((other) => other.id !== record.id), record].slice(-LONGEST_LIST));
  }

  remove(id) {
    save(this.name, this.all().filter((record) => record.id !== id));
  }
}

export const mine = new Records("mine"); // {id, token}
export const pending = new Records("pending"); // {id}: songs under way, so that a reload finds them
export const outbox = new Records("outbox"); // {id (idempotency key), text, reply_to, files}: not yet accepted
