// The live line: one stream for all tabs of a browser, polling where streams fail, and a light
// that tells the truth. An element with data-live="conversation:12 rider:3" (or a kind alone:
// "incident") gets htmx's `live` trigger when one of them changes.

const LIGHT = { live: "Live", reconnecting: "Reconnecting", stale: "Not up to date" };
const POLL_MS = 20_000;
const SILENT_MS = 40_000; // two pings of 15 s and some patience
const STALE_MS = 60_000;
const DEBOUNCE_MS = 150;
const LEAST_MS = 1_000; // between two fetches of one element

const page = document.body.dataset;
const tabs = new BroadcastChannel("pilebot-console");
const due = new Map(); // element -> timer
const fetched = new WeakMap(); // element -> when
let seen = page.cursor;
let heardAt = Date.now();
let state = "live";
let source = null;

function isNews(element, ref) {
  const kind = ref.split(":")[0];
  return element.dataset.live.split(/\s+/).some((name) => name === ref || name === kind);
}

function refresh(element) {
  if (due.has(element)) return;
  const least = Number(element.dataset.liveLeast ?? LEAST_MS);
  const wait = Math.max(DEBOUNCE_MS, (fetched.get(element) ?? 0) + least - Date.now());
  due.set(element, setTimeout(() => {
    due.delete(element);
    fetched.set(element, Date.now());
    if (element.isConnected) htmx.trigger(element, "live");
  }, wait));
}

// What a page fetches by itself is no sign that somebody is there: it keeps no session alive.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.triggeringEvent?.type === "live") detail.headers["X-Background"] = "1";
});

function tell(ref) {
  for (const element of document.querySelectorAll("[data-live]")) {
    if (ref === null || isNews(element, ref)) refresh(element);
  }
  document.dispatchEvent(new CustomEvent("pilebot:change", { detail: ref }));
}

function isAfter(id, other) {
  const [x1, n1] = id.split("-").map(BigInt);
  const [x2, n2] = (other || "0-0").split("-").map(BigInt);
  return x1 > x2 || (x1 === x2 && n1 > n2);
}

function hear({ id, ref, resync }) {
  heardAt = Date.now();
  show("live");
  if (id && !isAfter(id, seen) && !resync) return;
  if (id) seen = id;
  if (resync) tell(null);
  else if (ref && ref !== "hello") tell(ref);
}

function show(next) {
  if (next === state) return;
  state = next;
  document.documentElement.dataset.line = next;
  const light = document.getElementById("light");
  if (light) {
    light.dataset.state = next;
    light.querySelector("span").textContent = LIGHT[next];
  }
  document.dispatchEvent(new CustomEvent("pilebot:line", { detail: next }));
}

function loggedOut() {
  source?.close();
  location.assign("/login");
}

async function poll() {
  try {
    const answer = await fetch(`${page.poll}?since=${seen}`, { headers: { Accept: "application/json" } });
    if (answer.status === 401 || answer.redirected) return loggedOut();
    if (!answer.ok) return;
    const { cursor, refs, resync } = await answer.json();
    for (const ref of refs) tell(ref);
    hear({ id: cursor, resync });
    seen = cursor;
  } catch {
    // The network is away: the light tells, the next try comes.
  }
}

function pass(message) {
  hear(message);
  tabs.postMessage(message);
}

function open() {
  source = new EventSource(`${page.events}?since=${seen}`);
  source.addEventListener("change", (event) => pass({ id: event.lastEventId, ref: event.data }));
  source.addEventListener("resync", (event) => pass({ id: event.lastEventId, resync: true }));
  source.addEventListener("ping", () => pass({}));
  source.addEventListener("bye", loggedOut);
  source.addEventListener("error", () => {
    show("reconnecting");
    if (source.readyState === EventSource.CLOSED) setTimeout(open, POLL_MS);
  });
}

function watch() {
  const silent = Date.now() - heardAt;
  if (silent > STALE_MS) show("stale");
  else if (silent > SILENT_MS) show("reconnecting");
  if (silent > SILENT_MS) poll();
}

/** Start following; every tab listens, the one that holds the lock has the stream. */
export async function start() {
  tabs.addEventListener("message", (event) => hear(event.data));
  await poll(); // what changed between this page's rows and now
  setInterval(watch, POLL_MS);
  addEventListener("online", poll);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - heardAt > SILENT_MS) poll();
  });
  navigator.locks.request("pilebot-live", () => new Promise(open));
}

/** How the line is: "live", "reconnecting" or "stale". */
export const line = () => state;
