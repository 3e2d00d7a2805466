// What the rider sent and the server has not shown back yet: kept in IndexedDB, sent in order,
// tried again until it is accepted. Every item keeps its own id, so a repeat is said only once.

const RETRY_MS = [800, 1500, 3000, 6000, 12000, 20000];
const KEEP_MS = 24 * 3600 * 1000;

/** A small promise face of one IndexedDB store; memory where the browser has none (private mode). */
class Shelf {
  constructor(name) {
    this.memory = new Map();
    this.ready = new Promise((resolve) => {
      try {
        const request = indexedDB.open(`pilebot-${name}`, 1);
        request.onupgradeneeded = () => request.result.createObjectStore("items", { keyPath: "id" });
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => resolve(null);
      } catch {
        resolve(null);
      }
    });
  }

  async run(mode, action) {
    const database = await this.ready;
    if (!database) return undefined;
    return new Promise((resolve) => {
      const request = action(database.transaction("items", mode).objectStore("items"));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve(undefined);
    });
  }

  put(item) {
    this.memory.set(item.id, item);
    return this.run("readwrite", (store) => store.put(item));
  }

  remove(id) {
    this.memory.delete(id);
    return this.run("readwrite", (store) => store.delete(id));
  }

  async all() {
    return (await this.run("readonly", (store) => store.getAll())) ?? [...this.memory.values()];
  }
}

/** Thrown by a transport: `retry` false means that trying again cannot help. */
export class SendError extends Error {
  constructor(message, { retry = false, loggedOut = false } = {}) {
    super(message);
    this.retry = retry;
    this.loggedOut = loggedOut;
  }
}

export class Outbox {
  /** `send(item)` delivers one item; `changed()` is called whenever the list looks different. */
  constructor(name, send, changed) {
    this.shelf = new Shelf(name);
    this.send = send;
    this.changed = changed;
    this.items = [];
    this.tries = 0;
    this.busy = false;
    this.closed = false;
  }

  async open() {
    const young = Date.now() - KEEP_MS;
    for (const item of (await this.shelf.all()).sort((a, b) => a.at - b.at)) {
      if (item.status === "sent" && item.at < young) this.shelf.remove(item.id);
      else if (!this.items.some((known) => known.id === item.id)) this.items.push(item);
    }
    this.items.sort((a, b) => a.at - b.at);
    this.changed();
    this.flush();
  }

  add(item) {
    const last = this.items.at(-1)?.at ?? 0;
    const kept = { ...item, at: Math.max(Date.now(), last + 1), status: "queued" };
    this.items.push(kept);
    this.shelf.put(kept);
    this.changed();
    this.flush();
  }

  retry(id) {
    const item = this.items.find((each) => each.id === id);
    if (!item) return;
    item.status = "queued";
    item.error = undefined;
    this.tries = 0;
    this.changed();
    this.flush();
  }

  /** The server shows this item itself now (or the rider gave it up). */
  drop(id) {
    if (!this.items.some((each) => each.id === id)) return false;
    this.items = this.items.filter((each) => each.id !== id);
    this.shelf.remove(id);
    return true;
  }

  /** Send what waits, oldest first, one at a time. */
  async flush() {
    if (this.busy || this.closed) return;
    this.busy = true;
    clearTimeout(this.timer);
    let item;
    while ((item = this.items.find((each) => each.status === "queued"))) {
      try {
        await this.send(item);
        item.status = "sent";
        this.tries = 0;
      } catch (error) {
        if (error.retry) {
          this.timer = setTimeout(() => this.flush(), RETRY_MS[Math.min(this.tries, 5)]);
          this.tries += 1;
          break;
        }
        item.status = "failed";
        item.error = error.message;
      }
      if (this.items.includes(item)) this.shelf.put(item);
      this.changed();
    }
    this.busy = false;
    this.changed();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }
}
