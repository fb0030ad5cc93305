// The list of posts, grouped by thread: a thread stands where its newest post came in, its posts are in order of age.

import { element } from "../lib/dom.js";
import { Post } from "./post.js";

export class TimelineList {
  constructor(node, actions) {
    Object.assign(this, { node, actions, threads: new Map() });
  }

  find(id) {
    return id ? this.node.querySelector(`[data-id="${CSS.escape(id)}"]`)?.post ?? null : null;
  }

  get posts() {
    return [...this.node.querySelectorAll(".post")].map((node) => node.post);
  }

  get songs() {
    return this.posts.map((post) => post.song).filter(Boolean);
  }

  get empty() {
    return !this.node.children.length;
  }

  // place: where a new thread goes, "top" or "bottom". Returns the post; a known song is not added twice.
  add(state, place) {
    return this.find(state.id) ?? this.place(new Post(state, this.actions), place);
  }

  place(post, where) {
    const { root, parent_root: parentRoot, id, number } = post.state;
    const thread = root || parentRoot || id || null;
    this.thread(thread, where).insertBefore(post.node, this.successor(thread, number));
    return post;
  }

  thread(root, place) {
    const known = root && this.threads.get(root);
    if (known) return known;
    const thread = element("div", { class: "thread" });
    if (root) this.threads.set(root, thread);
    if (place === "top") this.node.prepend(thread);
    else this.node.append(thread);
    return thread;
  }

  // A post that has been accepted has an id by which replies find its thread.
  name(post) {
    const { id, root } = post.state;
    if (id && !this.threads.has(root || id)) this.threads.set(root || id, post.node.parentElement);
  }

  // The first post of the thread with a higher number; posts without one are the newest.
  successor(root, number) {
    const posts = root && number ? [...(this.threads.get(root)?.querySelectorAll(".post") ?? [])] : [];
    return posts.find((node) => !node.post.state.number || node.post.state.number > number) ?? null;
  }

  drop(post) {
    const thread = post.node.parentElement;
    post.node.remove();
    if (thread.querySelector(".post")) return;
    thread.remove();
    for (const [root, node] of this.threads) if (node === thread) this.threads.delete(root);
  }

  clear() {
    this.node.replaceChildren();
    this.threads.clear();
  }
}
