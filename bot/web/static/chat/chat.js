// The chat: shows what the transport polls and sends what the rider does. One front end for the
// web chat and for the demo's phone; they differ in the transport and a few options.
//
// transport.poll(after)  → {messages, cursor, typing?, ticks?, earlier?}   (docs/chat-message.md)
// transport.send(item)   → resolves when accepted, with {id} of the message if it is known already;
//                          throws SendError
// transport.waits        → true when poll itself waits for news
// transport.earlier(id)  → {messages, earlier} (optional)
// item: {id, kind: "text" | "reply" | "photo" | "location", text?, payload?, to?, file?, lat?, lng?}

import { bubble } from "./bubbles.js";
import { Composer } from "./composer.js";
import { fill, h, icon, uuid } from "./dom.js";
import { Outbox } from "./outbox.js";
import { shrunk } from "./photo.js";
import { pickFrom, zoomInto } from "./sheet.js";

const BUSY_MS = 900;
const CALM_MS = 1500;
const IDLE_MS = 4000;
const HIDDEN_MS = 15000;
const NEAR_PX = 90;

export class Chat {
  /**
   * options: transport, key (names the rider's local store), name (who is on the other side),
   * own ("in": the rider's screen), texts (bot/web/texts.py), locale, mapPicture(lat, lng), pickLocation(),
   * shrink (make photos smaller), anyFile, maxBytes, loginUrl.
   */
  constructor(root, options) {
    this.root = root;
    this.options = { own: "in", name: "", shrink: false, maxBytes: 16e6, ...options };
    this.texts = options.texts;
    this.messages = new Map();
    this.nodes = new Map();
    this.tapped = new Map();
    this.links = new Map();
    this.copies = new Map();
    this.cursor = "";
    this.pinned = true;
    this.lastTop = 0;
    this.unseen = 0;
    this.failures = 0;
    this.lastActive = Date.now();
    this.formats(options.locale);
    this.build();
    this.outbox = new Outbox(options.key, (item) => this.deliver(item), () => this.render());
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    addEventListener("online", () => this.hurry(), { signal });
    addEventListener("offline", () => this.connection("offline"), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry(), { signal });
  }

  start() {
    this.connection("connecting");
    this.outbox.open();
    this.poll();
    return this;
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.outbox.close();
    this.listeners.abort();
    this.links.forEach((url) => URL.revokeObjectURL(url));
    this.root.replaceChildren();
  }

  formats(locale) {
    const time = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
    const day = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
    this.time = (at) => time.format(at);
    this.day = (at) => {
      const days = Math.round((midnight(new Date()) - midnight(at)) / 86400000);
      return days === 0 ? this.texts.today : days === 1 ? this.texts.yesterday : day.format(at);
    };
  }

  build() {
    const { texts } = this;
    this.banner = h("div", { class: "connection", role: "status", hidden: true });
    this.toast = h("div", { class: "toast", role: "alert", hidden: true });
    this.log = h("div", { class: "log", role: "log", "aria-live": "off", "aria-label": texts.messages, tabindex: "0" });
    this.more = h("button", { type: "button", class: "more", hidden: true, onclick: () => this.loadEarlier() }, texts.earlier);
    this.typing = h("div", { class: "row theirs typing", hidden: true }, h("div", { class: "bubble" }, h("span", { class: "hidden-text" }, fill(texts.typing, { name: this.options.name })), h("i"), h("i"), h("i")));
    this.empty = h("p", { class: "empty", hidden: true }, texts.empty);
    this.scroller = h("div", { class: "scroller", onscroll: () => this.scrolled() }, this.more, this.empty, this.log, this.typing);
    this.chip = h("button", { type: "button", class: "chip", hidden: true, onclick: () => this.toBottom(true) }, icon("down"), h("span"));
    this.composer = new Composer({
      texts,
      draftKey: `draft-${this.options.key}`,
      anyFile: this.options.anyFile,
      actions: {
        send: (what) => this.sendWritten(what),
        locate: () => this.sendLocation(),
        complain: (text) => this.say(text),
      },
    });
    this.root.classList.add("chat");
    this.root.replaceChildren(this.banner, this.scroller, this.chip, this.toast, this.composer.node);
    this.root.addEventListener("dragover", (event) => { event.preventDefault(); this.root.classList.add("dropping"); });
    this.root.addEventListener("dragleave", () => this.root.classList.remove("dropping"));
    this.root.addEventListener("drop", (event) => {
      event.preventDefault();
      this.root.classList.remove("dropping");
      if (event.dataTransfer.files[0]) this.composer.attach(event.dataTransfer.files[0]);
    });
    new ResizeObserver(() => this.pinned && this.toBottom(false)).observe(this.scroller);
  }

  // Sending

  sendText(text) {
    this.enqueue({ kind: "text", text });
  }

  async sendPhoto(file, text = "") {
    const photo = this.options.shrink ? await shrunk(file) : file;
    if (photo.size > this.options.maxBytes) {
      this.say(fill(this.texts.too_big, { limit: Math.floor(this.options.maxBytes / 1e6) }));
      return;
    }
    this.enqueue({ kind: "photo", text, file: photo });
  }

  sendWritten({ text, file }) {
    if (file) this.sendPhoto(file, text);
    else this.sendText(text);
  }

  /** A tapped button or list row: `option.id` goes back, its title is what the rider "said". */
  sendReply(message, option) {
    this.tapped.set(message.id, option.id);
    this.enqueue({ kind: "reply", text: option.title, payload: option.id, to: message.id, list: message.kind === "list" });
  }

  sendPlace(place) {
    this.enqueue({ kind: "location", ...place });
  }

  async sendLocation() {
    try {
      if (!this.options.pickLocation) this.say(this.texts.finding, 20000);
      const place = await (this.options.pickLocation ?? browserLocation)();
      this.toast.hidden = true;
      if (place) this.sendPlace(place);
    } catch {
      this.say(this.texts.no_location, 8000);
    }
  }

  enqueue(item) {
    this.pinned = true;
    this.outbox.add({ id: uuid(), ...item });
    this.toBottom(true);
  }

  async deliver(item) {
    try {
      const answer = await this.options.transport.send(item);
      item.server_id = answer?.id;
      if (this.messages.has(item.server_id)) this.outbox.drop(item.id);
      this.hurry();
    } catch (error) {
      if (error.loggedOut) this.connection("logged_out");
      throw error;
    }
  }

  // Receiving

  hurry() {
    this.lastActive = Date.now();
    if (this.polling) this.again = true;
    else this.poll();
    this.outbox.flush();
  }

  async poll() {
    if (this.stopped || this.polling) return;
    clearTimeout(this.timer);
    this.polling = true;
    this.again = false;
    try {
      const news = await this.options.transport.poll(this.cursor);
      if (this.stopped) return;
      this.failures = 0;
      this.connection(null);
      this.take(news);
    } catch (error) {
      this.failures += 1;
      if (error.loggedOut) this.connection("logged_out");
      else if (this.failures > 1 || !navigator.onLine) this.connection("offline");
    } finally {
      this.polling = false;
    }
    if (!this.stopped) this.timer = setTimeout(() => this.poll(), this.again ? 0 : this.pause());
  }

  pause() {
    if (this.failures) return Math.min(1000 * 2 ** this.failures, 15000);
    if (this.options.transport.waits) return 0;
    if (document.hidden) return HIDDEN_MS;
    const calm = Date.now() - this.lastActive;
    return calm < 30000 ? BUSY_MS : calm < 180000 ? CALM_MS : IDLE_MS;
  }

  take({ messages, cursor, typing = false, ticks = {}, earlier }) {
    const first = this.cursor === "" && !this.loaded;
    this.loaded = true;
    if (cursor) this.cursor = cursor;
    if (earlier !== undefined) this.more.hidden = !earlier;
    const fresh = this.merge(messages);
    for (const [id, status] of Object.entries(ticks)) {
      const message = this.messages.get(id);
      if (message) message.status = status;
    }
    this.typing.hidden = !typing;
    if (fresh.length) this.lastActive = Date.now();
    const theirs = fresh.filter((message) => message.direction !== this.options.own).length;
    this.unseen += first || this.pinned ? 0 : theirs;
    this.render();
    if (first) requestAnimationFrame(() => this.log.setAttribute("aria-live", "polite"));
    if (first || this.pinned) this.toBottom(!first);
    if (theirs && !first) this.root.dispatchEvent(new CustomEvent("chat:received", { bubbles: true }));
  }

  merge(messages) {
    const fresh = messages.filter((message) => !this.messages.has(message.id));
    for (const message of messages) {
      const sent = this.outbox.items.find((item) => item.id === message.client_id || item.server_id === message.id);
      // The service does not keep photos it has read: here the rider's own copy stays in view.
      if (sent?.file && this.links.has(sent.id)) this.copies.set(message.id, { url: this.links.get(sent.id), name: sent.file.name });
      if (sent) this.outbox.drop(sent.id);
      const shown = { ...message };
      if (shown.kind === "image" && !shown.media?.url) shown.media = this.copies.get(message.id);
      this.messages.set(message.id, shown);
    }
    return fresh;
  }

  async loadEarlier() {
    const oldest = this.sorted()[0];
    const height = this.scroller.scrollHeight;
    const { messages, earlier } = await this.options.transport.earlier(oldest.id);
    this.more.hidden = !earlier;
    this.merge(messages);
    this.render();
    this.scroller.scrollTop += this.scroller.scrollHeight - height;
    this.log.focus({ preventScroll: true });
  }

  // Showing

  sorted() {
    return [...this.messages.values()]
      .map((message, index) => ({ message, index, at: Date.parse(message.at) }))
      .sort((a, b) => a.at - b.at || a.index - b.index)
      .map(({ message }) => message);
  }

  /** What waits to be sent, in the form of the messages around it. */
  pending(item) {
    const message = {
      id: item.id, at: new Date(item.at).toISOString(), direction: this.options.own, author: "rider",
      kind: { photo: "image", location: "location" }[item.kind] ?? "text",
      text: item.text, status: item.status, error: item.error, pending: true,
    };
    if (item.kind === "photo") {
      if (!this.links.has(item.id)) this.links.set(item.id, URL.createObjectURL(item.file));
      message.media = { url: this.links.get(item.id), type: item.file.type, name: item.file.name };
      if (!item.file.type.startsWith("image/")) message.kind = "document";
    }
    if (item.kind === "location") message.location = { lat: item.lat, lng: item.lng, label: item.label };
    return message;
  }

  /** Bring the log up to date: bubbles that did not change keep their element and their focus. */
  render() {
    const known = this.sorted();
    const answered = known.findLastIndex((message) => message.direction !== this.options.own);
    const shown = [...known, ...this.outbox.items.map((item) => this.pending(item))];
    this.empty.hidden = !this.loaded || shown.length > 0;
    this.markTapped(known);
    const wanted = [];
    let lastDay = "";
    for (const [place, message] of shown.entries()) {
      // Who answered has read what was written before.
      if (place < answered && message.status === "delivered") message.status = "read";
      const day = this.day(new Date(message.at));
      if (day !== lastDay) wanted.push(this.node(`day:${day}`, day, () => h("div", { class: "day" }, h("span", {}, day))));
      lastDay = day;
      const look = JSON.stringify([message, this.tapped.get(message.id)]);
      wanted.push(this.node(message.id, look, () => bubble(message, this.view())));
    }
    for (const [key, kept] of this.nodes) {
      if (!wanted.includes(kept.node)) {
        kept.node.remove();
        this.nodes.delete(key);
      }
    }
    wanted.forEach((node, index) => {
      if (this.log.children[index] !== node) this.log.insertBefore(node, this.log.children[index] ?? null);
    });
    this.showChip();
  }

  /** Buttons answered before this page was opened stay answered. */
  markTapped(messages) {
    for (const { reply_to: asked, text } of messages) {
      const option = asked && this.messages.get(asked)?.options?.find(({ title }) => title === text);
      if (option) this.tapped.set(asked, option.id);
    }
  }

  node(key, look, make) {
    const kept = this.nodes.get(key);
    if (kept?.look === look) return kept.node;
    const node = make();
    if (kept) this.replace(kept.node, node);
    this.nodes.set(key, { look, node });
    return node;
  }

  /** Swap a bubble without losing the keyboard's place in it. */
  replace(old, fresh) {
    const inside = [...old.querySelectorAll("button, a")].indexOf(document.activeElement);
    old.replaceWith(fresh);
    if (inside >= 0) fresh.querySelectorAll("button, a")[inside]?.focus({ preventScroll: true });
  }

  view() {
    return {
      own: this.options.own, name: this.options.name, texts: this.texts, time: this.time,
      tapped: this.tapped, mapPicture: this.options.mapPicture,
      tap: (message, option) => this.sendReply(message, option),
      pick: (message, title) =>
        pickFrom(this.root, {
          title, text: message.text, options: message.options ?? [], texts: this.texts,
          chosen: (option) => this.sendReply(message, option),
        }),
      zoom: (url, alt) => zoomInto(this.root, { url, alt, texts: this.texts }),
      retry: (id) => this.outbox.retry(id),
      discard: (id) => { this.outbox.drop(id); this.render(); this.composer.field.focus(); },
      settled: () => this.pinned && this.toBottom(false),
    };
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    // Only a hand moves up: our own scrolling goes down, and may still be on its way when news comes.
    if (scrollHeight - scrollTop - clientHeight < NEAR_PX) this.pinned = true;
    else if (scrollTop < this.lastTop - 1) this.pinned = false;
    this.lastTop = scrollTop;
    if (this.pinned) this.unseen = 0;
    this.showChip();
  }

  showChip() {
    this.chip.hidden = this.pinned;
    const label = this.unseen ? fill(this.texts.new_messages, { count: this.unseen }) : "";
    this.chip.lastChild.textContent = label;
    this.chip.setAttribute("aria-label", label || this.texts.to_newest);
  }

  toBottom(smooth) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior: smooth && !calm ? "smooth" : "auto" });
    this.unseen = 0;
    this.showChip();
  }

  /** A short notice above the composer. */
  say(text, for_ms = 6000) {
    this.toast.textContent = text;
    this.toast.hidden = false;
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => { this.toast.hidden = true; }, for_ms);
  }

  connection(state) {
    if (this.state === state) return;
    this.state = state;
    this.root.dataset.connection = state ?? "live";
    this.banner.hidden = !state;
    if (!state) return;
    const parts = [this.texts[state]];
    if (state === "logged_out" && this.options.loginUrl) {
      parts.push(" ", h("a", { href: this.options.loginUrl }, this.texts.login));
    }
    this.banner.replaceChildren(...parts);
  }
}

const midnight = (at) => new Date(at.getFullYear(), at.getMonth(), at.getDate());

function browserLocation() {
  return new Promise((resolve, reject) => {
    if (!navigator.geolocation) reject(new Error("no geolocation"));
    else navigator.geolocation.getCurrentPosition(
      ({ coords }) => resolve({ lat: coords.latitude, lng: coords.longitude }),
      reject,
      { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 },
    );
  });
}
