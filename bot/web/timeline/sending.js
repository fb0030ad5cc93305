// Sends posts, keeps those that the server cannot take now, and follows the songs under way.

import { deliver, forget, keep, waiting } from "../compose/outbox.js";
import { getComposition } from "../lib/api.js";
import { randomId } from "../lib/dom.js";
import { follow, SETTLED } from "../lib/follow.js";
import { mine, pending } from "../lib/storage.js";

const RETRY_SECONDS = 5;

// Marks what this browser sent; the server has no accounts.
export const marked = (state) => ({ ...state, mine: Boolean(mine.find(state.id)) });

export class Sender {
  constructor(list) {
    this.list = list;
    this.left = { posts: waiting(), songs: pending.all() }; // of an earlier visit
  }

  // {text, reply_to, files, parent, change}. Returns the post, shown at once.
  async send({ text, reply_to: replyTo = null, files = {}, parent = null, change = "" }) {
    const id = randomId();
    const fields = { text, reply_to: replyTo };
    const post = this.list.add({ text, mine: true, change, parent: replyTo, parent_root: parent?.root || replyTo }, "top");
    Object.assign(post, { outboxId: id, fields, files });
    await keep(id, fields, files);
    this.deliver(post);
    return post;
  }

  // Posts that an earlier visit could not send, and songs that were under way.
  async resume() {
    for (const { id, fields } of this.left.posts) {
      const post = this.list.add({ text: fields.text, mine: true, parent: fields.reply_to, parent_root: fields.reply_to }, "top");
      Object.assign(post, { outboxId: id, fields, files: null });
      this.deliver(post);
    }
    for (const { id } of this.left.songs) await this.resumeSong(id);
  }

  async resumeSong(id) {
    if (this.list.find(id)?.song) return pending.remove(id);
    try {
      const state = await getComposition(id);
      const post = this.list.add(marked(state), "top");
      if (SETTLED.includes(state.status)) pending.remove(id);
      else this.watch(post, id);
    } catch (problem) {
      if (problem.status === 404) pending.remove(id);
    }
  }

  async deliver(post) {
    clearTimeout(post.retryTimer);
    post.update({ ...post.state, status: undefined, notices: [] });
    post.build();
    try {
      const accepted = await deliver(post.outboxId, post.fields, post.files);
      mine.put({ id: accepted.id, token: accepted.token });
      pending.put({ id: accepted.id });
      post.update({ ...post.state, ...accepted, status: "queued", progress: 0 });
      this.list.name(post);
      this.watch(post, accepted.id);
    } catch (problem) {
      if (!problem.passing) return post.refuse(problem);
      const seconds = problem.retryAfter ?? RETRY_SECONDS;
      post.keepTrying(problem, seconds);
      post.retryTimer = setTimeout(() => this.deliver(post), seconds * 1000);
    }
  }

  // The server is back: what is kept goes out at once.
  sendKept() {
    for (const post of this.list.posts) if (post.node.dataset.status === "kept") this.deliver(post);
  }

  discard(post) {
    clearTimeout(post.retryTimer);
    forget(post.outboxId);
    this.list.drop(post);
  }

  watch(post, id) {
    follow(id, (state) => {
      post.update(marked({ ...state, text: post.text || state.text, change: state.change ?? post.state.change, parent: state.parent ?? post.state.parent }));
      if (SETTLED.includes(state.status)) pending.remove(id);
    }, (detail) => post.trouble(detail));
  }
}
